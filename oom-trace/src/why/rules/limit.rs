//! The limit of a cgroup.

use super::super::advice::advice;
use super::super::facts::{
    all, at_once, everyone, held_at_least, is_global, is_share, larger, listed, name,
    short_machine, weighed, who,
};
use super::super::hit::{Hit, Level, Of, is_lowered};
use super::super::place;
use super::super::shortage::{Block, Stuck};
use super::choice::{shielded, unkillable};
use super::together;
use crate::incident::model::{OomKill, Scope, Source};
use crate::quote::Quoted;
use crate::units::Size;

/// Whose processes hold half of a limit is full of processes, not of files or of the kernel's own.
const CROWD_PERCENT: u64 = 50;

/// A limit that was met so often is lived at, not met by chance.
const OFTEN: u64 = 100;

/// Who holds half of a machine is what it is short for.
const MACHINE_PERCENT: u64 = 50;

pub(super) fn lowered(kill: &OomKill) -> Option<String> {
    let hit = Hit::new(kill).filter(|_| is_lowered(kill))?;
    let (usage, max) = (hit.limit.usage_bytes?, hit.limit.max_bytes?);
    (usage > max).then(|| {
        format!(
            "lower {} first, and wait until usage ({}) has fallen below the new limit",
            hit.setting("memory.high", "MemoryHigh="),
            Size(usage)
        )
    })
}

/// The limit of all pods is the node's, not a setting of the pod that died.
pub(super) fn node(kill: &OomKill) -> Option<String> {
    let hit = met(kill).filter(|hit| matches!(hit.of, Of::Pods(_)))?;
    let victim = place::of(&kill.victim).unwrap_or_else(|| who(&kill.victim));
    Some(format!(
        "set or lower resources.limits.memory of the pods that use most ({victim} held {}): the limit \
         that was hit ({}) is the node's, shared by all these pods",
        Size(hit.held()?),
        Size(hit.max()?)
    ))
}

pub(super) fn most(kill: &OomKill) -> Option<String> {
    let hit = raisable(kill).filter(Hit::is_most)?;
    let (who, knob) = (who(&kill.victim), hit.knob());
    if advice(kill).is_some() {
        return Some(format!("or raise {knob} if this is {who}'s normal footprint"));
    }
    at_once(kill).is_none().then_some(())?;
    let (max, held) = (hit.max()?, hit.held()?);
    let elsewhere = match held > max {
        true => format!(" (RSS {}, some of it charged elsewhere; limit {})", Size(held), Size(max)),
        false => String::new(),
    };
    Some(format!(
        "raise {knob} if this is {who}'s normal footprint; otherwise suspect a leak in it{elsewhere}"
    ))
}

pub(super) fn crowd(kill: &OomKill) -> Option<String> {
    let hit = raisable(kill).filter(|hit| hit.level == Level::Own && !is_told_of_another(kill))?;
    // Then it is known which.
    together::crowd(kill).is_none().then_some(())?;
    let (max, held) = hit.less()?;
    let candidates = kill.candidates.as_ref().filter(|candidates| candidates.total > 2)?;
    is_share(held_at_least(kill)?, max, CROWD_PERCENT).then_some(())?;
    Some(format!(
        "run fewer processes in {}, or raise {}: {} processes share its {}, of which {} held only {}",
        hit.name(),
        hit.knob(),
        candidates.total,
        Size(max),
        who(&kill.victim),
        Size(held)
    ))
}

pub(super) fn above(kill: &OomKill) -> Option<String> {
    let hit =
        raisable(kill).filter(|hit| hit.level == Level::Above && !is_told_of_another(kill))?;
    let (max, held) = hit.less()?;
    let other = larger(kill).and_then(|larger| {
        let cgroup = larger.cgroup.as_ref();
        let cgroup = cgroup
            .filter(|path| kill.victim.cgroup.as_ref().is_some_and(|own| own.path != **path))?;
        let (who, held) = (name(larger.comm.as_ref(), "a process"), larger.rss()?);
        Some(format!(", and {who} in {} held {}", Quoted::from(cgroup), Size(held)))
    });
    Some(format!(
        "limit what else runs in {}, or raise {}: {} held only {} of its {}{}",
        hit.name(),
        hit.knob(),
        who(&kill.victim),
        Size(held),
        Size(max),
        other.unwrap_or_default()
    ))
}

/// The victim held little of it, and nothing tells who held the rest.
pub(super) fn rest(kill: &OomKill) -> Option<String> {
    let is_one = |hit: &Hit<'_>| hit.level != Level::Above && !is_told_of_another(kill);
    let hit = raisable(kill).filter(is_one)?;
    (crowd(kill).is_none() && together::crowd(kill).is_none()).then_some(())?;
    let (max, held) = hit.less()?;
    let all = all(kill).filter(|all| all.processes > 1).and_then(|all| {
        let everyone = everyone(kill, all.processes);
        Some(format!("; {everyone} held {} in total", Size(all.rss_bytes?)))
    });
    Some(format!(
        "raise {} if what runs in it needs more: {} held only {} of its {}{}",
        hit.knob(),
        who(&kill.victim),
        Size(held),
        Size(max),
        all.unwrap_or_default()
    ))
}

/// One process took the machine, and the log does not tell how large that is.
pub(super) fn of_its_own_by_share(kill: &OomKill) -> Option<String> {
    let total = kill.system.as_ref().and_then(|system| system.total_bytes);
    if !is_global(kill) || total.is_some() || Block::new(kill).is_some() || advice(kill).is_some() {
        return None;
    }
    let all = listed(kill).filter(|all| all.processes > 1)?;
    let (whole, held) = (all.held()?, weighed(&kill.victim.memory)?);
    is_share(held, whole, MACHINE_PERCENT).then_some(())?;
    let with_swap = match kill.victim.memory.swap_bytes {
        Some(1..) => " with swap,",
        _ => "",
    };
    Some(format!(
        "{}, or look for a leak in {}: it held {}{with_swap} of the {} that {} held",
        place::own_limit(&kill.victim),
        who(&kill.victim),
        Size(held),
        Size(whole.max(held)),
        everyone(kill, all.processes)
    ))
}

/// One process took the machine: with a limit of its own only that is hit.
pub(super) fn of_its_own(kill: &OomKill) -> Option<String> {
    let total = short_machine(kill)?.total_bytes?;
    let held = kill.victim.memory.resident()?;
    if !is_share(held, total, MACHINE_PERCENT) || Stuck::of_the_machine(kill).is_some() {
        return None;
    }
    let knob = place::own_limit(&kill.victim);
    Some(format!(
        "{knob}, so that it cannot take the whole machine: {} held {} of {}",
        who(&kill.victim),
        Size(held),
        Size(total)
    ))
}

pub(super) fn throttle(kill: &OomKill) -> Option<String> {
    let hit = raisable(kill).filter(|hit| !hit.is_scheduled() && hit.limit.high_bytes.is_none())?;
    // Where events are known, an unknown memory.high is none.
    hit.limit.events.filter(|events| events.high == Some(0))?;
    // Events are counted for the cgroups below as well, this is not.
    let count = hit.limit.failcnt.filter(|count| *count >= OFTEN)?;
    Some(format!(
        "set {} below the limit so that it is throttled and reclaimed before it is killed: the \
         limit was hit {count} times",
        hit.setting("memory.high", "MemoryHigh=")
    ))
}

/// The kernel's log names the cgroup that a hook without `oom_control` does not see.
pub(super) fn unnamed(kill: &OomKill) -> Option<String> {
    let is_unnamed = kill.shortage.scope == Some(Scope::Memcg) && kill.shortage.limit.is_none();
    (is_unnamed && kill.source == Source::Tracepoint).then(|| {
        "look for oom_memcg= in the kernel's log (dmesg): it names the cgroup whose limit was hit, \
         which the tracepoint does not report"
            .to_owned()
    })
}

/// Whether one that holds more is named already.
fn is_told_of_another(kill: &OomKill) -> bool {
    unkillable(kill).or_else(|| shielded(kill)).is_some()
}

/// The limit, if usage rose to it.
fn met(kill: &OomKill) -> Option<Hit<'_>> {
    Hit::new(kill).filter(|_| !is_lowered(kill))
}

/// One that is a setting of somebody's.
pub(super) fn raisable(kill: &OomKill) -> Option<Hit<'_>> {
    met(kill).filter(|hit| !matches!(hit.of, Of::Pods(_)))
}

#[cfg(test)]
mod tests;
