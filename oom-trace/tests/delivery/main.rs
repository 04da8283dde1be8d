//! Sinks, and the programs that people receive records with: each is up, comes up late, is killed and
//! comes back.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails so")]
#![expect(clippy::indexing_slicing, reason = "a test fails so")]
#![expect(clippy::print_stderr, reason = "what a sink says is the way to find out why")]

#[path = "../support/growing.rs"]
mod growing;
#[path = "../support/here.rs"]
#[expect(dead_code, reason = "only one test here has an agent")]
mod here;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "of what the tests share these need the program alone")]
mod support;

mod authority;
mod bench;
mod bodies;
mod dist;
mod file;
mod front;
mod journald;
mod prometheus;
mod proxy;
mod rotel;
mod rsyslog;
mod tails;
mod thousand;
mod webhook;
