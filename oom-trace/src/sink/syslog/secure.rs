//! The part of a connection that is TLS (RFC 5425).

use std::io::{self, Write as _};
use std::net::TcpStream;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::sink::{Tls, TlsError};

/// Whom to trust, and who we are: looked up for each connection, as certificates are renewed.
#[derive(Debug, Clone)]
pub(super) struct Secure(Tls);

/// A connection, encrypted.
#[derive(Debug)]
pub(super) struct Session(Box<StreamOwned<ClientConnection, TcpStream>>);

impl Secure {
    /// # Errors
    /// A file cannot be read, or they do not fit together.
    pub(super) fn new(tls: &Tls) -> Result<Self, TlsError> {
        tls.client_config().map(|_| Self(tls.clone()))
    }

    /// Greets the other side: who it is comes out now, and not with the first record.
    pub(super) fn greet(&self, name: &str, socket: TcpStream) -> io::Result<Session> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let config = self.0.client_config().map_err(io::Error::other)?;
        let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Session(Box::new(stream)))
    }
}

impl Session {
    pub(super) fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        self.0.write_all(frame)?;
        self.0.flush()
    }

    /// What carries it.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.0.sock
    }

    /// Reads what TLS says of itself; 0 at its end.
    pub(super) fn read(&mut self) -> io::Result<usize> {
        let read = self.0.conn.read_tls(&mut self.0.sock)?;
        let said = self.0.conn.process_new_packets().map_err(io::Error::other)?;
        Ok(if said.peer_has_closed() { 0 } else { read })
    }
}
