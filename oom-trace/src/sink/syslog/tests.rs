use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;

use serde_json::Value;

use super::super::compliance::{self, Bench};
use super::*;
use crate::setting::inline_table;

fn sink(table: &str) -> Box<dyn Sink> {
    compliance::open::<SyslogConfig>(table).unwrap()
}

/// What stands at the end of each message in the compact format.
fn id(message: &str) -> Value {
    Value::from(message.rsplit_once(" id=").unwrap().1)
}

/// One frame of octet counting.
fn frame(stream: &mut BufReader<TcpStream>) -> String {
    let mut length = Vec::new();
    stream.read_until(b' ', &mut length).unwrap();
    let length: usize = std::str::from_utf8(&length).unwrap().trim().parse().unwrap();
    let mut message = vec![0; length];
    stream.read_exact(&mut message).unwrap();
    String::from_utf8(message).unwrap()
}

#[test]
fn complies_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream = None;
    compliance::check(Bench {
        working: sink(&format!("{{ url = \"tcp://127.0.0.1:{port}\" }}")),
        arrived: Box::new(move |count| {
            let stream = stream.get_or_insert_with(|| BufReader::new(listener.accept().unwrap().0));
            (0..count).map(|_| id(&frame(stream))).collect()
        }),
        broken: Some(sink("{ url = \"tcp://127.0.0.1:1\" }")),
    });
}

#[test]
fn complies_over_udp_and_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let unix = UnixDatagram::bind(&path).unwrap();
    // The kernel has room for ten.
    let (sender, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(length) = unix.recv(&mut buffer) {
            let message = std::str::from_utf8(&buffer[..length]).unwrap();
            if sender.send(id(message)).is_err() {
                break;
            }
        }
    });
    compliance::check(Bench {
        working: sink(&format!("{{ url = \"unix://{}\", max_bytes = \"16KiB\" }}", path.display())),
        arrived: Box::new(move |count| received.iter().take(count).collect()),
        broken: Some(sink("{ url = \"unix:///nonexistent\" }")),
    });
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = udp.local_addr().unwrap().port();
    let mut working = sink(&format!("{{ url = \"udp://127.0.0.1:{port}\", format = \"json\" }}"));
    let [record, ..] = compliance::records();
    working.deliver(std::slice::from_ref(&record)).unwrap();
    let mut buffer = [0; 16 << 10];
    let length = udp.recv(&mut buffer).unwrap();
    let text = std::str::from_utf8(&buffer[..length]).unwrap();
    let (header, json) = text.split_once('{').unwrap();
    assert!(header.starts_with("<26>1 2026-11-23T03:08:07.012345Z db1 oom-trace "), "{header}");
    assert!(header.ends_with(" oom_kill - "), "{header}");
    let got: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
    assert_eq!(got, serde_json::to_value(&*record).unwrap());
}

#[test]
fn a_message_has_the_form_of_the_rfc() {
    let all = compliance::records();
    for (number, priority) in [(None, "<138>1 "), (Some(99), "<138>1 ")] {
        let message = Message {
            record: &all[0],
            format: Format::Compact,
            facility: Facility::Local1,
            enterprise: number,
        };
        let text = String::from_utf8(message.encode().unwrap()).unwrap();
        assert!(text.starts_with(priority), "{text}");
        assert!(!text.contains('\n'), "{text}");
        let data = format!("oom_kill [oom@99 id=\"{}\" incident=\"", all[0].id());
        assert_eq!(text.contains(&data), number.is_some(), "{text}");
    }
    // A name that would end its value, and the data.
    let hostile = fixture("hostile");
    let message = Message {
        record: &hostile,
        format: Format::Json,
        facility: Facility::Daemon,
        enterprise: Some(99),
    };
    let text = String::from_utf8(message.encode().unwrap()).unwrap();
    let (_, data) = text.split_once("[oom@99 ").unwrap();
    let mut escaped = false;
    let mut in_value = false;
    let end = data.find(|character: char| {
        let is_escaped = escaped;
        escaped = !is_escaped && character == '\\';
        in_value ^= character == '"' && !is_escaped;
        character == ']' && !in_value
    });
    assert!(data[end.unwrap()..].starts_with("] {\"schema\":1"), "{text}");
}

fn fixture(name: &str) -> Record {
    let all = crate::render::fixtures::all().into_iter();
    all.into_iter().find_map(|(is, record)| (is == name).then_some(record)).unwrap()
}

#[test]
fn what_a_broken_connection_may_have_lost_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut sink = sink(&format!("{{ url = \"tcp://127.0.0.1:{port}\" }}"));
    let [one, two, three, ..] = compliance::records();
    sink.deliver(&[Arc::clone(&one)]).unwrap();
    sink.deliver(&[Arc::clone(&two)]).unwrap();
    // The receiver dies before it has read anything.
    drop(listener.accept().unwrap());
    sink.deliver(&[Arc::clone(&three)]).unwrap();
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let got: Vec<_> = (0..3).map(|_| id(&frame(&mut stream))).collect();
    assert_eq!(got, [one, two, three].map(|record| Value::from(record.id())));
}

#[test]
fn a_datagram_is_cut_between_characters() {
    assert_eq!(message::cut("aé".as_bytes(), 2), b"a");
    assert_eq!(message::cut("aé".as_bytes(), 3), "aé".as_bytes());
    assert_eq!(message::cut(b"", 3), b"");
}

#[test]
fn what_cannot_be_is_told() {
    for (table, says) in [
        ("{ url = \"http://log\" }", "write unix:///dev/log, udp://host:514"),
        ("{ url = \"tcp://log\", format = \"text\" }", "use compact or json"),
        ("{ url = \"tcp://log\", facility = \"daemn\" }", "did you mean `daemon`?"),
        ("{ }", "missing key `url`"),
    ] {
        let error = inline_table::<SyslogConfig>(table).unwrap_err().to_string();
        assert!(error.contains(says), "{table}: {error}");
    }
    let half = "{ url = \"tls://log\", tls = { cert_file = \"/x\" } }";
    let error = compliance::open::<SyslogConfig>(half).unwrap_err().to_string();
    assert!(error.contains("`cert_file` and `key_file` must be set together"), "{error}");
}
