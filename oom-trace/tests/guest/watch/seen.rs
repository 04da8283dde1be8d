//! What the agent and the kernel saw of a scenario, held against each other.

use std::fs;
use std::thread;

use serde_json::Value;

use super::{PAGE, release};
use crate::decision::{assert_decided, assert_weighed};
use crate::dump::{Dump, dumps};
use crate::numbers;
use crate::support::compare::{assert_killed, assert_named};
use crate::support::log::{Killed, Line, kills};

/// What both saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The agent's records of kills.
    pub(crate) records: Vec<Value>,
    /// Its records of memory that is back.
    pub(crate) exits: Vec<Value>,
    /// Its records of itself: the last is `stopped`, or `started` where it goes on.
    pub(crate) agent: Vec<Value>,
    /// Its records of shortages in which nobody could be killed.
    pub(crate) failures: Vec<Value>,
    /// What it said on standard error.
    pub(crate) said: String,
    /// How often the kernel killed.
    pub(crate) kills: u64,
    /// The kernel's log.
    pub(super) log: Vec<String>,
    /// The agent's `kernel` format.
    pub(super) printed: Vec<String>,
}

impl Seen {
    /// The one record there is.
    pub(crate) fn only(&self) -> &Value {
        let [record] = self.records.as_slice() else { panic!("{:#?}", self.records) };
        record
    }

    /// The record of this process's death.
    pub(crate) fn of(&self, pid: u64) -> &Value {
        let mut records = self.records.iter();
        let own = records.find(|record| record["victim"]["pid"] == pid);
        own.unwrap_or_else(|| panic!("no record of {pid}: {:#?}", self.records))
    }

    pub(crate) fn assert_nothing_lost(&self) {
        let totals = self.totals();
        assert_eq!(totals["kills"], self.kills, "{totals:#}");
        assert_eq!(totals["kernel_kills"], self.kills, "{totals:#}");
        for lost in ["ring_lost", "malformed", "sink_lost"] {
            assert_eq!(totals[lost], 0, "{totals:#}");
        }
        assert!(self.event("gap").is_none(), "{:#?}", self.agent);
    }

    /// Each record is as the kernel logged its victim, and lacks what the agent says that records lack.
    pub(super) fn assert_logged(&self) {
        let killed: Vec<_> = kills(&self.log).into_iter().map(|(_, killed)| killed).collect();
        for record in &self.records {
            assert_as_logged(record, &killed);
            self.assert_missing(record);
        }
    }

    /// The agent's `kernel` format has the kernel's lines, as far as they do not change meanwhile: those of
    /// one victim together, which the kernel kills once more in its turn where its whole group goes.
    pub(super) fn assert_printed(&self) {
        let mut text: Vec<(String, u64)> = Vec::new();
        for (line, Killed { pid, .. }) in kills(&self.log) {
            let own = text.iter().rposition(|(_, victim)| *victim == pid);
            text.insert(own.map_or(text.len(), |own| own + 1), (line, pid));
        }
        let text: Vec<_> = text.into_iter().map(|(line, _)| line).collect();
        let printed: Vec<_> = kills(&self.printed).into_iter().map(|(text, _)| text).collect();
        let have_lines = || self.records.iter().all(|record| record["log_us"].is_u64());
        if processors() == 1 || have_lines() {
            assert_eq!(printed, text);
        } else {
            assert_eq!(printed.len(), text.len());
        }
    }

    /// Each process that was killed gave its memory back, and that was told once, behind its kill.
    /// Who shares it may hold it a while longer.
    pub(super) fn assert_exits(&self) {
        if lacks(self.end(), "oom_exit") {
            assert!(self.exits.is_empty(), "{:#?}", self.exits);
            return;
        }
        for record in &self.records {
            let victim = &record["victim"];
            let of_it = |exit: &&Value| {
                exit["incident"] == record["incident"] && exit["pid"] == victim["pid"]
            };
            let exits: Vec<_> = self.exits.iter().filter(of_it).collect();
            match exits.as_slice() {
                [exit] => assert_eq!(exit["state"], "freed", "{exit:#}"),
                [] => assert!(!is_to_exit(record), "no exit of {record:#}"),
                more => panic!("{more:#?}"),
            }
        }
    }

    pub(crate) fn totals(&self) -> &Value {
        &self.end()["totals"]
    }

    /// The agent's record of this event, if there is one.
    pub(crate) fn event(&self, event: &str) -> Option<&Value> {
        self.agent.iter().find(|record| record["event"] == event)
    }

    pub(crate) fn dumps(&self) -> Vec<Dump> {
        dumps(&self.log)
    }

    /// Each number that the kernel printed of the only kill is in the agent's records.
    pub(crate) fn assert_all_told(&self) {
        let mut lines = numbers::dump(self.log.clone());
        // What the reaper says may be yet to come.
        let killed = lines.iter().rposition(|line| line.contains("Killed process ")).unwrap();
        lines.truncate(killed + 1);
        let record = self.only();
        assert_eq!(numbers::missing(&lines, std::slice::from_ref(record)), [""; 0], "{record:#}");
    }

    pub(crate) fn logged(&self, text: &str) -> bool {
        self.log.iter().any(|line| line.contains(text))
    }

    /// What the kernel says that the reaper left of this process, in bytes.
    pub(crate) fn reaped(&self, pid: u32) -> [(&'static str, u64); 3] {
        let start = format!("oom_reaper: reaped process {pid} ");
        let line = self.log.iter().find(|line| line.contains(&start)).unwrap();
        let kb = |word: &str| {
            let (_, rest) = line.split_once(word).unwrap();
            rest.split("kB").next().unwrap().parse::<u64>().unwrap() * 1024
        };
        [
            ("anon_rss_bytes", kb("anon-rss:")),
            ("file_rss_bytes", kb("file-rss:")),
            ("shmem_rss_bytes", kb("shmem-rss:")),
        ]
    }

    /// Holds what is said beside the kill itself against the log, too. The kernel limits how often
    /// it says that, so it is not for a storm.
    pub(crate) fn assert_context(&self, source: &str) {
        let (printed, logged) = (self.printed_of_kills(), of_the_oom_killer(&self.log));
        for (printed, logged) in printed.iter().zip(&logged) {
            assert_eq!(printed, logged, "{:#?}", self.log);
        }
        assert_eq!(printed.len(), logged.len(), "{:#?}", self.log);
        let stacks =
            |lines: &[String]| dumps(lines).into_iter().map(|dump| dump.stack).collect::<Vec<_>>();
        assert_eq!(stacks(&self.printed), stacks(&self.log));
        self.assert_decisions(source);
    }

    /// A shared agent tells later of shortages that others had, in which nobody was killed.
    fn printed_of_kills(&self) -> Vec<&String> {
        let printed = of_the_oom_killer(&self.printed);
        let is_header = |line: &String| matches!(Line::parse(line), Some(Line::Invoked(_)));
        let is_kill = |line: &&String| matches!(Line::parse(line), Some(Line::Killed(_)));
        let dumps = printed.chunk_by(|_, next| !is_header(next));
        dumps.filter(|dump| dump.iter().any(is_kill)).flatten().copied().collect()
    }

    /// As [`Self::assert_context`], where the kernel also told of shortages without a victim.
    pub(crate) fn assert_decisions(&self, source: &str) {
        let mut incidents: Vec<_> = self.records.iter().collect();
        incidents.dedup_by_key(|record| &record["incident"]);
        let logged = self.dumps();
        assert_eq!(incidents.len(), logged.len(), "{logged:#?}");
        for (record, dump) in incidents.iter().zip(&logged) {
            assert_decided(record, dump);
            assert_weighed(record, &dump.tasks);
        }
        for record in &self.records {
            assert_eq!(record["source"], source, "{record:#}");
            assert_eq!(record["outcome"], "killed", "{record:#}");
        }
    }

    pub(crate) fn end(&self) -> &Value {
        self.agent.last().unwrap()
    }

    /// What the agent said the records lack, they lack; what the kernel's dump may have, they may.
    fn assert_missing(&self, record: &Value) {
        let missing = self.end()["missing"].as_array().unwrap().iter();
        let may_be_known =
            |it: &&Value| it["reason"].as_str().unwrap().contains("kernel's own dump");
        for missing in missing.filter(|it| !may_be_known(it)) {
            let key = format!("/{}", missing["field"].as_str().unwrap().replace('.', "/"));
            // An object stands for all its keys, and the thread id is always known.
            let mut value = record.pointer(&key).cloned().unwrap_or_default();
            value.as_object_mut().and_then(|object| object.remove("tid"));
            assert!(is_unknown(&value), "{missing}: {record:#}");
        }
    }
}

/// Whether the agent says that records lack this.
pub(super) fn lacks(agent: &Value, field: &str) -> bool {
    agent["missing"].as_array().unwrap().iter().any(|missing| missing["field"] == field)
}

/// Whether its memory is back once it has died: it was killed, and shares it with nobody.
pub(super) fn is_to_exit(record: &Value) -> bool {
    let alone = record["victim"]["shares_mm"].as_array().is_none_or(Vec::is_empty);
    alone && record["outcome"] == "killed"
}

/// The `Killed process` lines of this process, and no others, are this record's.
fn assert_as_logged(record: &Value, killed: &[Killed]) {
    let own = |killed: &&Killed| record["victim"]["tid"] == killed.pid;
    // The tracepoint does not fire for the second kill of a group's first victim.
    let seen = if record["source"] == "tracepoint" { 1 } else { killed.len() };
    let own: Vec<_> = killed.iter().filter(own).take(seen).cloned().collect();
    let thread_id_only = record["victim"]["comm"].is_null();
    if thread_id_only {
        assert!(!own.is_empty(), "{record:#}");
    } else if processors() > 1 || addresses_are_hidden() {
        assert_named(record, &own);
    } else {
        assert_killed(record, &own);
        // Who reads the log has no more than it says, nor has who is passed a thread id alone.
        if record["source"] != "kernel_log" && !record["victim"]["ns_pid"].is_null() {
            assert_exact(record);
        }
    }
}

fn is_unknown(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().all(is_unknown),
        Value::Object(keys) => keys.values().all(is_unknown),
        _ => false,
    }
}

/// The lines that the agent's `kernel` format has as well, but for the frames of the call trace.
fn of_the_oom_killer(lines: &[String]) -> Vec<&String> {
    let ours = |line| !matches!(line, Line::Frame { .. } | Line::Task(_));
    // A victim may still fail to allocate, and the kernel dumps its stack for that, too.
    let mut elsewhere = false;
    let of_the_killer = |line: &&String| {
        elsewhere = match Line::parse(line) {
            Some(Line::Invoked(_) | Line::Killed(_)) => false,
            _ => elsewhere || line.contains("page allocation failure"),
        };
        !elsewhere
    };
    let lines = lines.iter().filter(of_the_killer);
    lines.filter(|line| Line::parse(line).is_some_and(ours)).collect()
}

/// Then memory is not exact, and from 7.0 on not what is logged.
fn addresses_are_hidden() -> bool {
    fs::read_to_string("/proc/sys/kernel/kptr_restrict").unwrap().trim_end() == "2"
}

/// What the kernel logs is its exact sum but from 6.2 to 6.19, where each processor may hold back
/// a batch of pages (`percpu_counter_batch`).
fn assert_exact(record: &Value) {
    let held_back = held_back();
    for logged in record["victim"]["memory_logged"].as_array().unwrap() {
        let exact = &record["victim"]["memory"];
        for key in ["anon_rss_bytes", "file_rss_bytes", "shmem_rss_bytes", "swap_bytes"] {
            let [exact, logged] = [exact, logged].map(|memory| memory[key].as_u64().unwrap());
            assert!(exact.abs_diff(logged) <= held_back, "{key}: {record:#}");
        }
        for key in ["total_vm_bytes", "pgtables_bytes"] {
            assert_eq!(exact[key], logged[key], "{record:#}");
        }
    }
}

/// By how much the log may differ from an exact sum, in bytes.
pub(crate) fn held_back() -> u64 {
    if (6, 2) <= release() && release() < (7, 0) { batches() } else { 0 }
}

/// The pages, in bytes, that all processors may hold back.
fn batches() -> u64 {
    let processors = processors();
    processors * 32.max(2 * processors) * PAGE
}

fn processors() -> u64 {
    thread::available_parallelism().unwrap().get() as u64
}
