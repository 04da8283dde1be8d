//! From the wire's records to the public event.

pub mod assemble;
pub mod model;
mod text;

pub use text::{Escaped, KernelText, acts};
