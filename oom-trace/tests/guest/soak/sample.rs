//! What the agent has of the machine, from time to time.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Pid;

use crate::weight;

/// Goes home, to be drawn.
const FILE: &str = "/out/soak.csv";
const HEAD: &str = "seconds,kills,told,pss,fds,threads,store,log\n";

/// What may wait in memory for the sink that is dead where the store does not have it (docs/delivery.md).
const BACKLOG: u64 = 32 << 20;
/// Memory beyond that: buffers of sinks, and what the allocator keeps.
const MEMORY: u64 = 4 << 20;
/// A connection that is opened again, a command that is being run.
const FDS: u64 = 8;
const THREADS: u64 = 2;
/// The store's write-ahead log goes into the store when it has a thousand pages.
const LOG: u64 = 8 << 20;

#[derive(Debug, Clone, Copy)]
struct Sample {
    pss: u64,
    fds: u64,
    threads: u64,
    store: u64,
    log: u64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Curve {
    store: PathBuf,
    csv: String,
    samples: Vec<Sample>,
}

impl Curve {
    pub(super) fn new(store: &Path) -> Self {
        Self { store: store.to_owned(), csv: HEAD.to_owned(), samples: Vec::new() }
    }

    /// Answers what goes home.
    pub(super) fn take(&mut self, at: Duration, agent: Pid, kills: u64, told: u64) -> String {
        let sample = Sample {
            pss: weight::told(agent, "smaps_rollup", "Pss:"),
            fds: entries(agent, "fd"),
            threads: entries(agent, "task"),
            store: self.bytes(""),
            log: self.bytes("-wal"),
        };
        let Sample { pss, fds, threads, store, log } = sample;
        self.samples.push(sample);
        let line = format!("{},{kills},{told},{pss},{fds},{threads},{store},{log}", at.as_secs());
        self.csv.push_str(&line);
        self.csv.push('\n');
        fs::write(FILE, &self.csv).unwrap();
        line
    }

    /// Of the store's file whose name ends so.
    fn bytes(&self, suffix: &str) -> u64 {
        let path = format!("{}{suffix}", self.store.display());
        fs::metadata(path).map_or(0, |metadata| metadata.len())
    }

    /// Nothing grew from the first third, when all had happened once, to the last; and the store kept to its limit.
    pub(super) fn assert_level(&self, store: u64) {
        let third = self.samples.len() / 3;
        let (early, late) = (&self.samples[..third], &self.samples[2 * third..]);
        let full = self.samples[0].pss + BACKLOG;
        let assert_row = |what: &str, of: fn(&Sample) -> u64, least: u64, more: u64| {
            let (before, after) = (most(early, of), most(late, of));
            assert!(
                after <= before.max(least) + more,
                "{what}: {before} at first, {after} at last"
            );
        };
        assert_row("memory", |sample| sample.pss, full, MEMORY);
        assert_row("open files", |sample| sample.fds, 0, FDS);
        assert_row("threads", |sample| sample.threads, 0, THREADS);
        let files = [most(&self.samples, |it| it.store), most(&self.samples, |it| it.log)];
        assert!(files[0] <= store + store / 16 && files[1] <= LOG, "the store's files: {files:?}");
    }
}

fn most(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> u64 {
    samples.iter().map(of).max().unwrap()
}

impl Display for Curve {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let of = |of: fn(&Sample) -> u64| {
            let values = || self.samples.iter().map(of);
            (values().min().unwrap(), values().max().unwrap())
        };
        let (pss, fds) = (of(|it| it.pss), of(|it| it.fds));
        let (threads, store, log) = (of(|it| it.threads), of(|it| it.store), of(|it| it.log));
        write!(f, "pss {pss:?}, fds {fds:?}, threads {threads:?}, store {store:?} + {log:?}")
    }
}

fn entries(agent: Pid, folder: &str) -> u64 {
    fs::read_dir(format!("/proc/{}/{folder}", agent.as_raw_pid())).unwrap().count() as u64
}

/// What the agent says of itself.
#[derive(Debug)]
pub(super) struct Metrics(String);

impl Metrics {
    pub(super) fn scrape(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        Self(text)
    }

    /// Of a series, its labels included.
    pub(super) fn value(&self, series: &str) -> u64 {
        let line = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = line.unwrap_or_else(|| panic!("no {series} in {}", self.0));
        value.trim_end_matches(".0").parse().unwrap()
    }

    pub(super) fn of_sink(&self, what: &str, sink: &str) -> u64 {
        self.value(&format!("oom_trace_sink_{what}_records_total{{sink={sink:?}}}"))
    }

    pub(super) fn waiting(&self, sink: &str) -> u64 {
        self.value(&format!("oom_trace_sink_waiting_records{{sink={sink:?}}}"))
    }
}
