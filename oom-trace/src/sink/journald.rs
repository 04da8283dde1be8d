//! `journald`: systemd's journal, by its native protocol, with a field for each key fact.
//!
//! The protocol: <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.

use std::fs::File;
use std::io::{self, IoSlice, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Deserialize;

use super::facts::{Value, cgroup, facts};
use super::severity::Severity;
use super::{Destination, Filter, Sink, SinkError, Status};
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::setting::ConfigDuration;
use crate::systemd::Owners;
use crate::text::Escaped;

/// `[[sink.journald]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournaldConfig {
    /// What the sink is called, instead of the socket.
    pub name: Option<String>,
    /// Which records it gets.
    #[serde(default)]
    pub filter: Filter,
    /// Of `MESSAGE`: compact unless said otherwise.
    #[serde(default = "Format::compact")]
    pub format: Format,
    /// The journal's; another one for a namespace (`/run/systemd/journal.NAME/socket`).
    #[serde(default = "socket")]
    pub socket: PathBuf,
    /// How long to write may take.
    #[serde(default = "ConfigDuration::ten_seconds")]
    pub timeout: ConfigDuration,
}

fn socket() -> PathBuf {
    "/run/systemd/journal/socket".into()
}

impl Destination for JournaldConfig {
    fn name(&self) -> String {
        let default = || match self.socket == socket() {
            true => "journald".to_owned(),
            false => format!("journald {}", shown(&self.socket)),
        };
        self.name.clone().unwrap_or_else(default)
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    fn open(&self, _: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Journald { name: self.name(), config: self.clone(), open: None }))
    }
}

fn shown(path: &Path) -> String {
    Escaped(path.as_os_str().as_encoded_bytes()).to_string()
}

/// Sends each record as an entry.
#[derive(Debug)]
struct Journald {
    name: String,
    config: JournaldConfig,
    open: Option<UnixDatagram>,
}

impl Journald {
    fn error(&self, tried: &'static str, io: io::Error) -> SinkError {
        SinkError::new(tried, shown(&self.config.socket), io)
    }

    fn connect(&self) -> Result<UnixDatagram, SinkError> {
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_write_timeout(Some(self.config.timeout.0))?;
            socket.connect(&self.config.socket)?;
            Ok(socket)
        };
        connect().map_err(|io| self.error("connect to", io))
    }

    fn send(&mut self, entry: &[u8]) -> Result<(), SinkError> {
        let socket = match self.open.take() {
            Some(socket) => socket,
            None => self.connect()?,
        };
        match socket.send(entry) {
            Err(error) if is_too_large(&error) => send_file(&socket, entry),
            sent => sent.map(drop),
        }
        .map_err(|io| self.error("send to", io))?;
        self.open = Some(socket);
        Ok(())
    }
}

impl Sink for Journald {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        records.iter().try_for_each(|record| {
            let entry = entry(record, self.config.format);
            let entry = entry.map_err(|io| self.error("write for", io))?;
            self.send(&entry)
        })
    }

    fn probe(&mut self) -> Result<(), SinkError> {
        self.connect().map(drop)
    }
}

fn is_too_large(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MSGSIZE | Errno::NOBUFS))
}

/// What no datagram has room for goes as a sealed file.
fn send_file(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("journal", flags)?);
    file.write_all(entry)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [file.as_fd()];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(&[])], &mut ancillary, SendFlags::empty())?;
    Ok(())
}

/// Ids of the kinds of entry: `dist/journal/oom-trace.catalog` explains them.
fn message_id(record: &Record) -> &'static str {
    match record {
        Record::OomKill(_) => "9c5b2f0d3f6e4a6c8f1e7a2b4d90c3e1",
        Record::OomPanic(_) => "1f0a7c94be1d4b0fa2c35d8e6b7f4a12",
        Record::OomFailed(_) => "b7d0e4a1935c4e0f8a26c1d97f3e5b68",
        Record::UserKill(_) => "e3a85f17c60b4d92a4f8093b6c2d71ea",
        Record::OomExit(_) => "5e8d13c6a7f2470b9d04c1b6e2fa8953",
        Record::Agent(_) => "c27b40e9d85f4c31b6a95f0e13d7824b",
    }
}

fn entry(record: &Record, format: Format) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    render(record, format, Style::default(), &mut message)?;
    let mut json = Vec::new();
    render(record, Format::Json, Style::default(), &mut json)?;
    let mut out = Vec::new();
    let mut field = |name: &str, value: &[u8]| field(&mut out, name, value);
    field("MESSAGE", message.trim_ascii_end());
    field("MESSAGE_ID", message_id(record).as_bytes());
    field("PRIORITY", Severity::of(record).syslog().to_string().as_bytes());
    field("SYSLOG_IDENTIFIER", b"oom-trace");
    field("OOM_TRACE_JSON", json.trim_ascii_end());
    for (fact, value) in facts(record) {
        match value {
            Value::Text(text) => field(fact.journald, text.as_bytes()),
            // As they are: the journal takes any bytes.
            Value::Name(name) => field(fact.journald, name.as_bytes()),
            Value::Number(number) => field(fact.journald, number.to_string().as_bytes()),
        }
    }
    // `journalctl -u UNIT` shows what an authorized service says of it (systemd.journal-fields(7)). The
    // process is gone, and its id may be another's: OBJECT_PID would have the journal look it up.
    let owners = cgroup(record).map(|path| Owners::of(path.as_bytes())).unwrap_or_default();
    for (name, unit) in
        [("OBJECT_SYSTEMD_UNIT", owners.system), ("OBJECT_SYSTEMD_USER_UNIT", owners.user)]
    {
        if let Some(unit) = unit {
            field(name, unit.as_bytes());
        }
    }
    Ok(out)
}

/// `NAME=value`, or with its length where the value has lines.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if memchr::memchr(b'\n', value).is_some() {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::compliance::{self, Bench};
    use super::super::facts::FACTS;
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn complies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let (sender, received) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 18];
            while let Ok(length) = journal.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let json = text.lines().find_map(|line| line.strip_prefix("OOM_TRACE_JSON="));
                let record = serde_json::from_str(json.unwrap()).unwrap();
                if sender.send(record).is_err() {
                    break;
                }
            }
        });
        let sink = |path: &Path| {
            compliance::open::<JournaldConfig>(&format!("{{ socket = {path:?} }}")).unwrap()
        };
        compliance::check(Bench {
            working: sink(&path),
            arrived: Box::new(move |count| received.iter().take(count).collect()),
            broken: Some(sink(Path::new("/nonexistent/socket"))),
        });
    }

    #[test]
    fn a_name_with_a_line_feed_is_one_value() {
        let mut out = Vec::new();
        field(&mut out, "A", b"b\nC=d");
        field(&mut out, "E", b"f");
        assert_eq!(out, b"A\n\x05\0\0\0\0\0\0\0b\nC=d\nE=f\n");
        for (name, record) in fixtures::all() {
            assert!(entry(&record, Format::Text).unwrap().starts_with(b"MESSAGE"), "{name}");
        }
    }
    #[test]
    fn the_catalog_explains_each_kind_of_entry_by_fields_that_there_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/journal/oom-trace.catalog");
        let catalog = std::fs::read_to_string(path).unwrap();
        for (name, record) in fixtures::all() {
            assert!(catalog.contains(&format!("\n-- {}\n", message_id(&record))), "{name}");
        }
        for field in catalog.split('@').skip(1).step_by(2) {
            assert!(FACTS.iter().any(|fact| fact.journald == field), "{field}");
        }
    }
}
