//! Who takes records in a guest, one for each kind of sink: what arrived is known by its id.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use prost::Message as _;

/// Larger than what a socket takes at once.
const DATAGRAM: usize = 1 << 20;

/// The command that takes a record, and appends its id to the file that is named.
pub(crate) const KEEPER: &str = "keeper";

pub(crate) fn keep(args: &[String]) {
    let mut record = Vec::new();
    std::io::stdin().read_to_end(&mut record).unwrap();
    let mut file = File::options().append(true).create(true).open(&args[0]).unwrap();
    file.write_all(format!("{}\n", of_json(&record)[0]).as_bytes()).unwrap();
}

/// How often each id arrived.
type Ids = Arc<Mutex<BTreeMap<String, usize>>>;

/// One that listens for as long as the guest runs.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// As the agent calls its sink.
    pub(crate) name: &'static str,
    /// What the agent is told to use it.
    pub(crate) sink: String,
    ids: Ids,
    /// Where the ids are that were not counted here.
    file: Option<PathBuf>,
}

impl Receiver {
    /// One of each kind that can be told that a record arrived.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        vec![webhook(), otlp(), syslog(folder), journald(folder), exec(folder)]
    }

    fn new(name: &'static str, sink: &str) -> Self {
        let (kind, keys) = sink.split_once(' ').unwrap();
        let sink = format!("{kind}:{{ name = \"{name}\", {keys} }}");
        Self { name, sink, ids: Ids::default(), file: None }
    }

    /// How often each id arrived so far.
    pub(crate) fn ids(&self) -> BTreeMap<String, usize> {
        let mut ids = self.ids.lock().unwrap().clone();
        let text = self.file.as_ref().map(|path| fs::read_to_string(path).unwrap_or_default());
        for id in text.iter().flat_map(|text| text.lines()) {
            *ids.entry(id.to_owned()).or_default() += 1;
        }
        ids
    }
}

fn webhook() -> Receiver {
    let listener = listener();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let receiver = Receiver::new("hook", &format!("webhook url = {url:?}, fold = \"0s\""));
    answer(listener, of_json, &receiver.ids);
    receiver
}

fn otlp() -> Receiver {
    let listener = listener();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sink = format!("otlp endpoint = {url:?}, protocol = \"http\"");
    let receiver = Receiver::new("collector", &sink);
    answer(listener, of_protobuf, &receiver.ids);
    receiver
}

fn syslog(folder: &Path) -> Receiver {
    let path = folder.join("log");
    let receiver = Receiver::new("log", &format!("syslog url = \"unix://{}\"", path.display()));
    listen(&path, of_syslog, &receiver.ids);
    receiver
}

fn journald(folder: &Path) -> Receiver {
    let path = folder.join("journal");
    let receiver = Receiver::new("journal", &format!("journald socket = {path:?}"));
    listen(&path, of_journal, &receiver.ids);
    receiver
}

fn exec(folder: &Path) -> Receiver {
    let (program, path) = (std::env::current_exe().unwrap(), folder.join("kept"));
    let sink = format!("exec command = [{program:?}, {KEEPER:?}, {path:?}]");
    Receiver { file: Some(path), ..Receiver::new("command", &sink) }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// An HTTP server that is content with everything.
fn answer(listener: TcpListener, read: Read, ids: &Ids) {
    let ids = Arc::clone(ids);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, ids) = (stream.unwrap(), Arc::clone(&ids));
            thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                // The agent hangs up when it has nothing to say for a while.
                while let Some(body) = request(&mut reader) {
                    count(&body, read, &ids);
                    let answered =
                        (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                    if answered.is_err() {
                        break;
                    }
                }
            });
        }
    });
}

/// The body of the next request.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let (key, value) = line.split_once(':').unwrap_or_default();
        if key.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

/// A socket as a log's daemon has it.
fn listen(path: &Path, read: Read, ids: &Ids) {
    let socket = UnixDatagram::bind(path).unwrap();
    let ids = Arc::clone(ids);
    thread::spawn(move || {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let length = socket.recv(&mut buffer).unwrap();
            count(&buffer[..length], read, &ids);
        }
    });
}

/// The ids of the records that a message holds.
type Read = fn(&[u8]) -> Vec<String>;

fn count(message: &[u8], read: Read, ids: &Ids) {
    let mut ids = ids.lock().unwrap();
    for id in read(message) {
        *ids.entry(id).or_default() += 1;
    }
}

/// `id` is the last key.
fn of_json(record: &[u8]) -> Vec<String> {
    word_after(record, "\"id\":\"")
}

fn of_syslog(message: &[u8]) -> Vec<String> {
    word_after(message, " id=")
}

fn of_journal(entry: &[u8]) -> Vec<String> {
    word_after(entry, "\nOOM_TRACE_ID=")
}

fn of_protobuf(body: &[u8]) -> Vec<String> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let scopes = request.resource_logs.into_iter().flat_map(|it| it.scope_logs);
    let attributes = scopes.flat_map(|it| it.log_records).flat_map(|it| it.attributes);
    let ids = attributes.filter(|it| it.key == "log.record.uid").filter_map(|it| it.value?.value);
    ids.map(|id| match id {
        any_value::Value::StringValue(id) => id,
        other => panic!("{other:?} is no id"),
    })
    .collect()
}

/// Behind the last of these signs: what a process made up comes before.
fn word_after(message: &[u8], sign: &str) -> Vec<String> {
    let at = message.windows(sign.len()).rposition(|window| window == sign.as_bytes());
    let rest = at.map(|at| &message[at + sign.len()..]);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let word = |rest: &[u8]| rest.iter().copied().take_while(is_part).map(char::from).collect();
    rest.map(word).into_iter().collect()
}
