//! Where messages go.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use url::Url;

/// `unix:///dev/log`, `udp://host:514`, `tcp://host:601` or `tls://host:6514`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket for datagrams.
    Unix(PathBuf),
    /// One datagram a message.
    Udp(Host),
    /// Octet counting.
    Tcp(Host),
    /// The same, encrypted.
    #[cfg(feature = "network")]
    Tls(Host),
}

/// A machine's name or address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Without brackets.
    pub(super) name: String,
    pub(super) port: u16,
}

const FORMS: &str = "write unix:///dev/log, udp://host:514, tcp://host:601 or tls://host:6514";

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{text:?}: {error}; {FORMS}"))?;
        let host = |port: u16| match url.host_str() {
            Some(name) if !name.is_empty() => {
                let name = name.trim_matches(['[', ']']).to_owned();
                Ok(Host { name, port: url.port().unwrap_or(port) })
            }
            _ => Err(format!("{text:?} has no host; {FORMS}")),
        };
        if url.scheme() != "unix" && !matches!(url.path(), "" | "/") {
            return Err(format!("{text:?} has a path, but syslog URLs have none; {FORMS}"));
        }
        match url.scheme() {
            "unix" if url.path().len() > 1 => Ok(Self::Unix(url.path().into())),
            "udp" => host(514).map(Self::Udp),
            "tcp" => host(601).map(Self::Tcp),
            #[cfg(feature = "network")]
            "tls" => host(6514).map(Self::Tls),
            #[cfg(not(feature = "network"))]
            "tls" => Err(format!("this oom-trace was built without TLS; {FORMS}")),
            "unix" => Err(format!("{text:?} has no socket path; {FORMS}")),
            other => Err(format!("unknown scheme {other:?}; {FORMS}")),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Udp(host) => write!(f, "udp://{host}"),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            #[cfg(feature = "network")]
            Self::Tls(host) => write!(f, "tls://{host}"),
        }
    }
}

impl Display for Host {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(f, "[{name}]:{port}") } else { write!(f, "{name}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_its_port() {
        for (text, shown) in [
            ("unix:///dev/log", "unix:///dev/log"),
            ("udp://log", "udp://log:514"),
            ("tcp://log.example:1", "tcp://log.example:1"),
            ("tls://[::1]", "tls://[::1]:6514"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
        for text in ["log:514", "http://log", "udp://", "unix:", "tcp://log/x", ""] {
            assert!(Address::parse(text).unwrap_err().contains("tcp://host:601"), "{text}");
        }
    }
}
