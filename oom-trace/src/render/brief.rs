//! A kill in some words, for lists.

use jiff::Timestamp;

use super::moment::Moment;
use super::quote::{Quoted, TaskLabel};
use super::units::Size;
use crate::incident::model::{Job, OomKill, Origin, Pod, Scope, Victim};

/// Who died, where, what it held, and whose limit it was; no text that a process chose acts on a
/// terminal.
#[must_use]
pub fn brief(kill: &OomKill) -> String {
    let OomKill { victim, .. } = kill;
    let who = TaskLabel { comm: victim.comm.as_ref(), pid: victim.pid, tid: Some(victim.tid) };
    let mut text = who.to_string();
    if let Some(place) = place(victim) {
        text = format!("{text} in {place}");
    }
    if let Some(bytes) = victim.memory.resident() {
        text = format!("{text}, {} RSS", Size(bytes));
    }
    let limit = kill.shortage.limit.as_ref();
    let (path, max) = (limit.and_then(|it| it.cgroup.as_ref()), limit.and_then(|it| it.max_bytes));
    match (kill.shortage.scope, path, max) {
        (Some(Scope::Global), ..) => text.push_str(", global OOM"),
        (_, Some(path), Some(max)) => {
            text = format!("{text}, limit {} of {}", Size(max), Quoted::from(path));
        }
        (_, Some(path), None) => text = format!("{text}, limit of {}", Quoted::from(path)),
        _ => {}
    }
    text
}

/// A moment as formats for people show it.
#[must_use]
pub fn time(time: Timestamp) -> String {
    Moment(&Origin { time: Some(time), ..Origin::default() }).to_string()
}

/// Where a process ran, in some words: its pod, container, job, application, unit or cgroup.
pub(super) fn place(victim: &Victim) -> Option<String> {
    let Victim { pod, container, job, app, unit, cgroup, .. } = victim;
    let quoted = |text: &str| Quoted::from(text).to_string();
    if let Some(name) = pod.as_ref().and_then(Pod::full_name) {
        return Some(quoted(&name));
    }
    let container = container.as_ref().map(|container| quoted(container.label()));
    container
        .or_else(|| job.as_ref().map(Job::to_string))
        .or_else(|| app.as_deref().map(quoted))
        .or_else(|| unit.as_deref().map(quoted))
        .or_else(|| cgroup.as_ref().map(|cgroup| Quoted::from(&cgroup.path).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn a_kill_in_some_words() {
        let text = brief(&fixtures::memcg());
        assert_eq!(
            text,
            "memhog (pid 157) in /web/app.service, 24.5 MiB RSS, limit 32.0 MiB of /web"
        );
        assert!(brief(&fixtures::global()).ends_with(", global OOM"));
        let mut kill = fixtures::memcg();
        kill.victim.unit = Some("slurmstepd.scope".into());
        let in_place = |kill: &OomKill, place: &str| {
            let text = brief(kill);
            assert!(text.starts_with(&format!("memhog (pid 157) in {place}, ")), "{text}");
        };
        in_place(&kill, "slurmstepd.scope");
        kill.victim.app = Some("org.mozilla.firefox".into());
        in_place(&kill, "org.mozilla.firefox");
        kill.victim.job = Some(fixtures::job());
        in_place(&kill, "Slurm job 4711");
        let hostile = brief(&fixtures::hostile());
        assert!(!hostile.chars().any(crate::text::acts), "{hostile}");
    }

    #[test]
    fn a_moment_says_its_zone() {
        assert_eq!(time(Timestamp::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
    }
}
