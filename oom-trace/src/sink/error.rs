//! What a sink could not do.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, socket};
use thiserror::Error;

/// What a sink could not do, and what was answered.
#[derive(Debug, Error)]
#[error("cannot {tried} {target}: {cause}{}", self.advice())]
pub struct SinkError {
    tried: &'static str,
    target: String,
    cause: Cause,
    disposition: Disposition,
}

/// What to do with the records that were handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Hand them over again: they may be taken another time.
    Retry,
    /// Skip them: one or all of them will never be taken, however often they are handed over.
    Refused,
    /// Go on: all were taken but so many, which never will be.
    Partial(u64),
}

#[derive(Debug, Error)]
enum Cause {
    #[error(transparent)]
    Io(io::Error),
    /// The words of the other side, or of who speaks to it.
    #[error("{0}")]
    Said(String),
}

impl SinkError {
    /// `tried` and `target` are read as in "cannot write to /var/log/oom.json".
    pub fn new(tried: &'static str, target: impl Into<String>, io: io::Error) -> Self {
        Self { tried, target: target.into(), cause: Cause::Io(io), disposition: Disposition::Retry }
    }

    /// The same for an answer that is no [`io::Error`].
    pub fn said(tried: &'static str, target: impl Into<String>, said: impl Display) -> Self {
        let cause = Cause::Said(one_line(&said));
        Self { tried, target: target.into(), cause, disposition: Disposition::Retry }
    }

    /// The same for one that says what becomes of the records.
    pub fn settled(
        tried: &'static str,
        target: impl Into<String>,
        said: impl Display,
        disposition: Disposition,
    ) -> Self {
        Self { disposition, ..Self::said(tried, target, said) }
    }

    /// What to do with the records.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// Nobody reads what is written any more.
    #[must_use]
    pub fn closed_pipe(&self) -> bool {
        matches!(&self.cause, Cause::Io(io) if io.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether the other side is reached by an address of the network.
    fn is_remote(&self) -> bool {
        let scheme = self.target.split_once("://").map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| scheme != "unix") || self.target.parse::<SocketAddr>().is_ok()
    }

    fn advice(&self) -> &'static str {
        if self.is_remote() && !may_use_network() {
            return "; the service may not use the network: put network.conf, which comes with oom-trace, \
                    into /etc/systemd/system/oom-trace.service.d/, then systemctl daemon-reload and \
                    restart oom-trace";
        }
        use io::ErrorKind::{
            BrokenPipe, FileTooLarge, IsADirectory, NotADirectory, NotFound, PermissionDenied,
            QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        let Cause::Io(io) = &self.cause else { return "" };
        // A FIFO that nobody reads, or a socket.
        if Errno::from_io_error(io) == Some(Errno::NXIO) {
            return "; start the reader of this FIFO first (a socket cannot be written as a file)";
        }
        match io.kind() {
            BrokenPipe => "; its reader is gone",
            FileTooLarge | QuotaExceeded | StorageFull => {
                "; make room on the disk: it will be retried"
            }
            IsADirectory => "; specify a file in this directory",
            NotADirectory => "; a component of this path is not a directory",
            NotFound if self.tried == "run" => "; install the program, or correct the path",
            PermissionDenied if self.tried == "run" => {
                "; let the agent's user execute it (chmod +x)"
            }
            NotFound if self.tried == "connect to" => {
                "; start the program that listens there, or correct the path"
            }
            NotFound => "; create its directory first (mkdir -p), or correct the path",
            PermissionDenied => {
                "; give the agent's user write permission there, or choose another path (a folder that was made or \
                 mounted while the agent ran needs a restart)"
            }
            ReadOnlyFilesystem => "; choose a path on a writable file system",
            _ => "",
        }
    }
}

/// `RestrictAddressFamilies=` of the unit answers so, before anything is looked up or connected.
fn may_use_network() -> bool {
    !matches!(socket(AddressFamily::INET, SocketType::DGRAM, None), Err(Errno::AFNOSUPPORT))
}

/// What others say may have several lines, and may act on a terminal.
fn one_line(said: &impl Display) -> String {
    let said = said.to_string();
    let words: Vec<_> = said.split_whitespace().collect();
    crate::text::Escaped(words.join(" ").as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reached_by_an_address_is_remote() {
        let is_remote = |target: &str| SinkError::said("post to", target, "no").is_remote();
        for target in ["https://hooks.example/oom", "tls://log.example:6514", "[::1]:9717"] {
            assert!(is_remote(target), "{target}");
        }
        for target in ["/var/log/oom.json", "unix:///dev/log", "standard output", "on-oom"] {
            assert!(!is_remote(target), "{target}");
        }
    }
}
