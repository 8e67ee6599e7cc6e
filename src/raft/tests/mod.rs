mod effects;
mod mistakes;
mod mistakes_searched;
mod random;
mod search;
mod transcripts;
