//! One command a file.

mod account;
pub mod check;
mod destinations;
pub mod history;
mod narrower;
pub mod report;
pub mod run;
pub(crate) mod select;
pub mod top;
pub mod trigger;
pub mod verify;
