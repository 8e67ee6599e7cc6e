//! The storage as a whole, on a disk that loses power.
mod compaction;
mod faults;
mod model;
mod node;
mod numbers;
mod placing;
mod read_ahead;
mod repair;
mod replication;
mod scale;
