//! What the OOM killer did: which process, why that one, whose limit, and whether it helped.

pub mod app;
pub mod bpf;
pub mod budget;
mod cause;
pub mod cli;
pub mod commands;
pub mod config;
pub mod delivery;
pub mod enrich;
pub mod incident;
pub mod kernel;
pub mod kernel_log;
mod pipeline;
mod quote;
pub mod release;
pub mod render;
pub mod report;
mod reserve;
mod say;
pub mod setting;
pub mod sink;
pub mod store;
mod systemd;
pub mod text;
mod units;
pub mod why;
pub mod wire;
