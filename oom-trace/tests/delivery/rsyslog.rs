//! rsyslog: UDP, TCP, TLS and a unix socket.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::authority::certificates;
use crate::bench::{
    self, Line, Process, Receiver, await_all, await_that, free_port, program, records,
};

/// How messages come in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Unix,
    Udp,
    Tcp,
    Tls,
}

pub(crate) struct Rsyslog {
    dir: TempDir,
    way: Way,
    port: u16,
    process: Process,
}

impl Rsyslog {
    pub(crate) fn new(way: Way) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if way == Way::Tls {
            certificates(dir.path());
        }
        Self { dir, way, port: free_port(), process: Process::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> String {
        let path = |name| self.path(name).display().to_string();
        let (port, socket) = (self.port, path("socket"));
        let input = match self.way {
            Way::Unix => format!(
                "module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
                 input(type=\"imuxsock\" Socket=\"{socket}\" CreatePath=\"on\" \
                 RateLimit.Interval=\"0\" UseSysTimeStamp=\"off\")"
            ),
            Way::Udp => format!(
                "module(load=\"imudp\")\n\
                 input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")"
            ),
            Way::Tcp => format!(
                "module(load=\"imtcp\")\n\
                 input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")"
            ),
            Way::Tls => format!(
                "global(DefaultNetstreamDriver=\"ossl\" DefaultNetstreamDriverCAFile=\"{}\" \
                 DefaultNetstreamDriverCertFile=\"{}\" DefaultNetstreamDriverKeyFile=\"{}\")\n\
                 module(load=\"imtcp\" StreamDriver.Name=\"ossl\" StreamDriver.Mode=\"1\" \
                 StreamDriver.AuthMode=\"anon\")\n\
                 input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")",
                path("ca.pem"),
                path("cert.pem"),
                path("key.pem"),
            ),
        };
        // What it has taken is on its disk before it takes more: killed, it loses only what the
        // kernel had for it.
        format!(
            "global(workDirectory=\"{}\" maxMessageSize=\"64k\")\n{input}\n\
             template(name=\"whole\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             main_queue(queue.type=\"Direct\")\n\
             action(type=\"omfile\" file=\"{}\" template=\"whole\" asyncWriting=\"off\" \
             flushOnTXEnd=\"on\")\n",
            self.dir.path().display(),
            path("messages"),
        )
    }

    fn listens(&self) -> bool {
        match self.way {
            Way::Unix => self.path("socket").exists(),
            Way::Udp => in_table("/proc/net/udp", self.port),
            Way::Tcp | Way::Tls => in_table("/proc/net/tcp", self.port),
        }
    }
}

/// Whether somebody has the port open, by the kernel's table.
fn in_table(table: &str, port: u16) -> bool {
    let listens = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let is_port = words.next().is_some_and(|local| local.ends_with(&format!(":{port:04X}")));
        // Not connected to anybody.
        is_port && words.next().is_some_and(|remote| remote.ends_with(":0000"))
    };
    fs::read_to_string(table).unwrap().lines().any(listens)
}

impl Receiver for Rsyslog {
    fn sink(&self) -> String {
        let (port, dir) = (self.port, self.dir.path().display());
        match self.way {
            Way::Unix => {
                format!("syslog:{{ url = \"unix://{dir}/socket\", max_bytes = \"32KiB\" }}")
            }
            Way::Udp => format!("syslog:{{ url = \"udp://127.0.0.1:{port}\" }}"),
            Way::Tcp => format!("syslog:{{ url = \"tcp://127.0.0.1:{port}\", format = \"json\" }}"),
            Way::Tls => format!(
                "syslog:{{ url = \"tls://localhost:{port}\", tls = {{ ca_file = \"{dir}/ca.pem\" }} }}"
            ),
        }
    }

    fn start(&mut self) {
        let config = self.path("rsyslog.conf");
        fs::write(&config, self.config()).unwrap();
        let _ = fs::remove_file(self.path("socket"));
        let mut command = Command::new(program("rsyslogd", "rsyslog"));
        command.arg("-n").arg("-f").arg(&config).arg("-i").arg(self.path("pid"));
        self.process.start(&mut command);
        await_that("rsyslogd", || self.listens());
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn ids(&self) -> Vec<String> {
        bench::ids_in(&self.path("messages"), |line| match line.split_once("\"id\":\"") {
            Some((_, rest)) => rest.split('"').next().unwrap().to_owned(),
            None => line.rsplit_once(" id=").unwrap().1.to_owned(),
        })
    }
}

#[test]
fn unix_up() {
    bench::up(Rsyslog::new(Way::Unix));
}

#[test]
fn unix_down_at_start() {
    bench::down_at_start(Rsyslog::new(Way::Unix));
}

#[test]
fn udp_up() {
    bench::up_without_answers(Rsyslog::new(Way::Udp));
}

#[test]
fn tcp_up() {
    bench::up(Rsyslog::new(Way::Tcp));
}

#[test]
fn tcp_down_at_start() {
    bench::down_at_start(Rsyslog::new(Way::Tcp));
}

#[test]
fn tcp_killed_in_the_middle() {
    bench::killed_in_the_middle(Rsyslog::new(Way::Tcp));
}

#[test]
fn tls_up() {
    bench::up(Rsyslog::new(Way::Tls));
}

#[test]
fn tls_down_at_start() {
    bench::down_at_start(Rsyslog::new(Way::Tls));
}

#[test]
fn tls_killed_in_the_middle() {
    bench::killed_in_the_middle(Rsyslog::new(Way::Tls));
}

/// An authority that does not vouch for the receiver, until its file is written anew.
#[test]
fn tls_renewed() {
    let mut rsyslog = Rsyslog::new(Way::Tls);
    rsyslog.start();
    let renewed = rsyslog.path("renewed.pem");
    fs::copy(rsyslog.path("old.pem"), &renewed).unwrap();
    let line = Line::to(&rsyslog.sink().replace("ca.pem", "renewed.pem"));
    let records = records(20);
    line.send(&records);
    let is_told = || line.totals().last_error.is_some_and(|error| error.contains("UnknownIssuer"));
    await_that("its refusal", is_told);
    assert_eq!((line.totals().delivered, line.totals().failed), (0, 0));
    fs::copy(rsyslog.path("ca.pem"), &renewed).unwrap();
    await_all(&rsyslog, &records);
    assert_eq!(line.close().lost(), 0);
}

#[test]
fn tcp_asleep() {
    bench::asleep(Rsyslog::new(Way::Tcp));
}

#[test]
fn tls_asleep() {
    bench::asleep(Rsyslog::new(Way::Tls));
}

#[test]
fn unix_asleep() {
    bench::asleep(Rsyslog::new(Way::Unix));
}
