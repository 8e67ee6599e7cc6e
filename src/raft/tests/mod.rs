mod effects;
mod mistakes;
mod random;
mod search;
mod transcripts;
