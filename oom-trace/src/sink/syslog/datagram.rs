//! A message a datagram.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use super::address::Host;

/// A socket that is connected to its receiver, so that one that is not there is an error.
#[derive(Debug)]
pub(super) enum Socket {
    Unix(UnixDatagram),
    /// And since when.
    Udp(UdpSocket, Instant),
}

/// How long the address of a name is kept: datagrams to one where nobody is any longer may vanish without an
/// error.
const RESOLVED_FOR: Duration = Duration::from_secs(60);

impl Socket {
    pub(super) fn unix(path: &Path, timeout: Duration) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(timeout))?;
        socket.connect(path)?;
        Ok(Self::Unix(socket))
    }

    pub(super) fn udp(host: &Host) -> io::Result<Self> {
        let mut last = None;
        for address in (host.name.as_str(), host.port).to_socket_addrs()? {
            match connect(address) {
                Ok(socket) => return Ok(Self::Udp(socket, Instant::now())),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::new(ErrorKind::NotFound, "it has no address")))
    }

    pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.send(message).map(drop),
            Self::Udp(socket, _) => socket.send(message).map(drop),
        }
    }

    /// Whether its receiver may have another address by now.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self, Self::Udp(_, since) if since.elapsed() >= RESOLVED_FOR)
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    Ok(socket)
}
