//! One command a file.

pub mod check;
pub mod run;
pub mod trigger;
