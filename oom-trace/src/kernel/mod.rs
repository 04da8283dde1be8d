//! What is known of the running kernel, and what follows from it.

pub mod attach;
pub mod btf;
pub mod capability;
pub mod facts;
pub mod gfp;
mod hooks;
pub mod kallsyms;
pub mod layout;
pub(crate) mod namespace;
pub mod plan;
pub(crate) mod vmstat;

#[cfg(test)]
pub(crate) mod testdata;
