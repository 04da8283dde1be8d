//! One command a file.

pub mod check;
pub mod history;
pub mod run;
mod source;
pub mod trigger;
