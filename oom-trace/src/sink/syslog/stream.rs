//! Messages over a connection: octet counting (RFC 6587 §3.4.1, RFC 5425 §4.3).
//!
//! Syslog knows no acknowledgement: what was written into a connection that then breaks may have
//! arrived or not. So the last messages are kept for a while, and are sent again over the next one. Whether it
//! breaks is looked after as long as there are any, for the next message may be hours away.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use rustix::net::sockopt;

use super::address::Host;
use super::secure::{Secure, Session};

/// Messages that are kept, at the most, and their bytes.
const KEPT: usize = 1024;
const KEPT_BYTES: usize = 1024 * 1024;

/// What a receiver has had for so long it does not lose by breaking down just now.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// A connection breaks if for so long nobody acknowledges what was sent, and is looked after so often.
const UNANSWERED: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Stream {
    host: Host,
    tls: Option<Secure>,
    timeout: Duration,
    connection: Option<Connection>,
    sent: VecDeque<(Instant, Vec<u8>)>,
    /// When it is seen whether those have arrived.
    due: Option<Instant>,
}

#[derive(Debug)]
enum Connection {
    Plain(TcpStream),
    Tls(Session),
}

impl Stream {
    /// Not connected yet.
    pub(super) fn new(host: Host, tls: Option<Secure>, timeout: Duration) -> Self {
        Self { host, tls, timeout, connection: None, sent: VecDeque::new(), due: None }
    }

    /// Connects, if it is not connected.
    pub(super) fn connect(&mut self) -> io::Result<()> {
        if self.connection.as_mut().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        if self.connection.is_some() {
            return Ok(());
        }
        let mut connection = Connection::open(&self.host, self.tls.as_ref(), self.timeout)?;
        for (sent, frame) in &mut self.sent {
            connection.write(frame)?;
            *sent = Instant::now();
        }
        self.connection = Some(connection);
        Ok(())
    }

    pub(super) fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.connect()?;
        let mut frame = format!("{} ", message.len()).into_bytes();
        frame.extend_from_slice(message);
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if let Err(error) = connection.write(&frame) {
            self.connection = None;
            return Err(error);
        }
        self.sent.push_back((Instant::now(), frame));
        self.forget();
        self.due.get_or_insert_with(|| Instant::now() + LOOK);
        Ok(())
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sends again what a connection that broke may have lost.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        // Also if it fails.
        self.due = Some(Instant::now() + LOOK);
        self.connect()?;
        self.forget();
        if self.sent.is_empty() {
            self.due = None;
        }
        Ok(())
    }

    /// Lets go of what is old, or too much, of a connection that did not break.
    fn forget(&mut self) {
        let mut messages = self.sent.len();
        let mut bytes: usize = self.sent.iter().map(|(_, frame)| frame.len()).sum();
        while let Some((sent, frame)) = self.sent.front()
            && (messages > KEPT || bytes > KEPT_BYTES || sent.elapsed() > KEPT_FOR)
        {
            bytes -= frame.len();
            messages -= 1;
            self.sent.pop_front();
        }
    }
}

impl Connection {
    fn open(host: &Host, tls: Option<&Secure>, timeout: Duration) -> io::Result<Self> {
        let socket = dial(host, timeout)?;
        socket.set_nodelay(true)?;
        // Where the kernel has none of these, a dead connection is noticed later.
        let unanswered = u32::try_from(UNANSWERED.as_millis()).unwrap_or(u32::MAX);
        let _ = sockopt::set_tcp_user_timeout(&socket, unanswered);
        let _ = sockopt::set_tcp_keepidle(&socket, KEPT_FOR);
        let _ = sockopt::set_socket_keepalive(&socket, true);
        socket.set_write_timeout(Some(timeout))?;
        socket.set_read_timeout(Some(timeout))?;
        match tls {
            Some(tls) => tls.greet(&host.name, socket).map(Self::Tls),
            None => Ok(Self::Plain(socket)),
        }
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(frame),
            Self::Tls(session) => session.write(frame),
        }
    }

    /// Whether the other side has gone. It says nothing else, so there is something to read only then,
    /// or what TLS says of itself.
    fn is_closed(&mut self) -> bool {
        let socket = match self {
            Self::Plain(socket) => &*socket,
            Self::Tls(session) => session.socket(),
        };
        if socket.set_nonblocking(true).is_err() {
            return true;
        }
        let is_closed = match self {
            Self::Plain(socket) => read_all(|| socket.read(&mut [0; 256])),
            Self::Tls(session) => read_all(|| session.read()),
        };
        let socket = match self {
            Self::Plain(socket) => &*socket,
            Self::Tls(session) => session.socket(),
        };
        is_closed || socket.set_nonblocking(false).is_err()
    }
}

/// Reads what there is; whether it ends there.
fn read_all(mut read: impl FnMut() -> io::Result<usize>) -> bool {
    loop {
        match read() {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// The first of its addresses that answers.
fn dial(host: &Host, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = None;
    for address in (host.name.as_str(), host.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(ErrorKind::NotFound, "it has no address")))
}

#[cfg(test)]
mod tests {
    use std::io::copy;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_kept_is_bounded_in_bytes_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver =
            thread::spawn(move || copy(&mut listener.accept().unwrap().0, &mut io::sink()));
        let host = Host { name: "127.0.0.1".to_owned(), port };
        let mut stream = Stream::new(host, None, Duration::from_secs(20));
        let message = vec![b'a'; 300 * 1024];
        (0..9).for_each(|_| stream.send(&message).unwrap());
        let kept: usize = stream.sent.iter().map(|(_, frame)| frame.len()).sum();
        assert!((1..=KEPT_BYTES).contains(&kept) && stream.sent.len() == 3, "{kept}");
        drop(stream);
        assert!(receiver.join().unwrap().unwrap() > 9 * 300 * 1024);
    }

    /// The next message may be hours away.
    #[test]
    fn a_connection_that_broke_is_mended_though_nothing_else_is_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = Host { name: "127.0.0.1".to_owned(), port };
        let mut stream = Stream::new(host, None, Duration::from_secs(20));
        assert_eq!(stream.due(), None);
        stream.send(b"a").unwrap();
        assert!(stream.due().is_some());
        // It is old by the time it is seen that it was not read.
        stream.sent[0].0 = Instant::now() - 2 * KEPT_FOR;
        drop(listener.accept().unwrap());
        stream.settle().unwrap();
        let mut again = [0; 3];
        let mut accepted = listener.accept().unwrap().0;
        accepted.read_exact(&mut again).unwrap();
        assert_eq!(&again, b"1 a");
        assert!(stream.due().is_some());
        // Until it is old and nothing broke.
        stream.sent[0].0 = Instant::now() - 2 * KEPT_FOR;
        stream.settle().unwrap();
        assert!(stream.sent.is_empty() && stream.due().is_none());
    }
}
