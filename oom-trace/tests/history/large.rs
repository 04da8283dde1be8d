//! What `cargo xtask bench kept` reads: many records, as JSON Lines and in a store.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use oom_trace::incident::model::{Cgroup, OomExit, OomKill, Record};
use oom_trace::setting::{ByteSize, ConfigDuration};
use oom_trace::store::{Retention, Store};

use crate::kept::{BOOT, end, kill};

/// Where to, as `cargo xtask bench` says.
const FOLDER: &str = "OOM_TRACE_LARGE";

/// Kills for a page.
const LINES: u32 = 10_000;
/// Records in the store, half of them kills, half of them ends.
const RECORDS: u32 = 1_000_000;
/// As many are saved at a time.
const BATCH: usize = 1000;
/// Machines that they are of, and units of each.
const HOSTS: u32 = 5;
const UNITS: u32 = 40;

/// One kill, to be told again and again with other names and times.
struct Pattern {
    kill: OomKill,
    end: OomExit,
    begin: Timestamp,
}

impl Pattern {
    fn new() -> Self {
        let told = kill(BOOT, 60, 4711, "/system.slice/web.service");
        let Ok(Record::OomKill(kill)) = serde_json::from_value(told.clone()) else {
            panic!("{told}")
        };
        let told = end(&told, 35);
        let Ok(Record::OomExit(end)) = serde_json::from_value(told.clone()) else {
            panic!("{told}")
        };
        let begin = kill.origin.time.unwrap();
        Self { kill: *kill, end: *end, begin }
    }

    /// The one with this number, a minute after the one before.
    fn kill(&self, number: u32) -> OomKill {
        let mut kill = self.kill.clone();
        let seconds = 60 * u64::from(number);
        let path = format!("/system.slice/web-{}.service", number / HOSTS % UNITS);
        kill.incident = format!("{}-{number}", &BOOT[..8]);
        kill.origin.time = Some(self.begin + Duration::from_secs(seconds));
        kill.origin.boot_ns = kill.origin.boot_ns.map(|ns| ns + seconds * 1_000_000_000);
        kill.origin.host = Some(format!("db{}", number % HOSTS));
        kill.log_us = kill.log_us.map(|us| us + seconds * 1_000_000);
        kill.victim.pid = Some(2 + number % 4_000_000);
        kill.victim.tid = 2 + number % 4_000_000;
        kill.victim.unit = path.rsplit('/').next().map(Into::into);
        kill.victim.cgroup = Some(Cgroup { path: path.as_str().into(), id: None });
        let mut shortage = kill.shortage.into_inner();
        if let Some(limit) = &mut shortage.limit {
            limit.cgroup = Some(path.as_str().into());
        }
        kill.shortage = shortage.into();
        kill
    }

    fn end(&self, kill: &OomKill) -> OomExit {
        let mut end = self.end.clone();
        end.incident.clone_from(&kill.incident);
        end.origin = kill.origin.clone();
        (end.pid, end.tid) = (kill.victim.tid, kill.victim.tid);
        end
    }
}

#[test]
#[ignore = "lays a gigabyte for `cargo xtask bench kept`"]
fn lays_large_inputs() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let pattern = Pattern::new();
    let mut lines = BufWriter::new(File::create(folder.join("fleet.jsonl")).unwrap());
    for number in 0..LINES {
        let record = Record::OomKill(Box::new(pattern.kill(number)));
        serde_json::to_writer(&mut lines, &record).unwrap();
        lines.write_all(b"\n").unwrap();
    }
    lines.flush().unwrap();
    let retention = Retention {
        max_age: ConfigDuration(Duration::from_secs(100 * 365 * 86_400)),
        max_bytes: ByteSize(1 << 40),
    };
    let mut store = Store::open(&folder.join("records.db"), &retention).unwrap();
    let records = (0..RECORDS / 2).flat_map(|number| {
        let kill = pattern.kill(number);
        let end = pattern.end(&kill);
        [Record::OomKill(Box::new(kill)), Record::OomExit(Box::new(end))]
    });
    let mut records = records.map(Arc::new);
    loop {
        let batch: Vec<_> = records.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let first = store.next();
        store.save(first, &batch, &[]).unwrap();
    }
}
