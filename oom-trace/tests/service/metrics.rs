//! Metrics of a running agent.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::Service;
use crate::here::turn;

/// Also before the first kill: whoever looks after the agent asks at once.
#[test]
fn they_are_answered_once_it_runs() {
    let _turn = turn();
    let service = Service::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sink = format!("prometheus:{{ listen = \"127.0.0.1:{port}\" }}");
    let agent = service.start(&["--quiet", "--sink", &sink]);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"), "{answer}");
    agent.stop();
}
