//! What was read, held against what was.

use oom_trace::incident::model::Record;
use serde_json::Value;

use crate::random::Incident;

/// Keys that the log gives another meaning, or that some loss changes: they are looked at apart.
const APART: [&str; 18] = [
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
    "system",
    "totalpages",
    "stat",
    "time_guessed",
    // What is made of all that.
    "why",
];

pub(crate) fn assert_true(incidents: &[Incident], records: &[Record], is_whole: bool, log: &[u8]) {
    let shown = || String::from_utf8_lossy(log);
    let mut seen = Vec::new();
    for record in records {
        // What looks like the reaper's word is, if it names a victim.
        if let Record::OomExit(exit) = record {
            let mut all = incidents.iter().flatten();
            assert!(all.any(|kill| kill.victim.tid == exit.tid), "{exit:?}: {}", shown());
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
        if let Some(difference) = difference("", &is, &expected) {
            panic!("{difference}: {}", shown());
        }
        assert!(read.kill_count <= was.kill_count, "{read:?}: {}", shown());
        for memory in &read.victim.memory_logged {
            let [is, expected] = [memory, &was.victim.memory_logged[0]]
                .map(|memory| serde_json::to_value(memory).unwrap());
            assert_eq!(difference("memory_logged", &is, &expected), None, "{}", shown());
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
    if is_whole {
        let victims = incidents.iter().flatten().count();
        let kills = records.iter().filter_map(Record::kill).count();
        assert_eq!(kills, victims, "{}", shown());
    }
}

/// The first key that has another value than it had; `null` is no value.
fn difference(path: &str, is: &Value, expected: &Value) -> Option<String> {
    match (is, expected) {
        (Value::Null, _) => None,
        (Value::Object(is), Value::Object(expected)) => is.iter().find_map(|(key, value)| {
            if APART.contains(&key.as_str()) {
                return None;
            }
            difference(&format!("{path}.{key}"), value, &expected[key])
        }),
        _ => (is != expected).then(|| format!("{path} is {is} and was {expected}")),
    }
}
