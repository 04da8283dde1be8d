//! SIGINT and SIGTERM as something to wait for beside a child.

use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};

use super::TriggerError;

/// Readable once a signal has come.
#[derive(Debug)]
pub(super) struct Interrupt {
    reader: UnixStream,
    ids: Vec<SigId>,
}

impl Interrupt {
    pub(super) fn listen() -> Result<Self, TriggerError> {
        let failed = || TriggerError::system("listen for SIGINT and SIGTERM");
        let (reader, writer) = UnixStream::pair().map_err(failed())?;
        reader.set_nonblocking(true).map_err(failed())?;
        let mut interrupt = Self { reader, ids: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            let writer = writer.try_clone().map_err(failed())?;
            interrupt.ids.push(pipe::register(signal, writer).map_err(failed())?);
        }
        Ok(interrupt)
    }

    pub(super) fn came(&self) -> bool {
        (&self.reader).read(&mut [0]).is_ok()
    }
}

impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            unregister(id);
        }
    }
}
