//! What crosses the boundary between the eBPF program and user space, and nothing else.

#![no_std]

pub mod layout;
pub mod record;
