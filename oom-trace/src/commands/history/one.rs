//! One kill, by a name of it.

use std::io::{self, Write as _};

use jiff::Timestamp;

use super::Shown;
use crate::incident::model::{OomExit, OomKill, Record};
use crate::quote::Quoted;
use crate::render::{Format, Row, brief, time};
use crate::say::say;
use crate::text::KernelText;
use crate::units::{Age, Counted};

/// More candidates nobody reads.
const SHOWN: usize = 20;

/// Fewer characters name nothing.
const LEAST: usize = 2;

/// Whether a word can name a kill: an id, an incident or a process id, or its beginning.
pub(super) fn can_be_id(word: &str) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_hex = |start: &str| start.bytes().all(|byte| byte.is_ascii_hexdigit());
    let start = word.split('-').next().unwrap_or(word);
    let begins_so = is_hex(start) || "log".starts_with(start);
    (word.len() >= LEAST || word.parse::<u32>().is_ok()) && word.bytes().all(is_of_id) && begins_so
}

/// The kills that a word may name.
#[derive(Debug)]
pub(super) struct Wanted {
    id: String,
    pid: Option<u32>,
    kills: Vec<Record>,
    /// Which file each of them is from, where there are several.
    files: Vec<Option<String>>,
    ends: Vec<Record>,
    /// Each shortage there was, by its limit.
    all: Vec<AtLimit>,
    /// The cgroup of a kill in whose path the name stands.
    place: Option<KernelText>,
}

/// A shortage, and whose limit it was.
#[derive(Debug, PartialEq, Eq)]
struct AtLimit {
    limit: String,
    time: Timestamp,
    incident: String,
}

impl AtLimit {
    fn of(record: &Record) -> Option<Self> {
        Some(Self {
            limit: Row::of(record)?.limit_key?,
            time: record.origin().time?,
            incident: record.incident()?.to_owned(),
        })
    }
}

impl Wanted {
    pub(super) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            pid: id.parse().ok(),
            kills: Vec::new(),
            files: Vec::new(),
            ends: Vec::new(),
            all: Vec::new(),
            place: None,
        }
    }

    pub(super) fn take(&mut self, record: Record, file: Option<&str>) {
        if let Some(at_limit) = AtLimit::of(&record)
            && self.all.last().is_none_or(|last| last.incident != at_limit.incident)
        {
            self.all.push(at_limit);
        }
        self.note_place(&record);
        match &record {
            Record::OomExit(exit) if self.is_of_a_match(exit) => self.ends.push(record),
            Record::OomExit(_) | Record::Agent(_) => {}
            _ if self.is_named(&record) => {
                self.kills.push(record);
                self.files.push(file.map(str::to_owned));
            }
            _ => {}
        }
    }

    /// People call a job by its number as well, which is in the name of its place.
    fn note_place(&mut self, record: &Record) {
        let cgroup = record.kill().and_then(|kill| kill.victim.cgroup.as_ref());
        let Some(cgroup) = cgroup else { return };
        let path = cgroup.path.to_utf8();
        if path.split(|it: char| !it.is_ascii_alphanumeric()).any(|part| part == self.id) {
            self.place = Some(cgroup.path.clone());
        }
    }

    fn is_of_a_match(&self, exit: &OomExit) -> bool {
        self.kills.iter().any(|kill| is_end_of(exit, kill))
    }

    fn is_named(&self, record: &Record) -> bool {
        let is_pid = self.pid.is_some_and(|pid| match record {
            Record::OomKill(kill) => kill.victim.pid == Some(pid) || kill.victim.tid == pid,
            Record::UserKill(kill) => kill.pid == Some(pid),
            _ => false,
        });
        is_pid
            || record.id().starts_with(&self.id)
            || record.incident().is_some_and(|incident| incident.starts_with(&self.id))
    }

    /// Shows it whole, with its end and what followed; or says that there is none, or which there are.
    /// Answers whether there was one.
    pub(super) fn tell(&self, place: &str, shown: Shown, out: &mut Vec<u8>) -> io::Result<bool> {
        let Self { id, kills, files, ends, .. } = self;
        // The victims of a group died together.
        let mut incidents: Vec<_> = kills.iter().filter_map(Record::incident).collect();
        incidents.dedup();
        let found = || kills.iter().zip(files);
        let exact: Vec<_> = found().filter(|(kill, _)| kill.id() == *id).collect();
        let chosen: Vec<_> = match (exact.as_slice(), incidents.len()) {
            ([_, ..], _) => exact,
            ([], 0) => {
                let cgroup = self.place.as_ref().map(Quoted::from);
                let meant = cgroup.map(|it| format!("; did you mean --cgroup {it}?"));
                say(format_args!(
                    "no kill in {place} has the pid or id {id}, and there is no such file{}",
                    meant.unwrap_or_default()
                ));
                return Ok(false);
            }
            ([], 1) => found().collect(),
            ([], _) => {
                self.list(&incidents);
                return Ok(false);
            }
        };
        for (kill, file) in &chosen {
            shown.append(kill, file.as_deref(), out)?;
            for end in ends {
                if matches!(end, Record::OomExit(exit) if is_end_of(exit, kill)) {
                    shown.append(end, None, out)?;
                }
            }
        }
        if let Some((last, _)) = chosen.last().filter(|_| shown.format == Format::Text) {
            self.tell_others(last, out)?;
        }
        Ok(true)
    }

    /// What went before and what followed at the same limit.
    fn tell_others(&self, kill: &Record, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(own) = AtLimit::of(kill) else { return Ok(()) };
        let others =
            self.all.iter().filter(|it| it.limit == own.limit && it.incident != own.incident);
        let (earlier, later): (Vec<_>, Vec<_>) = others.partition(|it| it.time < own.time);
        let apart = |one: Timestamp, other: Timestamp| {
            Age(u64::try_from(other.duration_since(one).as_millis()).unwrap_or(0))
        };
        if let Some(last) = earlier.iter().map(|it| it.time).max() {
            let kills = Counted(earlier.len() as u64, "OOM kill");
            let age = apart(last, own.time);
            writeln!(out, "before: {kills} recorded at this limit, the last {age} earlier")?;
        }
        if let Some(next) = later.iter().map(|it| it.time).min() {
            let kills = Counted(later.len() as u64, "OOM kill");
            let age = apart(own.time, next);
            writeln!(out, "after: {kills} recorded at this limit, the next {age} later")?;
        }
        Ok(())
    }

    fn list(&self, incidents: &[&str]) {
        let Self { id, kills, .. } = self;
        let mut lines = format!("{id} names {} kills; which one?", incidents.len());
        let mut last = None;
        let mut left = incidents.len();
        for record in kills.iter().rev() {
            if last == record.incident() {
                continue;
            }
            last = record.incident();
            if incidents.len() - left == SHOWN {
                break;
            }
            left -= 1;
            let when = record.origin().time.map_or_else(|| "-".to_owned(), time);
            let who = record.kill().map_or_else(String::new, brief);
            lines.push_str(&format!("\n  {}  {when}  {who}", record.id()));
        }
        if left > 0 {
            lines.push_str(&format!("\n  and {left} older"));
        }
        say(lines);
    }
}

fn is_end_of(exit: &OomExit, kill: &Record) -> bool {
    let Record::OomKill(kill) = kill else { return false };
    let OomKill { incident, victim, .. } = &**kill;
    victim.tid == exit.tid && *incident == exit.incident
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_name_a_kill() {
        for id in ["4711", "7", "7c6e5a0c-3504669000", "7c6e5a0c-350us-7", "log-17", "7c6"] {
            assert!(can_be_id(id), "{id}");
        }
        for file in ["kern.log", "/var/log/x", "-", "messages", "dmesg.txt", ""] {
            assert!(!can_be_id(file), "{file}");
        }
    }
}
