//! What was told, held against what the kernel logged: each kill once, as it was, and none invented.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use super::oracle::Logged;
use super::told::{Told, times};

/// By how much the stamps of a kill may differ: the log's line comes after the decision, and a dump
/// of the tasks before it.
const APART_US: u64 = 10_000_000;

/// How long a starved group may take to be killed, whose records all have the time of the decision.
const GROUP_US: u64 = 300_000_000;

/// Within this time a thread id is the same thread's.
const AGAIN_US: u64 = 1_000_000;

/// What the processors may hold back of a counter, and what a victim that still runs may touch.
const MEMORY: u64 = 1 << 20;

/// How both agree.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Kills that are told.
    pub(crate) told: usize,
    /// Kills that are not.
    pub(crate) missing: Vec<String>,
    /// Records of kills that never were.
    pub(crate) invented: Vec<String>,
    /// Records that say something else than the log.
    pub(crate) wrong: Vec<String>,
    /// Records with other memory than the log's; on a second processor, victims free it meanwhile.
    pub(crate) memory_apart: usize,
    /// Lines of further kills that the agent counted, and could not name in the record that was told by then.
    unnamed: u64,
}

impl Account {
    pub(crate) fn of(log: &[Logged], told: &Told) -> Self {
        let mut account = Self { unnamed: told.unnamed(), ..Self::default() };
        let mut lines: BTreeMap<u64, Vec<&Logged>> = BTreeMap::new();
        log.iter().for_each(|line| lines.entry(line.killed.pid).or_default().push(line));
        let mut records: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
        for record in &told.kills {
            account.other_threads(record, &mut lines);
            let tid = record["victim"]["tid"].as_u64().unwrap();
            records.entry(tid).or_default().push(record);
        }
        for id in &told.contradicted {
            account.wrong.push(format!("the id {id} has two records"));
        }
        for (tid, mut records) in records {
            records.sort_by_key(|record| stamp_us(record));
            account.thread(lines.remove(&tid).unwrap_or_default(), records);
        }
        account.missing.extend(lines.into_values().flatten().map(line));
        account
    }

    /// A further kill names its thread and its line where it is of another thread.
    fn other_threads(&mut self, record: &Value, lines: &mut BTreeMap<u64, Vec<&Logged>>) {
        for (index, again) in of_other_threads(record) {
            let of_thread = again["tid"].as_u64().and_then(|tid| lines.get_mut(&tid));
            let place = of_thread.and_then(|lines| {
                let at = lines.iter().position(|line| again["log_us"] == line.us)?;
                Some(lines.remove(at))
            });
            match place {
                Some(line) => self.compare(record, line, index),
                None => self.wrong.push(format!("{again} is no kill: {}", brief(record))),
            }
        }
    }

    /// One thread id: it may have been that of several processes, one after the other.
    fn thread(&mut self, lines: Vec<&Logged>, records: Vec<&Value>) {
        let mut lines = VecDeque::from(lines);
        let is_killed = |record: &&Value| record["outcome"] == "killed";
        let mut killed: usize = records.iter().copied().filter(is_killed).map(count).sum();
        for record in records {
            let at = stamp_us(record);
            // Lines from long before are nobody's.
            while let Some(before) = next_if(&mut lines, |us| us + APART_US < at) {
                self.missing.push(line(before));
            }
            if !is_killed(&record) {
                // A victim may be marked again, and a marked one killed; but by as many records.
                if lines.len() > killed
                    && let Some(its) = next_if(&mut lines, |us| us.abs_diff(at) < AGAIN_US)
                {
                    self.wrong.push(format!("told as {}: {}", record["outcome"], line(its)));
                }
                continue;
            }
            killed -= count(record);
            if count(record) == 0 {
                // All its kills were of other threads.
                continue;
            }
            let of_a_group = record["victim_count"].as_u64() > Some(1);
            let late = if of_a_group { GROUP_US } else { APART_US };
            let Some(first) = next_if(&mut lines, |us| us < at + late) else {
                self.invented.push(brief(record));
                continue;
            };
            self.told += 1;
            self.compare(record, first, 0);
            for index in 1..count(record) {
                match next_if(&mut lines, |us| us - first.us <= late) {
                    Some(again) => self.compare(record, again, index),
                    None => self.wrong.push(format!("killed too often: {}", brief(record))),
                }
            }
            // The tracepoint does not fire for the second kill of a group's first victim.
            if record["source"] == "tracepoint" && count(record) == 1 && lines.len() > killed {
                next_if(&mut lines, |us| us - first.us < AGAIN_US);
            } else if self.unnamed > 0 && lines.len() > killed {
                let further = next_if(&mut lines, |us| us - first.us < late);
                self.unnamed -= u64::from(further.is_some());
            }
        }
        self.missing.extend(lines.into_iter().map(line));
    }

    fn compare(&mut self, record: &Value, logged: &Logged, index: usize) {
        let (victim, killed) = (&record["victim"], &logged.killed);
        let named = [
            ("comm", Value::from(killed.comm.as_str()), &victim["comm"]),
            ("uid", Value::from(killed.uid), &victim["uid"]),
            ("oom_score_adj", Value::from(killed.oom_score_adj), &victim["oom_score_adj"]),
            ("message", Value::from(killed.message.as_str()), &record["message"]),
        ];
        let by_probe = matches!(record["source"].as_str(), Some("kprobe" | "fentry"));
        for (key, logged, told) in named {
            if *told != logged && (by_probe || !told.is_null()) {
                self.wrong.push(format!("{key} is {told}, not {logged}: {}", brief(record)));
            }
        }
        if record["log_us"].as_u64().is_some_and(|us| index == 0 && us != logged.us) {
            let us = logged.us;
            self.wrong.push(format!("log_us is {}, not {us}: {}", record["log_us"], brief(record)));
        }
        let memory = &victim["memory_logged"][index];
        if !memory.is_object() {
            return;
        }
        let amounts = [
            ("total_vm_bytes", killed.total_vm_kb),
            ("anon_rss_bytes", killed.anon_rss_kb),
            ("file_rss_bytes", killed.file_rss_kb),
            ("shmem_rss_bytes", killed.shmem_rss_kb),
            ("pgtables_bytes", killed.pgtables_kb),
        ];
        let has_line = index == 0 && record["log_us"] == logged.us;
        let mut apart = false;
        for (key, kb) in amounts {
            let Some(told) = memory[key].as_u64() else { continue };
            let logged = kb * 1024;
            apart |= told != logged;
            // Where no line was read, it may be less by the time that it is printed, but not more.
            if logged > told + MEMORY || has_line && told != logged {
                self.wrong.push(format!("{key} is {told}, not {logged}: {}", brief(record)));
            }
        }
        self.memory_apart += usize::from(apart);
    }

    /// All told, once and right.
    pub(crate) fn assert_whole(&self) {
        assert!(self.is_right() && self.missing.is_empty(), "{}", self.summary());
    }

    /// What is told is right, and what is not told has been counted.
    pub(crate) fn assert_counted(&self, gaps: u64) {
        let missing = self.missing.len() as u64;
        assert!(self.is_right() && missing == gaps, "{gaps} in gaps; {}", self.summary());
    }

    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty() && self.invented.is_empty()
    }

    pub(crate) fn summary(&self) -> String {
        let Self { told, missing, invented, wrong, memory_apart, .. } = self;
        let first = |list: &[String]| list.iter().take(5).map(|it| format!("\n  {it}")).collect();
        let [some_missing, some_invented, some_wrong]: [String; 3] =
            [first(missing), first(invented), first(wrong)];
        format!(
            "{told} kills told, {} missing, {} invented, {} wrong ({memory_apart} with memory \
             freed meanwhile){some_missing}{some_invented}{some_wrong}",
            missing.len(),
            invented.len(),
            wrong.len()
        )
    }
}

fn next_if<'a>(lines: &mut VecDeque<&'a Logged>, is: impl Fn(u64) -> bool) -> Option<&'a Logged> {
    lines.pop_front_if(|line| is(line.us))
}

/// The kills of a record that were of another thread than the one that it names, each with its number.
fn of_other_threads(record: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let again = record["killed_again"].as_array().unwrap();
    (1..).zip(again).filter(|(_, again)| again["tid"] != record["victim"]["tid"])
}

/// How many lines there are of the thread that it names.
fn count(record: &Value) -> usize {
    usize::try_from(times(record)).unwrap() - of_other_threads(record).count()
}

/// When it was, by the log's clock as far as it is known.
fn stamp_us(record: &Value) -> u64 {
    let logged = record["log_us"].as_u64();
    logged.or_else(|| Some(record["boot_ns"].as_u64()? / 1000)).unwrap()
}

fn line(logged: &Logged) -> String {
    let Logged { us, killed } = logged;
    format!("{us} µs: Killed process {} ({})", killed.pid, killed.comm)
}

fn brief(record: &Value) -> String {
    let victim = &record["victim"];
    format!(
        "{} {} tid {} {} at {} ns by {}",
        record["id"],
        record["outcome"],
        victim["tid"],
        victim["comm"],
        record["boot_ns"],
        record["source"]
    )
}
