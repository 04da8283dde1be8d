//! The limit of a cgroup.

use super::super::facts::{held_at_least, is_share, larger, name, who};
use super::super::hit::{Hit, Level, is_lowered};
use crate::incident::model::OomKill;
use crate::units::{Size, resident};
use crate::word::Word;

/// Whose processes hold half of a limit is full of processes, not of files or of the kernel's own.
const CROWD_PERCENT: u64 = 50;

/// A limit that was met so often is lived at, not met by chance.
const OFTEN: u64 = 100;

pub(super) fn lowered(kill: &OomKill) -> Option<String> {
    let hit = Hit::new(kill).filter(|_| is_lowered(kill))?;
    let (usage, max) = (hit.limit.usage_bytes?, hit.limit.max_bytes?);
    (usage > max).then(|| {
        format!(
            "set {} first, and wait until what is in use ({}) is below the new limit",
            hit.setting("memory.high", "MemoryHigh="),
            Size(usage)
        )
    })
}

pub(super) fn most(kill: &OomKill) -> Option<String> {
    let hit = met(kill)?;
    let (max, held) = hit.most()?;
    let who = who(&kill.victim);
    Some(format!(
        "raise {} if {who} needs as much, else look for a leak in it: it held {} of {}",
        hit.knob(),
        Size(held),
        Size(max)
    ))
}

pub(super) fn crowd(kill: &OomKill) -> Option<String> {
    let hit = met(kill).filter(|hit| hit.level == Level::Own)?;
    let (max, held) = hit.less()?;
    let candidates = kill.candidates.as_ref().filter(|candidates| candidates.total > 1)?;
    is_share(held_at_least(candidates), max, CROWD_PERCENT).then_some(())?;
    Some(format!(
        "run fewer than the {} processes that share the {} of {}, of which {} held {}, or raise {}",
        candidates.total,
        Size(max),
        hit.name(),
        who(&kill.victim),
        Size(held),
        hit.knob()
    ))
}

pub(super) fn above(kill: &OomKill) -> Option<String> {
    let hit = met(kill).filter(|hit| hit.level == Level::Above)?;
    let (max, held) = hit.less()?;
    let first = larger(kill).and_then(|larger| {
        let cgroup = larger.cgroup.as_ref();
        let cgroup = cgroup
            .filter(|path| kill.victim.cgroup.as_ref().is_some_and(|own| own.path != **path))?;
        let (who, held) = (name(larger.comm.as_ref(), "a process"), resident(&larger.memory)?);
        Some(format!(", first {}, where {who} held {}", Word::from(cgroup), Size(held)))
    });
    Some(format!(
        "limit what else runs in {}{}, or raise {}: {} held only {} of its {}",
        hit.name(),
        first.unwrap_or_default(),
        hit.knob(),
        who(&kill.victim),
        Size(held),
        Size(max)
    ))
}

pub(super) fn throttle(kill: &OomKill) -> Option<String> {
    let hit = met(kill).filter(|hit| !hit.is_kubernetes() && hit.limit.high_bytes.is_none())?;
    // Where events are known, an unknown memory.high is none.
    let events = hit.limit.events.filter(|events| events.high == Some(0))?;
    let count = events.max.filter(|count| *count >= OFTEN)?;
    Some(format!(
        "set {} below the limit, so that it is slowed down and reclaimed from sooner: usage met the \
         limit {count} times",
        hit.setting("memory.high", "MemoryHigh=")
    ))
}

/// The limit, if usage rose to it.
fn met(kill: &OomKill) -> Option<Hit<'_>> {
    Hit::new(kill).filter(|_| !is_lowered(kill))
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{
        MIB, at, candidate, candidates, held, in_pod, limit_at, of_a_service,
    };
    use super::*;
    use crate::incident::model::LimitEvents;

    #[test]
    fn who_fills_a_limit_needs_it_or_leaks() {
        let mut kill = of_a_service();
        assert_eq!(
            most(&kill).unwrap(),
            "raise MemoryMax= of app.service if python3 needs as much, else look for a leak in it: \
             it held 492.0 MiB of 512.0 MiB"
        );
        held(&mut kill, 255);
        assert_eq!(most(&kill), None);
        let pod = most(&in_pod()).unwrap();
        assert!(pod.contains("resources.limits.memory of container web (pod shop/cart-0)"));
    }

    #[test]
    fn many_small_ones_fill_a_limit_together() {
        let mut kill = of_a_service();
        let small: Vec<_> = (7..17).map(|pid| candidate(pid, 48)).collect();
        kill.candidates = Some(candidates(&small));
        assert_eq!(crowd(&kill), None);
        held(&mut kill, 48);
        assert_eq!(
            crowd(&kill).unwrap(),
            "run fewer than the 10 processes that share the 512.0 MiB of app.service, of which \
             python3 held 48.0 MiB, or raise MemoryMax= of app.service"
        );
        kill.candidates = Some(candidates(&[candidate(7, 48), candidate(8, 48)]));
        assert_eq!(crowd(&kill), None);
    }

    #[test]
    fn a_limit_above_is_for_others_too() {
        let mut kill = of_a_service();
        held(&mut kill, 100);
        assert_eq!(above(&kill), None);
        limit_at(&mut kill, "/system.slice");
        let mut other = candidate(9, 300);
        other.cgroup = Some("/system.slice/db.service".into());
        kill.candidates = Some(candidates(&[candidate(7, 100), other]));
        assert_eq!(
            above(&kill).unwrap(),
            "limit what else runs in system.slice, first /system.slice/db.service, where task9 held \
             300.0 MiB, or raise MemoryMax= of system.slice: python3 held only 100.0 MiB of its \
             512.0 MiB"
        );
        at(&mut kill, "/system.slice/db.service");
        assert!(!above(&kill).unwrap().contains("first"));
        held(&mut kill, 300);
        assert_eq!(above(&kill), None);
    }

    #[test]
    fn a_limit_is_not_lowered_below_what_is_in_use() {
        let mut kill = of_a_service();
        kill.shortage.limit.as_mut().unwrap().usage_bytes = Some(768 * MIB);
        assert_eq!(lowered(&kill), None);
        kill.shortage.stack = Some(vec!["memory_max_write+0x1/0x2".into()]);
        assert!(lowered(&kill).unwrap().starts_with("set MemoryHigh= of app.service first"));
        assert_eq!(most(&kill), None);
    }

    #[test]
    fn who_lives_at_the_limit_is_slowed_down_sooner() {
        let mut kill = of_a_service();
        let events = |max| LimitEvents { high: Some(0), max: Some(max), ..LimitEvents::default() };
        let mut with = |events, high| {
            let limit = kill.shortage.limit.as_mut().unwrap();
            (limit.events, limit.high_bytes) = (events, high);
            throttle(&kill)
        };
        assert!(with(Some(events(300)), None).unwrap().contains("MemoryHigh= of app.service"));
        assert_eq!(with(Some(events(99)), None), None);
        assert_eq!(with(Some(events(300)), Some(400 * MIB)), None);
        assert_eq!(with(None, None), None);
    }
}
