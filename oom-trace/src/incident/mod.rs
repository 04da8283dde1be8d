//! From the wire's records to the public event.

pub mod assemble;
pub mod dying;
pub mod model;
