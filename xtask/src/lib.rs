//! What the host and its guest agree on: the job the guest is given, the frames it sends home, and what
//! the benchmark measures.

pub mod frame;
pub mod job;
pub mod measure;
