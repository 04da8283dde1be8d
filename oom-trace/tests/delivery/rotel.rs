//! A collector of OpenTelemetry, rotel: gRPC and HTTP.

use std::fs::{self, File, OpenOptions};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::bench::{self, Line, Process, Receiver, await_that, free_port, records, tool};

#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

pub(crate) struct Rotel {
    dir: TempDir,
    protocol: Protocol,
    grpc: u16,
    http: u16,
    process: Process,
}

impl Rotel {
    pub(crate) fn new(protocol: Protocol) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, protocol, grpc: free_port(), http: free_port(), process: Process::default() }
    }

    /// Where it listens for its protocol.
    pub(crate) fn port(&self) -> u16 {
        match self.protocol {
            Protocol::Grpc => self.grpc,
            Protocol::Http => self.http,
        }
    }

    /// What it shows of the logs that it takes, once for each.
    fn shown(&self) -> PathBuf {
        self.dir.path().join("shown")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.shown()).unwrap_or_default()
    }
}

impl Receiver for Rotel {
    fn sink(&self) -> String {
        let port = self.port();
        match self.protocol {
            Protocol::Grpc => format!("otlp:{{ endpoint = \"http://127.0.0.1:{port}\" }}"),
            Protocol::Http => format!(
                "otlp:{{ endpoint = \"http://127.0.0.1:{port}\", protocol = \"http\", \
                 compression = \"gzip\" }}"
            ),
        }
    }

    fn start(&mut self) {
        let shown = OpenOptions::new().append(true).create(true).open(self.shown()).unwrap();
        let mut command = Command::new(tool("rotel-agent"));
        command
            .arg("start")
            .args(["--debug-log", "logs", "--debug-log-verbosity", "detailed"])
            .args(["--exporter", "blackhole", "--disable-batching"])
            .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{}", self.grpc)])
            .args(["--otlp-http-endpoint", &format!("127.0.0.1:{}", self.http)])
            .current_dir(self.dir.path())
            .stdout(shown)
            .stderr(File::create(self.dir.path().join("errors")).unwrap());
        self.process.start(&mut command);
        for port in [self.grpc, self.http] {
            await_that("the collector", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        }
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn ids(&self) -> Vec<String> {
        let text = self.text();
        let ids =
            text.lines().filter_map(|line| line.trim().strip_prefix("-> log.record.uid: Str("));
        ids.filter_map(|rest| rest.strip_suffix(')').map(str::to_owned)).collect()
    }
}

#[test]
fn grpc_up() {
    bench::up(Rotel::new(Protocol::Grpc));
}

#[test]
fn grpc_down_at_start() {
    bench::down_at_start(Rotel::new(Protocol::Grpc));
}

#[test]
fn grpc_killed_in_the_middle() {
    bench::killed_with_what_it_acknowledged(Rotel::new(Protocol::Grpc));
}

#[test]
fn http_up() {
    bench::up(Rotel::new(Protocol::Http));
}

#[test]
fn http_down_at_start() {
    bench::down_at_start(Rotel::new(Protocol::Http));
}

#[test]
fn http_killed_in_the_middle() {
    bench::killed_with_what_it_acknowledged(Rotel::new(Protocol::Http));
}

/// What the collector understands is what the record says.
#[test]
fn the_collector_has_what_the_record_says() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let mut rotel = Rotel::new(protocol);
        rotel.start();
        let line = Line::to(&rotel.sink());
        let records = records(1);
        line.send(&records);
        await_that("the record", || rotel.text().contains("Flags: 0"));
        let shown = rotel.text();
        let record = serde_json::to_value(&*records[0]).unwrap();
        let victim = &record["victim"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        for said in [
            "service.name: Str(oom-trace)".to_owned(),
            "SeverityText: FATAL".to_owned(),
            "EventName: oom_kill".to_owned(),
            format!("log.record.uid: Str({})", text(&record["id"])),
            format!("oom_trace.incident: Str({})", text(&record["incident"])),
            format!("oom_trace.scope: Str({})", text(&record["scope"])),
            format!("process.pid: Int({})", victim["pid"]),
            format!("process.real_user.id: Int({})", victim["uid"]),
            format!("oom_trace.victim.comm: Str({})", text(&victim["comm"])),
            format!(
                "oom_trace.victim.memory.anon_rss_bytes: Int({})",
                victim["memory"]["anon_rss_bytes"]
            ),
        ] {
            assert!(shown.contains(&said), "{said}: {shown}");
        }
        assert_eq!(line.close().lost(), 0);
    }
}

#[test]
fn grpc_asleep() {
    bench::asleep(Rotel::new(Protocol::Grpc));
}

#[test]
fn http_asleep() {
    bench::asleep(Rotel::new(Protocol::Http));
}
