//! `syslog`: RFC 5424 over a unix socket, UDP (RFC 5426), TCP (RFC 6587 §3.4.1) or TLS (RFC 5425).

mod address;
mod datagram;
mod message;
#[cfg_attr(not(feature = "network"), path = "insecure.rs")]
mod secure;
mod stream;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Deserializer, de};

use self::address::{Address, Host};
use self::datagram::Socket;
use self::message::{Facility, Message};
#[cfg(feature = "network")]
use self::secure::Secure;
use self::stream::Stream;
#[cfg(feature = "network")]
use super::Tls;
use super::{Destination, Filter, Sink, SinkError, Status};
use crate::incident::model::Record;
use crate::render::Format;
use crate::setting::{ByteSize, ConfigDuration};

/// `[[sink.syslog]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// What the sink is called, instead of the url.
    pub name: Option<String>,
    /// Which records it gets.
    #[serde(default)]
    pub filter: Filter,
    /// `unix:///dev/log`, `udp://host:514`, `tcp://host:601` or `tls://host:6514`.
    pub url: Address,
    /// Compact, or JSON: a message is one line.
    #[serde(default = "Format::compact", deserialize_with = "one_line")]
    pub format: Format,
    /// `daemon` unless said otherwise.
    #[serde(default)]
    pub facility: Facility,
    /// The private enterprise number that names the structured data; without one there is none
    /// (RFC 5424 §7.2.2: a name of one's own needs a number of one's own).
    pub enterprise: Option<u32>,
    /// For `tls://`.
    #[cfg(feature = "network")]
    #[serde(default)]
    pub tls: Tls,
    /// How long to connect and to write may take.
    #[serde(default = "ConfigDuration::ten_seconds")]
    pub timeout: ConfigDuration,
    /// A longer datagram is cut (RFC 5424 §6.1: a receiver may do so as well).
    #[serde(default = "datagram")]
    pub max_bytes: ByteSize,
}

/// What rsyslog takes unless told otherwise.
fn datagram() -> ByteSize {
    ByteSize(8 << 10)
}

fn one_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
    match Format::deserialize(deserializer)? {
        format @ (Format::Compact | Format::Json) => Ok(format),
        format => Err(de::Error::custom(format_args!(
            "a syslog message is a single line, but {format} is not; use compact or json"
        ))),
    }
}

impl Destination for SyslogConfig {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("syslog {}", self.url))
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    fn open(&self, _: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        #[cfg(feature = "network")]
        let tls = || {
            let config = Secure::new(&self.tls);
            config.map_err(|error| SinkError::said("speak TLS to", self.url.to_string(), error))
        };
        let stream = |host: &Host, tls| {
            Way::Stream(Box::new(Stream::new(host.clone(), tls, self.timeout.0)))
        };
        let way = match &self.url {
            Address::Unix(_) | Address::Udp(_) => Way::Datagram(None),
            Address::Tcp(host) => stream(host, None),
            #[cfg(feature = "network")]
            Address::Tls(host) => stream(host, Some(tls()?)),
        };
        Ok(Box::new(Syslog { name: self.name(), config: self.clone(), way }))
    }
}

impl SyslogConfig {
    fn error(&self, tried: &'static str, io: io::Error) -> SinkError {
        SinkError::new(tried, self.url.to_string(), io)
    }
}

/// Sends each record as a message. A connection is made when it is needed, and anew after an error.
#[derive(Debug)]
struct Syslog {
    name: String,
    config: SyslogConfig,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Datagram(Option<Socket>),
    Stream(Box<Stream>),
}

impl Syslog {
    fn socket(&self) -> io::Result<Option<Socket>> {
        match &self.config.url {
            Address::Unix(path) => Socket::unix(path, self.config.timeout.0).map(Some),
            Address::Udp(host) => Socket::udp(host).map(Some),
            Address::Tcp(_) => Ok(None),
            #[cfg(feature = "network")]
            Address::Tls(_) => Ok(None),
        }
    }

    fn connect(&mut self) -> io::Result<()> {
        match &mut self.way {
            Way::Stream(stream) => stream.connect(),
            Way::Datagram(Some(socket)) if !socket.is_stale() => Ok(()),
            Way::Datagram(before) => {
                let had_one = before.is_some();
                match self.socket() {
                    Ok(socket) => self.way = Way::Datagram(socket),
                    // Without an answer to the name, the old address is better than none.
                    Err(_) if had_one => {}
                    Err(error) => return Err(error),
                }
                Ok(())
            }
        }
    }

    fn send(&mut self, message: &[u8]) -> Result<(), SinkError> {
        self.connect().map_err(|io| self.config.error("connect to", io))?;
        let most = usize::try_from(self.config.max_bytes.0).unwrap_or(usize::MAX);
        let sent = match &mut self.way {
            Way::Stream(stream) => stream.send(message),
            Way::Datagram(socket) => {
                let message = message::cut(message, most);
                let sent = socket.as_ref().map_or(Ok(()), |open| open.send(message));
                if sent.is_err() {
                    *socket = None;
                }
                sent
            }
        };
        sent.map_err(|io| self.config.error("send to", io))
    }
}

impl Sink for Syslog {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        records.iter().try_for_each(|record| {
            let SyslogConfig { format, facility, enterprise, .. } = self.config;
            let message = Message { record, format, facility, enterprise };
            let message = message.encode().map_err(|io| self.config.error("write for", io))?;
            self.send(&message)
        })
    }

    /// The name may have another address, the socket another reader.
    fn reopen(&mut self) -> Result<(), SinkError> {
        if let Way::Datagram(socket) = &mut self.way {
            *socket = None;
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        match &self.way {
            Way::Stream(stream) => stream.due(),
            Way::Datagram(_) => None,
        }
    }

    fn settle(&mut self) -> Result<(), SinkError> {
        match &mut self.way {
            Way::Stream(stream) => {
                stream.settle().map_err(|io| self.config.error("send again to", io))
            }
            Way::Datagram(_) => Ok(()),
        }
    }

    /// Whether somebody reads the datagrams of UDP nobody can know.
    fn probe(&mut self) -> Result<(), SinkError> {
        self.connect().map_err(|io| self.config.error("connect to", io))
    }
}

#[cfg(test)]
mod tests;
