//! What the eBPF program's hooks say of themselves; built in by the feature `ebpf-log`, and off unless
//! asked for.

use std::io;
use std::os::fd::AsFd;

use aya_log::EbpfLogger;

use super::error::BpfError;
use super::info::{Verified, verified};
use super::sys::readable;
use crate::say::say;

/// Each message is a line.
#[derive(Clone, Copy)]
pub(super) struct Lines;

impl ::log::Log for Lines {
    fn enabled(&self, _: &::log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &::log::Record<'_>) {
        say(format_args!("eBPF: {}", record.args()));
    }

    fn flush(&self) {}
}

/// Prints messages until the agent ends. All programs write to the ring that this one does.
pub(super) fn forward(program: impl AsFd) -> Result<(), BpfError> {
    let Verified { id, .. } = verified(program)?;
    let mut logger = readable(EbpfLogger::init_from_id_with_logger(id, Lines)?)?;
    tokio::spawn(async move {
        loop {
            let mut ready = logger.readable_mut().await?;
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
        #[expect(unreachable_code, reason = "names the type of the block's errors")]
        io::Result::Ok(())
    });
    Ok(())
}
