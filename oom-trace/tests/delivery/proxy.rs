//! A proxy of HTTP, tinyproxy.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use crate::bench::{Line, Process, Receiver, await_all, await_that, free_port, program, records};
use crate::rotel::{Protocol, Rotel};
use crate::webhook::Http;

/// With the proxy down nothing arrives; then all goes through it.
fn through(receiver: &impl Receiver) {
    let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
    let (config, log) = (dir.path().join("conf"), dir.path().join("log"));
    let text = format!("Port {port}\nListen 127.0.0.1\nLogFile \"{}\"\n", log.display());
    fs::write(&config, text).unwrap();
    let sink = receiver.sink().replace(" }", &format!(", proxy = \"http://127.0.0.1:{port}\" }}"));
    let line = Line::to(&sink);
    let records = records(20);
    line.send(&records);
    await_that("a failure", || line.totals().last_error.is_some());
    assert_eq!(receiver.ids(), Vec::<String>::new());
    let mut proxy = Process::default();
    proxy.start(Command::new(program("tinyproxy", "tinyproxy")).arg("-d").arg("-c").arg(&config));
    await_that("the proxy", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    await_all(receiver, &records);
    assert_eq!(line.close().lost(), 0);
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("CONNECT 127.0.0.1:"), "{log}");
}

#[test]
fn webhook() {
    let mut http = Http::new();
    http.start();
    through(&http);
}

#[test]
fn otlp_by_http() {
    let mut rotel = Rotel::new(Protocol::Http);
    rotel.start();
    through(&rotel);
}
