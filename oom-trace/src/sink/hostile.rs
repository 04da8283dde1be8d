//! Collectors that mean ill, or are no collectors: whatever answers, a sink is back in time, has read little of
//! it, and has gone nowhere else.

use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use super::compliance;
use super::otlp::OtlpConfig;
use super::webhook::WebhookConfig;
use super::{Sink, SinkError};
use crate::text::acts;

/// Longer than the second that a sink waits, shorter than a test should hang.
const LATEST: Duration = Duration::from_secs(20);
/// What the kernel holds in a connection's two buffers, and more: what is written beyond was read.
const BUFFERED: usize = 16 << 20;

/// Somebody who listens, and what it wrote before the other side was gone.
struct Enemy {
    port: u16,
    wrote: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Enemy {
    /// Each caller is answered so, once its request is there.
    fn start(
        answer: impl Fn(&mut dyn Write) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (wrote, calls) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (answer, enemy) = (Arc::new(answer), Self { port, wrote, calls });
        let (wrote, calls) = (Arc::clone(&enemy.wrote), Arc::clone(&enemy.calls));
        thread::spawn(move || {
            for stream in listener.incoming() {
                calls.fetch_add(1, Relaxed);
                let (answer, wrote) = (Arc::clone(&answer), Arc::clone(&wrote));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    request(&stream);
                    // The caller hangs up, as it should.
                    let _ = answer(&mut Counting { stream: &mut stream, wrote: &wrote });
                });
            }
        });
        enemy
    }

    fn sinks(&self) -> [Box<dyn Sink>; 2] {
        let url = format!("http://127.0.0.1:{}/", self.port);
        let otlp = format!("{{ endpoint = {url:?}, protocol = \"http\", timeout = \"1s\" }}");
        let webhook = format!("{{ url = {url:?}, timeout = \"1s\" }}");
        [
            compliance::open::<OtlpConfig>(&otlp).unwrap(),
            compliance::open::<WebhookConfig>(&webhook).unwrap(),
        ]
    }

    /// What each sink says when it hands over a record.
    fn met(&self) -> [Result<(), SinkError>; 2] {
        let [record, ..] = compliance::records();
        self.sinks().map(|mut sink| {
            let started = Instant::now();
            let met = sink.deliver(std::slice::from_ref(&record));
            assert!(started.elapsed() < LATEST, "{} hangs", sink.name());
            let wrote = self.wrote.swap(0, Relaxed);
            assert!(wrote < BUFFERED, "{} read {wrote} bytes", sink.name());
            met
        })
    }
}

struct Counting<'a> {
    stream: &'a mut TcpStream,
    wrote: &'a AtomicUsize,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let wrote = self.stream.write(bytes)?;
        self.wrote.fetch_add(wrote, Relaxed);
        Ok(wrote)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// Takes a request as long as it says it is.
fn request(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let _ = reader.read_exact(&mut vec![0; length]);
}

fn head(status: u16, more: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\n{more}\r\n")
}

/// Without an end.
fn flood(out: &mut dyn Write, with: &[u8]) -> std::io::Result<()> {
    let block = with.repeat(4096);
    loop {
        out.write_all(&block)?;
    }
}

fn assert_told<T: Debug>(met: [Result<T, SinkError>; 2]) {
    for met in met {
        let error = met.unwrap_err().to_string();
        assert!(error.len() < 600, "{} bytes: {error}", error.len());
        assert_eq!(error.chars().find(|character| acts(*character)), None, "{error}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let metadata = Enemy::start(|out| out.write_all(head(200, "Content-Length: 0\r\n").as_bytes()));
    let port = metadata.port;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n");
        let answer = head(status, &location);
        assert_told(Enemy::start(move |out| out.write_all(answer.as_bytes())).met());
    }
    assert_eq!(metadata.calls.load(Relaxed), 0);
}

#[test]
fn an_answer_without_an_end_is_left() {
    for status in [200, 500] {
        let answer = head(status, "Content-Type: text/html\r\n");
        let met = Enemy::start(move |out| {
            out.write_all(answer.as_bytes())?;
            flood(out, b"<br>")
        })
        .met();
        if status == 200 {
            // It took them.
            for met in met {
                met.unwrap();
            }
        } else {
            assert_told(met);
        }
    }
}

#[test]
fn a_head_without_an_end_is_left() {
    assert_told(Enemy::start(|out| flood(out, b"X")).met());
    assert_told(
        Enemy::start(|out| {
            out.write_all(b"HTTP/1.1 200 OK\r\n")?;
            flood(out, b"X-Header: value\r\n")
        })
        .met(),
    );
}

#[test]
fn one_that_answers_a_byte_at_a_time_is_left_after_the_timeout() {
    assert_told(
        Enemy::start(|out| {
            for byte in head(200, "Content-Length: 0\r\n").repeat(99).bytes() {
                out.write_all(&[byte])?;
                thread::sleep(Duration::from_millis(200));
            }
            Ok(())
        })
        .met(),
    );
}

#[test]
fn one_that_speaks_something_else_is_told_and_acts_on_no_terminal() {
    assert_told(Enemy::start(|_| Ok(())).met());
    assert_told(Enemy::start(|out| out.write_all(b"SSH-2.0-OpenSSH_9.9\r\n")).met());
    let evil = "\x1b]0;owned\x07\x1b[2J\u{202e}\r\nfatal: \0";
    let answer = head(503, &format!("Content-Length: {}\r\n", evil.len())) + evil;
    assert_told(Enemy::start(move |out| out.write_all(answer.as_bytes())).met());
}

#[test]
fn of_a_long_answer_the_beginning_is_told() {
    let page = format!("<html>no such tenant{}", " ".repeat(100_000));
    let answer = head(404, &format!("Content-Length: {}\r\n", page.len())) + &page;
    for met in Enemy::start(move |out| out.write_all(answer.as_bytes())).met() {
        let error = met.unwrap_err().to_string();
        assert!(error.contains("no such tenant"), "{error}");
    }
}
