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
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let health = get("/healthz");
    assert!(health.starts_with("HTTP/1.1 200 OK") && health.ends_with("ok\n"), "{health}");
    let metrics = get("/metrics");
    for sample in [
        "oom_trace_attached{by=\"",
        "oom_trace_degraded ",
        "oom_trace_store_up 1",
        "process_cpu_seconds_total ",
        "process_open_fds ",
    ] {
        assert!(metrics.contains(&format!("\n{sample}")), "{sample}: {metrics}");
    }
    agent.stop();
}
