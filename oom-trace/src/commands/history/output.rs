//! Where the text goes: standard output, or a pager before it.

use std::env::var_os;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;

/// What git and systemd tell `less`: quit if it fits on one screen, pass colours, cut long lines, leave
/// the screen as it is.
const LESS: &str = "FRSX";

/// Why a record does not come out.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
struct Unprintable(io::Error);

pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |error: &Unprintable| error.0.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(closed)
}

/// Takes what is printed.
#[derive(Debug)]
pub(super) struct Output {
    pager: Option<Child>,
}

impl Output {
    /// Standard output itself.
    pub(super) const fn direct() -> Self {
        Self { pager: None }
    }

    /// By way of a pager, if it is wanted and there is one.
    pub(super) fn open(is_paged: bool) -> Self {
        let pager = is_paged.then(pager).flatten().and_then(|pager| {
            let mut command = Command::new("sh");
            command.arg("-c").arg(pager).stdin(Stdio::piped());
            if var_os("LESS").is_none() {
                command.env("LESS", LESS);
            }
            // Ctrl-C is the pager's: to end before it would leave it the terminal and nobody to wait.
            let ignored = Arc::new(AtomicBool::new(false));
            let _ = signal_hook::flag::register(SIGINT, ignored);
            command.spawn().ok()
        });
        Self { pager }
    }

    pub(super) fn write(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let written = match self.pager.as_mut().and_then(|pager| pager.stdin.as_mut()) {
            Some(stdin) => stdin.write_all(text),
            None => io::stdout().write_all(text),
        };
        Ok(written.map_err(Unprintable)?)
    }

    /// Waits until the reader has seen enough.
    pub(super) fn close(&mut self) {
        if let Some(mut pager) = self.pager.take() {
            drop(pager.stdin.take());
            // However it ended, all was handed to it.
            let _ = pager.wait();
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.close();
    }
}

/// The user's, or what every machine has; none if that is wanted, or would be no better.
fn pager() -> Option<OsString> {
    let chosen = ["OOM_TRACE_PAGER", "PAGER"].into_iter().find_map(var_os);
    match chosen {
        Some(none) if none.is_empty() || none == "cat" => None,
        Some(pager) => Some(pager),
        None => is_there("less").then(|| "less".into()),
    }
}

fn is_there(program: &str) -> bool {
    let path = var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
