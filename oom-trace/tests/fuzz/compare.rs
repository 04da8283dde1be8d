//! What was read, held against what was.

use std::collections::BTreeSet;

use oom_trace::incident::model::Record;
use serde_json::Value;

use crate::print::{DUMPS, Log};
use crate::random::Incident;

/// Keys that the log gives another meaning, or that some loss changes: they are looked at apart.
const APART: [&str; 19] = [
    "incident",
    "time",
    "boot_ns",
    "host",
    "kernel_version",
    "victim_index",
    "victim_count",
    "kill_count",
    "killed_again",
    "log_us",
    "memory_logged",
    "group",
    // What the printed log has and the incidents have not.
    "candidates",
    "census",
    "system",
    "totalpages",
    "stat",
    "time_guessed",
    // What is made of all that.
    "why",
];

/// What no message has but the table of tasks, which is left out at times: it has the process beside
/// the thread, swap, and, by its pages and bytes, the size of a page.
const IN_THE_TABLE: [&str; 3] = [".page_size_bytes", ".victim.memory.swap_bytes", ".victim.pid"];

/// The log names the thread that asked, and never its process.
const NOWHERE: &str = ".trigger.pid";

/// What only the dump has, which the kernel leaves out in a storm.
const IN_THE_DUMP: [&str; 12] = [
    ".chosen",
    ".constraint",
    ".cpu",
    ".hardware",
    ".kernel",
    ".limit",
    ".preempt",
    ".scope",
    ".stack",
    ".taint",
    ".trigger",
    ".victim.cgroup",
];

/// How much of what was must be read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Due {
    /// All that is logged.
    All,
    /// The same, where the kernel may have left out the dump.
    Kill,
    /// What is read must be true; there may be less.
    Truth,
}

impl Due {
    /// A name that looks like what stands around names may be read as neither, and so may a message of
    /// others that looks like one of these.
    fn of(log: &Log, incidents: &[Incident], is_plain: bool) -> Self {
        match log.is_whole && is_plain && !log.is_noisy {
            false => Self::Truth,
            true if incidents.len() > DUMPS => Self::Kill,
            true => Self::All,
        }
    }

    fn may_lack(self, path: &str) -> bool {
        match self {
            Self::All => path == NOWHERE || IN_THE_TABLE.contains(&path),
            Self::Kill => Self::All.may_lack(path) || IN_THE_DUMP.contains(&path),
            Self::Truth => true,
        }
    }
}

pub(crate) fn assert_true(incidents: &[Incident], records: &[Record], log: &Log, is_plain: bool) {
    let due = Due::of(log, incidents, is_plain);
    let is_whole = log.is_whole;
    let shown = || String::from_utf8_lossy(&log.bytes);
    let mut seen = Vec::new();
    for record in records {
        // What looks like the reaper's word is, if it names a victim.
        if let Record::OomExit(exit) = record {
            let mut all = incidents.iter().flatten();
            let is_of_one = all.any(|kill| kill.victim.tid == exit.tid);
            assert!(exit.kill_missing || is_of_one, "{exit:?}: {}", shown());
            continue;
        }
        let Record::OomKill(read) = record else { panic!("{record:?}: {}", shown()) };
        let mut all = incidents.iter().flatten();
        let was = all.find(|kill| kill.victim.tid == read.victim.tid);
        let was = was.unwrap_or_else(|| panic!("nobody: {read:?}: {}", shown()));
        assert!(!seen.contains(&read.victim.tid) || !is_whole, "twice: {read:?}: {}", shown());
        seen.push(read.victim.tid);
        let [is, expected] = [&**read, was].map(|kill| serde_json::to_value(kill).unwrap());
        let mut is = is;
        if !is_whole {
            // A stack that began before the log does, and went on in it, is anybody's.
            is["stack"] = Value::Null;
        }
        // Without its header nothing tells that a kill was by hand.
        if is["scope"] == "global"
            && expected["scope"] == "sysrq"
            && is["trigger"]["order"].is_null()
        {
            is["scope"] = Value::Null;
        }
        if let Some(difference) = difference(due, "", &is, &expected) {
            panic!("{difference}: {}", shown());
        }
        assert!(read.kill_count <= was.kill_count, "{read:?}: {}", shown());
        for memory in &read.victim.memory_logged {
            let [is, expected] = [memory, &was.victim.memory_logged[0]]
                .map(|memory| serde_json::to_value(memory).unwrap());
            let due = if due == Due::Truth { Due::Truth } else { Due::All };
            assert_eq!(difference(due, "memory_logged", &is, &expected), None, "{}", shown());
        }
        if let Some(group) = &read.group {
            assert_eq!(Some(group), was.group.as_ref(), "{}", shown());
        }
        // Who shares an incident here shared it there.
        let incident = incidents.iter().find(|incident| incident.contains(was)).unwrap();
        for other in
            records.iter().filter_map(Record::kill).filter(|it| it.incident == read.incident)
        {
            let together = incident.iter().any(|kill| kill.victim.tid == other.victim.tid);
            assert!(together, "{read:?} and {other:?}: {}", shown());
        }
    }
    if due == Due::All {
        assert_together(incidents, records, &shown());
    }
    if is_whole {
        let victims = incidents.iter().flatten().count();
        let kills = records.iter().filter_map(Record::kill).count();
        assert_eq!(kills, victims, "{}", shown());
    }
}

/// Each incident is one, with all its victims in their order, each as often as it was killed.
fn assert_together(incidents: &[Incident], records: &[Record], shown: &str) {
    let mut kills = records.iter().filter_map(Record::kill);
    for incident in incidents {
        let read: Vec<_> = kills.by_ref().take(incident.len()).collect();
        let ids: BTreeSet<_> = read.iter().map(|kill| &kill.incident).collect();
        assert_eq!(ids.len(), 1, "{ids:?}: {shown}");
        for (read, was) in read.iter().zip(incident) {
            let count = u32::try_from(incident.len()).unwrap();
            assert_eq!(read.victim.tid, was.victim.tid, "{shown}");
            assert_eq!(
                (read.victim_index, read.victim_count),
                (was.victim_index, count),
                "{shown}"
            );
            assert_eq!(read.kill_count, was.kill_count, "{shown}");
            assert_eq!(read.victim.memory_logged.len(), was.victim.memory_logged.len(), "{shown}");
            assert_eq!(read.group, was.group, "{shown}");
        }
    }
}

/// Page tables of whole pages of kilobytes: 5.4 printed bytes and called them kB, and without the dump nothing
/// tells which kernel it was.
fn may_be_bytes(pgtables: &Value) -> bool {
    pgtables.as_u64().is_some_and(|bytes| bytes.is_multiple_of(4096 * 1024))
}

/// The first key that has another value than it had, or none though that is due.
fn difference(due: Due, path: &str, is: &Value, expected: &Value) -> Option<String> {
    match (is, expected) {
        (Value::Null, Value::Null) => None,
        (Value::Null, _) if due.may_lack(path) => None,
        (Value::Null, was) if path.ends_with("pgtables_bytes") && may_be_bytes(was) => None,
        (Value::Object(is), Value::Object(expected)) => is.iter().find_map(|(key, value)| {
            if APART.contains(&key.as_str()) {
                return None;
            }
            difference(due, &format!("{path}.{key}"), value, &expected[key])
        }),
        _ => (is != expected).then(|| format!("{path} is {is} and was {expected}")),
    }
}
