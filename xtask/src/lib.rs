//! What the host and its guest agree on: the job the guest is given, and the frames it sends home.

pub mod frame;
pub mod job;
