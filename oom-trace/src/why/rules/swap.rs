//! Swap that is full, missing or forbidden.

use super::super::facts::{has_plenty, is_full, is_global, is_share, who};
use super::super::hit::Hit;
use super::super::shortage::Stuck;
use crate::incident::model::{OomKill, System};
use crate::quote::Quoted;
use crate::units::Size;

/// Swap takes anonymous memory; where it is less than half, swap is not what is missing.
const ANONYMOUS_PERCENT: u64 = 50;

pub(super) fn full(kill: &OomKill) -> Option<String> {
    let system = kill.system.as_ref().filter(|_| may_swap(kill))?;
    let (total, free) = (system.swap_total_bytes?, system.swap_free_bytes?);
    is_full(free, total).then(|| {
        format!("add swap or memory: all {} of the machine's swap was in use", Size(total))
    })
}

pub(super) fn off(kill: &OomKill) -> Option<String> {
    let system = kill.system.as_ref().filter(|_| may_swap(kill))?;
    // A limit is met with swap or without; where the machine has memory left, it is the limit that is small.
    let anonymous = anonymous(kill).filter(|_| has_plenty(kill) != Some(true))?;
    (system.swap_total_bytes == Some(0)).then(|| {
        format!(
            "add swap or zram: the machine has none, so the {} of anonymous memory of {} could not be \
             reclaimed",
            Size(anonymous),
            who(&kill.victim)
        )
    })
}

/// A limit of 0, at the limit that was hit or above it.
pub(super) fn forbidden(kill: &OomKill) -> Option<String> {
    let hit =
        Hit::new(kill).filter(|hit| !hit.is_kubernetes() && has_swap(kill.system.as_deref()))?;
    let anonymous = anonymous(kill)?;
    let zero = hit.no_swap()?;
    let setting = match &zero.cgroup {
        Some(path) if zero.cgroup != hit.limit.cgroup => {
            format!("memory.swap.max of {}", Quoted::from(path))
        }
        _ => hit.setting("memory.swap.max", "MemorySwapMax="),
    };
    Some(format!(
        "raise {setting} from 0 to let some of the {} of anonymous memory of {} be swapped out",
        Size(anonymous),
        who(&kill.victim)
    ))
}

pub(super) fn limited(kill: &OomKill) -> Option<String> {
    let hit = Hit::new(kill).filter(|hit| !hit.is_kubernetes())?;
    let (used, max) = (hit.limit.swap_usage_bytes?, hit.limit.swap_max_bytes?);
    is_full(max.saturating_sub(used), max).then(|| {
        format!(
            "raise {}: all {} of it was in use",
            hit.setting("memory.swap.max", "MemorySwapMax="),
            Size(max)
        )
    })
}

/// Whether more swap would have been used. Kubelet lets pods have none unless told otherwise.
fn may_swap(kill: &OomKill) -> bool {
    let may = |hit: Hit<'_>| !hit.is_kubernetes() && !hit.forbids_swap();
    // Free memory that could not be had is no reason to swap.
    let is_short = is_global(kill) && Stuck::of_the_machine(kill).is_none();
    is_short || Hit::new(kill).is_some_and(may)
}

/// Not known counts as some.
fn has_swap(system: Option<&System>) -> bool {
    system.is_none_or(|system| system.swap_total_bytes != Some(0))
}

/// The victim's anonymous memory, if most of it is.
fn anonymous(kill: &OomKill) -> Option<u64> {
    let memory = &kill.victim.memory;
    let (anonymous, resident) = (memory.anon_rss_bytes?, memory.resident()?);
    is_share(anonymous, resident, ANONYMOUS_PERCENT).then_some(anonymous)
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, MIB, in_pod, of_a_service, of_the_machine};
    use super::*;
    use crate::incident::model::Limit;

    fn with_swap(mut kill: OomKill, total: u64, free: u64) -> OomKill {
        let system = kill.system.get_or_insert_default();
        (system.swap_total_bytes, system.swap_free_bytes) = (Some(total), Some(free));
        kill
    }

    #[test]
    fn swap_is_full_but_for_the_last_slots() {
        let kill = with_swap(of_the_machine(), GIB, 10 * MIB);
        assert!(full(&kill).unwrap().contains("all 1.0 GiB of the machine's swap"));
        assert_eq!(full(&with_swap(of_the_machine(), GIB, 100 * MIB)), None);
        assert_eq!(full(&with_swap(of_the_machine(), 0, 0)), None);
        assert_eq!(full(&with_swap(in_pod(), GIB, 0)), None);
    }

    #[test]
    fn swap_that_is_not_there_takes_no_anonymous_memory() {
        let mut kill = with_swap(of_the_machine(), 0, 0);
        assert!(off(&kill).unwrap().contains("9.9 GiB of anonymous memory of java"));
        kill.victim.memory.shmem_rss_bytes = Some(12 * GIB);
        assert_eq!(off(&kill), None);
        assert_eq!(off(&with_swap(of_the_machine(), GIB, 0)), None);
    }

    #[test]
    fn swap_is_not_added_for_a_cgroup_that_may_not_use_it() {
        let mut kill = with_swap(of_a_service(), 0, 0);
        assert!(off(&kill).is_some());
        let system = kill.system.as_mut().unwrap();
        (system.available_bytes, system.total_bytes) = (Some(12 * GIB), Some(16 * GIB));
        assert_eq!(off(&kill), None);
        kill.system.as_mut().unwrap().available_bytes = Some(GIB);
        assert!(off(&kill).is_some());
        let limit = kill.shortage.limit.as_mut().unwrap();
        limit.swap_max_bytes = Some(0);
        assert_eq!((off(&kill), full(&with_swap(kill.clone(), GIB, 0))), (None, None));
        let limit = kill.shortage.limit.as_mut().unwrap();
        limit.swap_max_bytes = None;
        limit.ancestors = Some(vec![Limit { swap_max_bytes: Some(0), ..Limit::default() }]);
        assert_eq!(off(&kill), None);
        // Of cgroup v1: memory and swap together may be no more than memory.
        let limit = kill.shortage.limit.as_mut().unwrap();
        limit.ancestors = None;
        (limit.memsw_usage_bytes, limit.memsw_max_bytes) = (Some(512 * MIB), Some(512 * MIB));
        assert_eq!(off(&kill), None);
    }

    #[test]
    fn a_limit_of_0_is_raised_where_it_stands() {
        let mut kill = with_swap(of_a_service(), GIB, GIB);
        assert_eq!(forbidden(&kill), None);
        let above = Limit {
            cgroup: Some("/system.slice".into()),
            swap_max_bytes: Some(0),
            ..Limit::default()
        };
        let limit = kill.shortage.limit.as_mut().unwrap();
        limit.ancestors = Some(vec![above]);
        assert!(forbidden(&kill).unwrap().starts_with("raise memory.swap.max of /system.slice"));
        kill.shortage.limit.as_mut().unwrap().swap_max_bytes = Some(0);
        assert!(forbidden(&kill).unwrap().starts_with("raise MemorySwapMax= of app.service"));
        assert_eq!(forbidden(&with_swap(kill, 0, 0)), None);
    }

    #[test]
    fn a_limit_of_swap_can_be_full() {
        let mut kill = of_a_service();
        let limit = kill.shortage.limit.as_mut().unwrap();
        (limit.swap_usage_bytes, limit.swap_max_bytes) = (Some(64 * MIB), Some(64 * MIB));
        assert!(limited(&kill).unwrap().starts_with("raise MemorySwapMax= of app.service"));
        kill.shortage.limit.as_mut().unwrap().swap_max_bytes = Some(0);
        assert_eq!(limited(&kill), None);
        kill.shortage.limit.as_mut().unwrap().swap_max_bytes = Some(128 * MIB);
        assert_eq!(limited(&kill), None);
    }
}
