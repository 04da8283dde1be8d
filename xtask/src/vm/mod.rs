//! Real kernels in virtual machines.

mod account;
pub(crate) mod arch;
pub(crate) mod archive;
mod gallery;
mod guest;
mod image;
pub(crate) mod kernels;
pub(crate) mod machines;
pub(crate) mod matrix;
mod package;
pub(crate) mod page;
mod payload;
pub(crate) mod power_cut;
mod qemu;
mod sample;
pub(crate) mod system;
mod table;

use std::path::PathBuf;

pub(crate) use self::guest::Guest;
pub(crate) use self::payload::Payload;
pub(crate) use self::qemu::Ending;
use crate::sh;

/// The folder of all that virtual machines need and leave.
pub(crate) fn folder() -> PathBuf {
    sh::root().join("target/vm")
}
