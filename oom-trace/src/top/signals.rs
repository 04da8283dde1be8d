//! Signals, as something to wait for beside keys.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use signal_hook::flag;
use signal_hook::low_level::pipe;

/// Those that end the view. A second one ends the process where it stands, should the terminal keep it
/// waiting.
const ENDS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Which signals have come.
#[derive(Debug)]
pub(super) struct Signals {
    /// Readable once one has come.
    reader: UnixStream,
    end: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    go_on: Arc<AtomicBool>,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let signals =
            Self { reader, end: Arc::default(), stop: Arc::default(), go_on: Arc::default() };
        for signal in ENDS {
            flag::register_conditional_default(signal, Arc::clone(&signals.end))?;
            flag::register(signal, Arc::clone(&signals.end))?;
        }
        flag::register(SIGTSTP, Arc::clone(&signals.stop))?;
        flag::register(SIGCONT, Arc::clone(&signals.go_on))?;
        // Behind the flags: who is woken finds them set.
        for signal in ENDS.into_iter().chain([SIGTSTP, SIGCONT, SIGWINCH]) {
            pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Takes what woke whoever waited.
    pub(super) fn clear(&self) {
        while matches!((&self.reader).read(&mut [0; 64]), Ok(1..)) {}
    }

    pub(super) fn is_end(&self) -> bool {
        self.end.load(Ordering::Relaxed)
    }

    pub(super) fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::Relaxed)
    }

    /// Whether somebody stopped this process without asking, and lets it go on.
    pub(super) fn take_go_on(&self) -> bool {
        self.go_on.swap(false, Ordering::Relaxed)
    }

    /// Stops this process until somebody lets it go on.
    pub(super) fn stop_here(&self) -> io::Result<()> {
        kill_process(getpid(), Signal::STOP)?;
        Ok(())
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
