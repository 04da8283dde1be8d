//! One agent a machine: a second one would report each kill twice.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use rustix::net::sockopt::socket_peercred;

/// Abstract: the kernel forgets it with the process. It is a network namespace's, so an agent in a
/// container with a network of its own is not seen.
const NAME: &[u8] = b"oom-trace.instance";

/// Why this agent does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum InstanceError {
    /// There is one.
    #[error(
        "another oom-trace is running{}; stop it first (each kill would be reported twice)",
        pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Running { pid: Option<i32> },
    /// The kernel gives no socket.
    #[error("cannot make sure that no other oom-trace is running: {0}")]
    Socket(#[from] io::Error),
}

/// Held as long as the agent runs.
#[derive(Debug)]
pub(super) struct Instance {
    _socket: UnixListener,
}

impl Instance {
    pub(super) fn claim() -> Result<Self, InstanceError> {
        let address = SocketAddr::from_abstract_name(NAME)?;
        match UnixListener::bind_addr(&address) {
            Ok(socket) => Ok(Self { _socket: socket }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(InstanceError::Running { pid: holder(&address) })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Who listens there.
fn holder(address: &SocketAddr) -> Option<i32> {
    let stream = UnixStream::connect_addr(address).ok()?;
    Some(socket_peercred(stream).ok()?.pid.as_raw_pid())
}
