//! One command a file.

pub mod check;
mod destinations;
pub mod history;
mod own_log;
pub mod run;
mod source;
pub mod trigger;
