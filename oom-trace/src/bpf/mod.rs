//! The eBPF side: the only module that knows aya, and calls bpf(2).

mod calls;
mod direct_map;
mod error;
mod held;
mod image;
mod info;
mod kernel_btf;
mod ksym;
mod loader;
#[cfg(feature = "ebpf-log")]
mod log;
mod memlock;
mod object;
mod ring;
mod sys;

pub use error::BpfError;
pub use kernel_btf::KernelBtf;
pub use loader::{Hooked, Probes, Unhooked, hook};
pub(crate) use memlock::lift_memlock;
pub use ring::Ring;
pub(crate) use sys::{Pieces, keep_heap, share_heap};
