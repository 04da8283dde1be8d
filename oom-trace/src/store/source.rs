//! Where kills come from, as far as it may not choose itself another name: what dies as fast as it can is not
//! to push out what the store has of others.

use crate::incident::model::{OomKill, Record};
use crate::text::KernelText;

/// Levels of a cgroup's path that stand for all below: `/system.slice/web.service`, `/lxc.payload.web`.
const LEVELS: usize = 2;

/// The pod, else the unit, else the container, else the top of the path to the victim's cgroup: who makes
/// cgroups makes them below that. `None` for what is no kill.
pub(super) fn of(record: &Record) -> Option<String> {
    record.kill().map(of_kill)
}

fn of_kill(kill: &OomKill) -> String {
    let victim = &kill.victim;
    let (pod, unit, container) = (&victim.pod, &victim.unit, &victim.container);
    let path = victim.cgroup.as_ref().map(|cgroup| top(&cgroup.path));
    let pod = pod.as_ref().map(|pod| format!("pod {}", pod.uid));
    pod.or_else(|| unit.as_ref().map(|unit| format!("unit {unit}")))
        .or_else(|| container.as_ref().map(|it| format!("container {}", it.id)))
        .or_else(|| path.map(|path| format!("cgroup {path}")))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn top(path: &KernelText) -> String {
    let text = path.to_string();
    let levels = text.split('/').filter(|level| !level.is_empty()).take(LEVELS);
    levels.map(|level| format!("/{level}")).collect()
}
