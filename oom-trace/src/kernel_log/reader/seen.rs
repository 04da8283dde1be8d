//! What was told already: the same log may be given twice, and one kill may be in two logs.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;

use crate::incident::model::{OomKill, Record, UserKill};

/// Kills that are kept in mind.
const MOST: usize = 1 << 18;

/// How far two stamps of one line may be apart in seconds, by the wall clock: a collector may be late.
const APART_S: i64 = 90;

/// What makes one kill not another.
type Key = (u32, Vec<u8>, [Option<u64>; 5], Option<i16>);

/// Its stamps, and its incident.
#[derive(Debug)]
struct Told {
    boot_ns: Option<u64>,
    time: Option<Timestamp>,
    incident: String,
    host: Option<String>,
}

/// Records that were told.
#[derive(Debug, Default)]
pub struct Seen {
    kills: HashMap<Key, Vec<Told>>,
    /// Their names, where the kernel's own lines gave them.
    ids: HashSet<String>,
    others: HashSet<String>,
    /// Incidents of kills that were not told again.
    repeated: HashSet<String>,
    /// Threads that were told of, and processes.
    victims: HashSet<u32>,
    repeats: u64,
}

impl Seen {
    /// Whether a record is told for the first time.
    pub fn is_new(&mut self, record: &Record) -> bool {
        let is_new = self.note(record);
        self.repeats += u64::from(!is_new);
        is_new
    }

    /// How many were told before.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    fn note(&mut self, record: &Record) -> bool {
        if self.kills.len() + self.others.len() > MOST {
            return true;
        }
        match record {
            Record::OomKill(kill) => {
                let is_named = kill.log_us.is_some() && kill.origin.boot_id.is_some();
                let is_new = !is_named || self.ids.insert(record.id());
                self.ids.extend(record.further_ids());
                if !is_new {
                    self.repeated.insert(kill.incident.clone());
                }
                is_new && self.is_new_kill(kill)
            }
            Record::OomExit(exit) if self.repeated.contains(&exit.incident) => false,
            // The same words may be said of another one, or later.
            Record::UserKill(kill) => {
                let UserKill { by, message, incident, origin, pod, .. } = &**kill;
                let pod = pod.as_deref().unwrap_or_default();
                let when = origin.time.map(|time| time.to_string());
                self.others.insert(format!("{by} {message} {incident} {pod} {when:?}"))
            }
            record => {
                let origin = record.origin();
                // Without any stamp two of a kind may be two.
                let is_named = origin.time.is_some() || origin.boot_ns.is_some();
                !is_named || self.others.insert(record.id())
            }
        }
    }

    fn is_new_kill(&mut self, kill: &OomKill) -> bool {
        let victim = &kill.victim;
        self.victims.insert(victim.tid);
        let memory = &victim.memory;
        let numbers = [
            memory.total_vm_bytes,
            memory.anon_rss_bytes,
            memory.file_rss_bytes,
            memory.shmem_rss_bytes,
            memory.pgtables_bytes,
        ];
        let comm = victim.comm.as_ref().map(|comm| comm.as_bytes().to_vec()).unwrap_or_default();
        let told = Told {
            boot_ns: kill.origin.boot_ns,
            time: kill.origin.time,
            incident: kill.incident.clone(),
            host: kill.origin.host.clone(),
        };
        let known =
            self.kills.entry((victim.tid, comm, numbers, victim.oom_score_adj)).or_default();
        let has_numbers = numbers.iter().any(Option::is_some);
        // A pid alone may be another's, another day.
        let is_repeated = known.iter().any(|it| it.is_same(&told, has_numbers));
        if is_repeated {
            self.repeated.insert(told.incident);
            return false;
        }
        known.push(told);
        true
    }

    /// Whether a kill of this thread was told, by this name as far as both are known.
    pub(super) fn has_kill(&self, tid: u32, comm: Option<&[u8]>) -> bool {
        let mut kills = self.kills.keys().filter(|(known, ..)| *known == tid);
        kills.any(|(_, known, ..)| known.is_empty() || comm.is_none_or(|comm| comm == known))
    }

    /// Whether a kill of this thread was told.
    pub(super) fn has_victim(&self, tid: u32) -> bool {
        self.victims.contains(&tid)
    }
}

impl Told {
    fn is_same(&self, other: &Self, has_numbers: bool) -> bool {
        let hosts = self.host.as_deref().zip(other.host.as_deref());
        let boots = self.boot_ns.zip(other.boot_ns);
        let times = self.time.zip(other.time);
        // A collector may have another name for a machine, but not for a moment.
        let is_one_moment = boots.is_none() && times.is_some_and(|(a, b)| a == b);
        if !is_one_moment && hosts.is_some_and(|(a, b)| !may_be_one(a, b)) {
            return false;
        }
        match (boots, times) {
            (Some((a, b)), _) => a == b,
            (None, Some((a, b))) => b.duration_since(a).as_secs().abs() <= APART_S,
            // Nothing contradicts that it is the same.
            (None, None) => has_numbers,
        }
    }
}

/// Whether two names may be of one machine: logs leave its domain off, or have its address instead.
fn may_be_one(a: &str, b: &str) -> bool {
    let is_address = |name: &str| name.parse::<IpAddr>().is_ok();
    if is_address(a) != is_address(b) || a.eq_ignore_ascii_case(b) {
        return true;
    }
    let is_short_of = |short: &str, long: &str| {
        !short.contains('.')
            && long.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case(short))
    };
    !is_address(a) && (is_short_of(a, b) || is_short_of(b, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_several_names_and_two_machines_have_not_one() {
        for (a, b) in [("db1", "db1"), ("db1", "DB1.example.com"), ("db1", "192.0.2.1")] {
            assert!(may_be_one(a, b) && may_be_one(b, a), "{a} {b}");
        }
        for (a, b) in
            [("db1", "db2"), ("db1.example.com", "db1.example.org"), ("192.0.2.1", "192.0.2.2")]
        {
            assert!(!may_be_one(a, b) && !may_be_one(b, a), "{a} {b}");
        }
    }
}
