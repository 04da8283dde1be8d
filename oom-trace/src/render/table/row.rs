//! One kill in a table.

use jiff::Timestamp;

use super::super::brief::place;
use super::super::moment::{short, zone};
use super::super::quote::Quoted;
use super::super::units::{Age, Rounded, SinceBoot};
use crate::incident::model::{
    Agent, AgentEvent, ExitState, Limit, OomExit, OomKill, Origin, Outcome, Record, RecordType,
    Scope, Shortage, UserKill, Victim,
};
use crate::text::{Escaped, KernelText};

/// What the columns say of one kill, or of another record.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// When.
    pub time: Option<Timestamp>,
    boot_ns: Option<u64>,
    /// Names the kill: its incident and thread.
    key: (String, u32),
    /// Whose limit it was, with the host; nothing if nobody knows, or nobody was killed.
    pub limit_key: Option<String>,
    pub(super) is_alarming: bool,
    pub(super) host: String,
    pub(super) killed: String,
    pub(super) place: String,
    pub(super) limit: String,
    pub(super) limit_of: String,
    pub(super) rss: String,
    is_above_limit: bool,
    pub(super) trigger: String,
    pub(super) freed: String,
    pub(super) nth: String,
    pub(super) file: String,
    pub(super) event: String,
    pub(super) message: String,
}

impl Row {
    /// Of a kill, or what stands for one; of other records there is none.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let mut row = match record {
            Record::OomKill(kill) => Self::of_kill(kill),
            Record::UserKill(kill) => Self::of_user_kill(kill),
            Record::OomPanic(panic) => {
                Self { killed: "(kernel panic)".into(), ..Self::of_shortage(&panic.shortage) }
            }
            Record::OomFailed(failed) => {
                Self { killed: "(nobody)".into(), ..Self::of_shortage(&failed.shortage) }
            }
            Record::OomExit(_) | Record::Agent(_) => return None,
        };
        row.is_alarming = matches!(record, Record::OomPanic(_) | Record::OomFailed(_));
        if !is_kill(record) {
            row.limit_key = None;
        }
        Some(row.of_origin(record.origin()))
    }

    /// Of the end of a victim by itself.
    #[must_use]
    pub fn of_end(exit: &OomExit) -> Self {
        let name = exit.comm.as_ref().map_or_else(|| "?".to_owned(), quoted);
        let mut row = Self { killed: format!("{name} ({})", exit.pid), ..Self::default() };
        row.set_end(exit);
        row.is_alarming = exit.state == ExitState::Stuck;
        row.of_origin(&exit.origin)
    }

    /// Of what the agent says of itself.
    #[must_use]
    pub fn of_agent(said: &Agent) -> Self {
        let row = Self {
            event: said.event.name().to_owned(),
            message: Escaped(said.message.as_bytes()).to_string(),
            is_alarming: said.event == AgentEvent::Gap,
            ..Self::default()
        };
        row.of_origin(&said.origin)
    }

    fn of_origin(self, origin: &Origin) -> Self {
        let Origin { time, boot_ns, host, .. } = origin;
        let mut row = Self { time: *time, boot_ns: *boot_ns, ..self };
        row.host = host.as_deref().map(|host| Quoted::from(host).to_string()).unwrap_or_default();
        if let Some(key) = &mut row.limit_key {
            key.push_str(&format!("\0{}", row.host));
        }
        row
    }

    /// Whether records of this type are kills, or stand for one.
    #[must_use]
    pub fn has(kind: RecordType) -> bool {
        !matches!(kind, RecordType::OomExit | RecordType::Agent)
    }

    fn of_kill(kill: &OomKill) -> Self {
        let OomKill { incident, shortage, victim, outcome, .. } = kill;
        let name = victim.comm.as_ref().map_or_else(|| "?".to_owned(), quoted);
        let is = match outcome {
            Some(Outcome::AlreadyExiting) => " exiting",
            Some(Outcome::Killed) | None if kill.is_test() => " test",
            Some(Outcome::Killed) | None => "",
        };
        let path = victim.cgroup.as_ref().map(|cgroup| &cgroup.path);
        let mut row = Self::of_shortage(shortage);
        row.key = (incident.clone(), victim.tid);
        row.killed = format!("{name} ({}){is}", victim.pid.unwrap_or(victim.tid));
        row.place = place(victim).unwrap_or_default();
        let (rss, limit) = (victim.memory.resident(), shortage.limit.as_ref());
        row.rss = rss.map(|it| Rounded(it).to_string()).unwrap_or_default();
        let max = limit.and_then(|limit| limit.max_bytes);
        row.is_above_limit = shortage.scope == Some(Scope::Memcg)
            && rss.zip(max).is_some_and(|(rss, max)| rss > max);
        let limit = limit.and_then(|limit| limit.cgroup.as_ref());
        // Its own cgroup's, which the place names but where it is below a unit's.
        let Victim { pod, container, unit, .. } = victim;
        let is_named_by_unit = pod.is_none() && container.is_none() && unit.is_some();
        if limit.is_some() && limit == path && (!is_named_by_unit || row.place == row.limit_of) {
            row.limit_of.clear();
        }
        let trigger = shortage.trigger.as_ref();
        let is_another = trigger.is_some_and(|it| match (it.pid, victim.pid, it.tid) {
            (Some(pid), Some(victim), _) => pid != victim,
            (_, _, Some(tid)) => tid != victim.tid,
            _ => false,
        });
        if let Some(trigger) = trigger.filter(|_| is_another) {
            let name = trigger.comm.as_ref().map_or_else(|| "?".to_owned(), quoted);
            let pid = trigger.pid.or(trigger.tid);
            row.trigger = pid.map_or(name.clone(), |pid| format!("{name} ({pid})"));
        }
        row
    }

    fn of_shortage(shortage: &Shortage) -> Self {
        let limit = shortage.limit.as_ref();
        let cgroup = limit.and_then(|it| it.cgroup.as_ref());
        let max = limit.and_then(|Limit { max_bytes, .. }| *max_bytes);
        let max = max.map(|max| Rounded(max).to_string());
        let limit = match shortage.scope {
            Some(Scope::Memcg) => max.unwrap_or_else(|| "cgroup".to_owned()),
            Some(Scope::Global) => "machine".to_owned(),
            Some(Scope::Cpuset) => "cpuset".to_owned(),
            Some(Scope::Mempolicy) => "mempolicy".to_owned(),
            Some(Scope::Sysrq) => "SysRq-F".to_owned(),
            None => String::new(),
        };
        let limit_key = match (shortage.scope, cgroup) {
            (_, Some(path)) => Some(path.to_string()),
            // Of which cgroup, nobody knows.
            (None | Some(Scope::Memcg | Scope::Sysrq), None) => None,
            (Some(scope), None) => Some(scope.name().to_owned()),
        };
        let limit_of = cgroup.map(last).unwrap_or_default();
        Self { limit_key, limit, limit_of, ..Self::default() }
    }

    fn of_user_kill(kill: &UserKill) -> Self {
        let UserKill { comm, pid, by, cgroup, pod, rss_bytes, .. } = kill;
        let name = comm.as_ref().map(quoted).unwrap_or_default();
        let pid = pid.map(|pid| format!("({pid}) ")).unwrap_or_default();
        let killed = format!("{name} {pid}by {}", Quoted::from(by.as_str()));
        let place = pod.as_deref().map(|pod| Quoted::from(pod).to_string());
        Self {
            killed: killed.trim_start().to_owned(),
            place: place.or_else(|| cgroup.as_ref().map(last)).unwrap_or_default(),
            rss: rss_bytes.map(|it| Rounded(it).to_string()).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Whether a victim's end is that of this kill.
    #[must_use]
    pub fn is_of(&self, exit: &OomExit) -> bool {
        self.key.1 == exit.tid && self.key.0 == exit.incident
    }

    /// Its incident and its thread.
    #[must_use]
    pub fn key(&self) -> (String, u32) {
        self.key.clone()
    }

    /// Says when the memory was back.
    pub fn set_end(&mut self, exit: &OomExit) {
        self.freed = match (exit.state, exit.freed_after_ms) {
            (ExitState::Stuck, _) => "stuck".to_owned(),
            (ExitState::Freed, Some(ms)) => Age(ms).to_string(),
            (ExitState::Freed, None) => "yes".to_owned(),
        };
    }

    /// Whether the victim alone had more resident than the limit allows, which is possible as its cgroup
    /// is not charged for all of it.
    #[must_use]
    pub const fn is_above_limit(&self) -> bool {
        self.is_above_limit
    }

    /// Says how many kills this makes at its limit.
    pub fn set_nth(&mut self, nth: u64) {
        self.nth = ordinal(nth);
    }

    /// Says from which of several files it is.
    pub fn set_file(&mut self, file: &str) {
        self.file = Quoted::from(file).to_string();
    }

    /// Where records of several hosts are shown, each says which.
    pub fn hide_host(&mut self) {
        self.host.clear();
    }

    /// The host, as it is shown.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn when(&self, with_offset: bool) -> String {
        match (self.time, self.boot_ns) {
            (Some(time), _) if with_offset => format!("{} {}", short(time), zone(time)),
            (Some(time), _) => short(time),
            (None, Some(ns)) => SinceBoot(ns).to_string(),
            (None, None) => "unknown".to_owned(),
        }
    }
}

fn quoted(text: &KernelText) -> String {
    Quoted::from(text).to_string()
}

/// The last component of a path says which cgroup it is.
fn last(path: &KernelText) -> String {
    let bytes = path.as_bytes();
    let last = bytes.rsplit(|byte| *byte == b'/').find(|part| !part.is_empty());
    Quoted::from(last.unwrap_or(bytes)).to_string()
}

fn ordinal(nth: u64) -> String {
    let ending = match (nth % 10, nth % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{nth}{ending}")
}

/// Whether somebody was killed, as far as is known.
fn is_kill(record: &Record) -> bool {
    record.kill().is_some_and(|kill| kill.outcome != Some(Outcome::AlreadyExiting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_as_people_write_them() {
        let shown = [1, 2, 3, 4, 11, 12, 13, 21, 111, 122].map(ordinal);
        assert_eq!(
            shown,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "122nd"]
        );
    }

    #[test]
    fn a_cgroup_is_known_by_its_end() {
        assert_eq!(last(&KernelText::from("/system.slice/app.service")), "app.service");
        assert_eq!(last(&KernelText::from("/")), "/");
    }
}
