//! What a receiver has of the agent's records: each once, by its id.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use serde_json::{Value, json};

/// What is large, and not compared: a storm's records would fill the guest.
const LEFT_OUT: &[&str] = &["limit", "candidates", "census", "system", "why", "stack", "group"];

/// Records by kind, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) kills: Vec<Value>,
    pub(crate) exits: Vec<Value>,
    pub(crate) agent: Vec<Value>,
    pub(crate) panics: Vec<Value>,
    /// What the first record of an id says of its kill, and all that it says.
    ids: HashMap<String, (u64, u64)>,
    /// What the log may call a kill of its own, and a record of the hooks is a victim's further kill.
    further: HashSet<String>,
    /// Lines that were cut off.
    pub(crate) torn: usize,
    /// Records that came again.
    pub(crate) repeated: usize,
    /// Records of which another has the id.
    pub(crate) contradicted: Vec<String>,
}

impl Told {
    pub(crate) fn read(path: &Path) -> Self {
        let mut follower = Follower::of(path);
        follower.read();
        follower.into_told()
    }

    pub(crate) fn of(lines: &[u8]) -> Self {
        let mut told = Self::default();
        lines.split(|&byte| byte == b'\n').for_each(|line| told.take(line));
        told
    }

    fn take(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let Ok(mut record) = serde_json::from_slice::<Value>(line) else {
            self.torn += 1;
            return;
        };
        let id = record["id"].as_str().unwrap().to_owned();
        let fields = record.as_object_mut().unwrap();
        LEFT_OUT.iter().for_each(|key| drop(fields.remove(*key)));
        if is_logged(&record) && self.further.contains(&id) {
            self.repeated += 1;
            return;
        }
        self.further.extend(further_ids(&record));
        let content = (kill(&record), hash(&without_clock(&record)));
        match self.ids.get(&id) {
            None => drop(self.ids.insert(id, content)),
            // What was delivered and never saved, the log tells again: less of it, by the same id. And what had
            // to shrink before it could be saved says of what there is less.
            Some(&(kill, all)) if all == content.1 || (kill == content.0 && is_less(&record)) => {
                self.repeated += 1;
                return;
            }
            Some(_) => self.contradicted.push(id),
        }
        match record["type"].as_str() {
            Some("oom_kill") => self.kills.push(record),
            Some("oom_exit") => self.exits.push(record),
            Some("agent") => self.agent.push(record),
            Some("oom_panic") => self.panics.push(record),
            // No kill.
            Some("oom_failed") => {}
            _ => panic!("a record of another kind: {record:#}"),
        }
    }

    /// The agent's records of this event.
    pub(crate) fn events(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.agent.iter().filter(move |record| record["event"] == event)
    }

    /// How many kills the agent says that it knows nothing of.
    pub(crate) fn gaps(&self) -> u64 {
        self.events("gap").map(number).sum()
    }

    /// Kills that the agent counted and no record names: a victim's further ones whose marks found no room.
    /// Known of a single run that came to its end.
    pub(crate) fn unnamed(&self) -> u64 {
        let mut runs = self.events("started");
        let only = runs.next().filter(|_| runs.next().is_none());
        let ended = only.and_then(|_| self.events("stopped").next());
        let counted = ended.map(|ended| ended["totals"]["kills"].as_u64().unwrap());
        counted.map_or(0, |counted| counted.saturating_sub(self.times()))
    }

    /// The sum of `kill_count`.
    pub(crate) fn times(&self) -> u64 {
        self.kills.iter().map(times).sum()
    }
}

/// As docs/events.md has it.
fn further_ids(record: &Value) -> Vec<String> {
    let (boot, again) = (record["boot_id"].as_str(), record["killed_again"].as_array());
    let Some((boot, again)) = boot.zip(again) else { return Vec::new() };
    let id =
        |it: &Value| Some(format!("{}-{}us-{}", &boot[..8], it["log_us"].as_u64()?, it["tid"]));
    again.iter().filter_map(id).collect()
}

fn is_logged(record: &Value) -> bool {
    record["source"] == "kernel_log"
}

fn is_less(record: &Value) -> bool {
    is_logged(record) || record["shrunk"].as_array().is_some_and(|keys| !keys.is_empty())
}

/// The log has no wall clock: that is worked out anew each time that it is read. Whoever finds a kill
/// there that another agent told of and did not save was not there to see it.
fn without_clock(record: &Value) -> Value {
    let mut record = record.clone();
    if is_logged(&record) {
        record["time"] = Value::Null;
        record["backfilled"] = Value::Null;
    }
    record
}

/// What hooks and log say of a kill alike.
fn kill(record: &Value) -> u64 {
    let Value::Object(victim) = &record["victim"] else { return hash(&Value::Null) };
    hash(&json!([
        record["log_us"],
        record["outcome"],
        victim["tid"],
        victim["comm"],
        victim["uid"]
    ]))
}

/// In a few bytes.
fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.to_string().hash(&mut hasher);
    hasher.finish()
}

/// How often the kernel killed this victim.
pub(crate) fn times(kill: &Value) -> u64 {
    kill["kill_count"].as_u64().unwrap_or(1)
}

/// The first number of a message.
pub(crate) fn number(record: &Value) -> u64 {
    let message = record["message"].as_str().unwrap();
    let mut words = message.split_whitespace();
    words.find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number in {message:?}"))
}

/// Reads a file as it grows, by whole lines: half a line that found no room is taken back.
#[derive(Debug)]
pub(crate) struct Follower {
    file: File,
    /// Where the first line starts that was not read.
    at: u64,
    told: Told,
}

impl Follower {
    pub(crate) fn of(path: &Path) -> Self {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path);
        Self { file: file.unwrap(), at: 0, told: Told::default() }
    }

    /// Takes what is new; answers whether anything was.
    pub(crate) fn read(&mut self) -> bool {
        let start = self.at;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let length = self.file.read_at(&mut buffer, self.at).unwrap();
            let Some(end) = buffer[..length].iter().rposition(|&byte| byte == b'\n') else {
                if length < buffer.len() {
                    return self.at > start;
                }
                buffer.resize(2 * length, 0);
                continue;
            };
            buffer[..end].split(|&byte| byte == b'\n').for_each(|line| self.told.take(line));
            self.at += end as u64 + 1;
        }
    }

    /// Gives back the room of what was read.
    pub(crate) fn forget(&self) {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if self.at > 0 {
            fallocate(&self.file, hole, 0, self.at).unwrap();
        }
    }

    pub(crate) fn told(&self) -> &Told {
        &self.told
    }

    /// With what is no whole line.
    pub(crate) fn into_told(mut self) -> Told {
        let length = self.file.metadata().unwrap().len().saturating_sub(self.at);
        let mut rest = vec![0; usize::try_from(length).unwrap()];
        self.file.read_exact_at(&mut rest, self.at).unwrap();
        self.told.take(&rest);
        self.told
    }
}
