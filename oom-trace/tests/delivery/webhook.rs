//! An HTTP server in a process of its own: Python's.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::bench::{self, Line, Process, Receiver, await_that, free_port, program, records};

/// Writes down the body of each POST before it answers; `refusing` in its folder makes it answer 503.
const SERVER: &str = r"
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        refusing = os.path.exists('refusing')
        if not refusing:
            with open('bodies', 'ab') as file:
                file.write(body)
        self.send_response(503 if refusing else 204)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
";

pub(crate) struct Http {
    dir: TempDir,
    port: u16,
    process: Process,
}

impl Http {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), port: free_port(), process: Process::default() }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Receiver for Http {
    fn sink(&self) -> String {
        format!(
            "webhook:{{ url = \"http://127.0.0.1:{}/\", timeout = \"1s\", backfill = \"all\" }}",
            self.port
        )
    }

    fn start(&mut self) {
        let mut command = Command::new(program("python3", "python3"));
        command.args(["-c", SERVER, &self.port.to_string()]).current_dir(self.dir.path());
        self.process.start(&mut command);
        await_that("the server", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn ids(&self) -> Vec<String> {
        bench::ids_of_lines(&self.path("bodies"))
    }
}

#[test]
fn up() {
    bench::up(Http::new());
}

#[test]
fn down_at_start() {
    bench::down_at_start(Http::new());
}

#[test]
fn killed_in_the_middle() {
    bench::killed_in_the_middle(Http::new());
}

#[test]
fn refusing_and_then_not() {
    let mut server = Http::new();
    server.start();
    fs::write(server.path("refusing"), "").unwrap();
    let line = Line::to(&server.sink());
    let records = records(20);
    line.send(&records);
    await_that("a refusal", || line.totals().last_error.is_some_and(|error| error.contains("503")));
    assert_eq!((line.totals().failed, line.totals().delivered), (0, 0));
    fs::remove_file(server.path("refusing")).unwrap();
    bench::await_all(&server, &records);
    assert_eq!(line.close().lost(), 0);
}

/// It takes the connection and says nothing for longer than the sink waits.
#[test]
fn asleep_and_then_not() {
    let mut server = Http::new();
    server.start();
    let line = Line::to(&server.sink());
    let records = records(20);
    server.process.signal(Signal::STOP);
    line.send(&records);
    await_that("a timeout", || {
        line.totals().last_error.is_some_and(|error| error.contains("timeout"))
    });
    server.process.signal(Signal::CONT);
    bench::await_all(&server, &records);
    assert_eq!(line.close().lost(), 0);
}
