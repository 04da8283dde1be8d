//! Where a kill was, for those that tell of many at one place only once.

use crate::incident::model::{Job, OomFailed, OomKill, Record, RecordType, Shortage, UserKill};
use crate::quote::Quoted;
use crate::text::KernelText;

/// What kills have in common that follow from one cause: whose limit was hit; without a limit the
/// victims' pod, job, unit or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Kills of another kind are no repeats.
    pub kind: RecordType,
    /// In words, without characters that act on a terminal: `cgroup /web`.
    pub name: String,
}

impl Place {
    /// The victim's pod, if its name is known; else as [`Self::of`].
    #[must_use]
    pub fn by_pod(record: &Record) -> Option<Self> {
        let pod = record.kill().and_then(|kill| kill.victim.pod.as_ref()?.full_name());
        let of_pod = |pod: String| Self { kind: RecordType::OomKill, name: named("pod", &pod) };
        pod.map(of_pod).or_else(|| Self::of(record))
    }

    /// Of a kill, and of a shortage in which nobody could be killed; `None` for other records.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        let name = match record {
            Record::OomKill(kill) => of_kill(kill),
            Record::OomFailed(failed) => of_failure(failed),
            Record::UserKill(kill) => of_user_kill(kill),
            Record::OomPanic(_) | Record::OomExit(_) | Record::Agent(_) => None,
        };
        Some(Self { kind: RecordType::from(record), name: name? })
    }
}

fn of_kill(kill: &OomKill) -> Option<String> {
    let victim = &kill.victim;
    let pod = || {
        let pod = victim.pod.as_ref()?;
        Some(pod.full_name().unwrap_or_else(|| pod.uid.clone()))
    };
    limit(&kill.shortage)
        .or_else(|| Some(named("pod", &pod()?)))
        .or_else(|| victim.job.as_ref().map(Job::to_string))
        .or_else(|| Some(named("unit", victim.unit.as_deref()?)))
        .or_else(|| Some(process(victim.comm.as_ref()?)))
}

fn of_failure(failed: &OomFailed) -> Option<String> {
    let trigger = failed.shortage.trigger.as_ref();
    limit(&failed.shortage).or_else(|| Some(process(trigger?.comm.as_ref()?)))
}

fn of_user_kill(kill: &UserKill) -> Option<String> {
    let pod = kill.pod.as_deref().map(|pod| named("pod", pod));
    pod.or_else(|| Some(cgroup(kill.cgroup.as_ref()?)))
        .or_else(|| Some(process(kill.comm.as_ref()?)))
}

fn limit(shortage: &Shortage) -> Option<String> {
    shortage.limit.as_ref()?.cgroup.as_ref().map(cgroup)
}

fn cgroup(path: &KernelText) -> String {
    format!("cgroup {}", Quoted::from(path))
}

fn process(comm: &KernelText) -> String {
    format!("process {}", Quoted::from(comm))
}

fn named(what: &str, name: &str) -> String {
    format!("{what} {}", Quoted::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn a_place_is_that_of_the_limit_and_without_one_the_victims_own() {
        let place = |kill: &OomKill| Place::of(&Record::OomKill(Box::new(kill.clone()))).unwrap();
        assert_eq!(place(&fixtures::memcg()).name, "cgroup /web");
        let mut kill = fixtures::global();
        assert_eq!(place(&kill).name, "process java");
        kill.victim.unit = Some("web.service".into());
        assert_eq!(place(&kill).name, "unit web.service");
        kill.victim.job = Some(fixtures::job());
        assert_eq!(place(&kill).name, "Slurm job 4711");
        kill.victim.pod = Some(fixtures::pod("shop", "web-1"));
        assert_eq!(place(&kill).name, "pod shop/web-1");
        // One limit may be that of several pods.
        let mut kill = fixtures::memcg();
        kill.victim.pod = Some(fixtures::pod("shop", "web-1"));
        assert_eq!(place(&kill).name, "cgroup /web");
        let by_pod = |kill: &OomKill| Place::by_pod(&Record::OomKill(Box::new(kill.clone())));
        assert_eq!(by_pod(&kill).unwrap().name, "pod shop/web-1");
        kill.victim.pod.as_mut().unwrap().name = None;
        assert_eq!(by_pod(&kill).unwrap().name, "cgroup /web");
        for (name, record) in fixtures::all() {
            let place = Place::of(&record).map(|place| place.name).unwrap_or_default();
            assert!(!place.chars().any(crate::text::acts), "{name}: {place}");
        }
    }
}
