//! The eBPF side: the only module that knows aya.

mod btf;
mod direct_map;
mod error;
mod ksym;
mod loader;
#[cfg(feature = "ebpf-log")]
mod log;
mod memlock;
mod ring;
mod sys;

pub use error::BpfError;
pub use loader::{Hooked, Probes, Unhooked, hook};
pub(crate) use memlock::lift_memlock;
pub use ring::Ring;
pub(crate) use sys::keep_heap;
