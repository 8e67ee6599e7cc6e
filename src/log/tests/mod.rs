//! The storage as a whole, on a disk that loses power.
mod faults;
mod model;
mod node;
mod scale;
