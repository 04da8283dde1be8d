//! The allocation that failed. One that only DMA zones can serve does not get as far as the OOM
//! killer (`__alloc_pages_may_oom`, mm/page_alloc.c).

use super::super::nodes::Bound;
use super::super::shortage::{Stuck, is_unmovable};
use crate::incident::model::OomKill;
use crate::units::Size;

pub(super) fn fragmented(kill: &OomKill) -> Option<String> {
    let block = stuck(kill)?.block?;
    Some(format!(
        "look at /proc/buddyinfo for fragmentation: blocks of {block} had run out; write 1 to \
         /proc/sys/vm/compact_memory, or raise vm.min_free_kbytes, to get more of them"
    ))
}

/// Free memory that it may not use.
pub(super) fn out_of_reach(kill: &OomKill) -> Option<String> {
    let stuck = stuck(kill).filter(|stuck| stuck.block.is_none())?;
    let free = Size(stuck.free);
    Some(match is_unmovable(kill) {
        Some(true) => format!(
            "find in /proc/zoneinfo which zone the {free} are free in: this allocation may not use \
             ZONE_MOVABLE, CMA areas, nor high memory on 32 bits unless it asks for it"
        ),
        _ => format!(
            "find in /proc/zoneinfo which zone the {free} are free in, and compare it with that \
             zone's watermarks and lowmem reserve"
        ),
    })
}

fn stuck(kill: &OomKill) -> Option<Stuck> {
    match Bound::new(kill) {
        Some(bound) => Stuck::of_nodes(kill, &bound),
        None => Stuck::of_the_machine(kill),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, held, of_nodes, of_the_machine};
    use super::*;
    use crate::incident::model::Scope;

    fn with_free(free: u64, order: i32, flags: &[&str]) -> OomKill {
        let mut kill = of_the_machine();
        kill.system.as_mut().unwrap().free_bytes = Some(free);
        let trigger = kill.shortage.trigger.as_mut().unwrap();
        trigger.order = Some(order);
        trigger.gfp_flags = Some(flags.iter().map(|&flag| flag.into()).collect());
        kill
    }

    #[test]
    fn much_that_is_free_is_in_small_pieces() {
        let mut kill = with_free(6 * GIB, 3, &["GFP_KERNEL"]);
        kill.system.as_mut().unwrap().taken_after_ms = Some(5);
        held(&mut kill, 1024);
        assert!(fragmented(&kill).unwrap().contains("blocks of 32.0 KiB (order 3) had run out"));
        assert_eq!(out_of_reach(&kill), None);
        // All that is free may have been the victim's.
        held(&mut kill, 6 * 1024);
        assert_eq!(fragmented(&kill), None);
        assert_eq!(fragmented(&with_free(6 * GIB, 0, &[])), None);
        assert_eq!(fragmented(&with_free(6 * GIB, -1, &[])), None);
    }

    #[test]
    fn much_that_is_free_is_of_another_zone() {
        let kill = with_free(6 * GIB, 0, &["GFP_KERNEL"]);
        assert!(out_of_reach(&kill).unwrap().contains("may not use ZONE_MOVABLE, CMA areas"));
        let kill = with_free(6 * GIB, 0, &["GFP_HIGHUSER_MOVABLE"]);
        assert!(out_of_reach(&kill).unwrap().contains("watermarks"));
        assert_eq!(out_of_reach(&with_free(GIB, 0, &["GFP_KERNEL"])), None);
    }

    #[test]
    fn so_it_is_with_the_nodes_of_a_cpuset() {
        let mut kill = of_nodes(Scope::Cpuset);
        assert_eq!(out_of_reach(&kill), None);
        kill.system.as_mut().unwrap().nodes.as_mut().unwrap()[0].free_bytes = Some(7 * GIB);
        assert!(out_of_reach(&kill).unwrap().contains("7.0 GiB"));
    }
}
