//! A kill right after another: the memory of the first may not have been free yet when the second was chosen.

use jiff::{SignedDuration, Timestamp};

use crate::incident::model::{OomKill, Record, Scope};
use crate::quote::TaskLabel;
use crate::text::KernelText;
use crate::units::Size;

/// An exiting process gives its memory back within milliseconds, a large one within a second; some logs tell
/// whole seconds.
const SOON_MS: i64 = 1000;

/// The last kill of a log.
#[derive(Debug, Default)]
pub(super) struct Before(Option<Kill>);

#[derive(Debug)]
struct Kill {
    incident: String,
    host: Option<String>,
    boot_ns: Option<u64>,
    time: Option<Timestamp>,
    place: Place,
    who: String,
    held: u64,
}

/// What ran short.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Machine,
    Cgroup(KernelText),
}

impl Before {
    /// Takes the next record. What it tells of a kill that came right after another is what to look at first.
    pub(super) fn note(&mut self, record: &Record) -> Option<String> {
        match record {
            Record::OomKill(kill) => {
                let now = Kill::of(kill);
                let hint = self.0.as_ref().zip(now.as_ref()).and_then(|(last, now)| last.hint(now));
                self.0 = now;
                hint
            }
            // The reaper says that its memory is back.
            Record::OomExit(exit) => {
                if self.0.as_ref().is_some_and(|last| last.incident == exit.incident) {
                    self.0 = None;
                }
                None
            }
            _ => None,
        }
    }
}

impl Kill {
    fn of(kill: &OomKill) -> Option<Self> {
        let OomKill { incident, origin, shortage, victim, .. } = kill;
        let limit = || shortage.limit.as_ref()?.cgroup.clone();
        let place = match shortage.scope? {
            Scope::Global => Place::Machine,
            Scope::Memcg => Place::Cgroup(limit()?),
            _ => return None,
        };
        let label =
            TaskLabel { comm: victim.comm.as_ref(), pid: victim.pid, tid: Some(victim.tid) };
        Some(Self {
            incident: incident.clone(),
            host: origin.host.clone(),
            boot_ns: origin.boot_ns,
            time: origin.time,
            place,
            who: label.to_string(),
            held: victim.memory.resident()?,
        })
    }

    fn hint(&self, next: &Self) -> Option<String> {
        let apart_ms = match (self.boot_ns.zip(next.boot_ns), self.time.zip(next.time)) {
            (Some((then, now)), _) => i64::try_from(now.checked_sub(then)? / 1_000_000).ok()?,
            (None, Some((then, now))) => {
                let apart: SignedDuration = now.duration_since(then);
                i64::try_from(apart.as_millis()).ok()?
            }
            (None, None) => return None,
        };
        let is_next = self.incident != next.incident
            && self.host == next.host
            && self.place == next.place
            && (0..=SOON_MS).contains(&apart_ms);
        is_next.then(|| {
            format!(
                "look at the kill right before this one first: the {} of {} may not have been free yet",
                Size(self.held),
                self.who
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    fn kill(incident: &str, boot_ns: u64, host: &str) -> Record {
        let mut kill = fixtures::unknown();
        kill.incident = incident.into();
        kill.origin.boot_ns = Some(boot_ns);
        kill.origin.host = Some(host.into());
        kill.shortage.scope = Some(Scope::Global);
        kill.victim.comm = Some("tail".into());
        kill.victim.memory.anon_rss_bytes = Some(8 << 30);
        kill.victim.memory.file_rss_bytes = Some(0);
        Record::OomKill(Box::new(kill))
    }

    #[test]
    fn only_the_next_kill_of_the_same_memory_may_have_come_too_soon() {
        for (ns, host, is_soon) in
            [(500_000_000, "a", true), (5_000_000_000, "a", false), (500_000_000, "b", false)]
        {
            let mut before = Before::default();
            assert_eq!(before.note(&kill("1", 0, "a")), None);
            let hint = before.note(&kill("2", ns, host));
            assert_eq!(hint.is_some(), is_soon, "{ns} {host}");
            assert!(hint.is_none_or(|hint| hint.contains("the 8.0 GiB of tail (")));
        }
        let mut before = Before::default();
        before.note(&kill("1", 0, "a"));
        assert_eq!(before.note(&kill("1", 0, "a")), None);
    }
}
