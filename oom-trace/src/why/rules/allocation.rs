//! The allocation that failed. One that only DMA zones can serve does not get as far as the OOM
//! killer (`__alloc_pages_may_oom`, mm/page_alloc.c).

use super::super::facts::{is_global, is_share};
use super::super::nodes::Bound;
use super::super::shortage::{Block, Stuck, allocation, is_unmovable};
use super::super::zones;
use crate::incident::model::OomKill;
use crate::text::Escaped;
use crate::units::Size;

/// The greater part.
const HALF_PERCENT: u64 = 50;

pub(super) fn fragmented(kill: &OomKill) -> Option<String> {
    if let Some(block) = unexplained(kill) {
        return Some(format!(
            "look at /proc/buddyinfo for fragmentation: a contiguous block of {block} was requested, \
             which may be unavailable even though single pages are free; look for what requests such \
             blocks, or raise vm.min_free_kbytes"
        ));
    }
    let block = stuck(kill)?.block?;
    Some(format!(
        "look at /proc/buddyinfo for fragmentation: blocks of {block} had run out; write 1 to \
         /proc/sys/vm/compact_memory, or raise vm.min_free_kbytes, to get more of them"
    ))
}

/// A block of pages, where nothing tells what was free.
fn unexplained(kill: &OomKill) -> Option<Block> {
    let free = kill.system.as_ref().and_then(|system| system.free_bytes);
    Block::new(kill).filter(|_| is_global(kill) && free.is_none())
}

/// Free memory that it may not use.
pub(super) fn out_of_reach(kill: &OomKill) -> Option<String> {
    let bound = Bound::new(kill);
    let list = bound.as_ref().and_then(|bound| bound.list);
    let stuck = stuck(kill).filter(|stuck| stuck.block.is_none())?;
    let free = Size(stuck.free);
    if let Some(out) =
        zones::out_of_reach(kill, list).filter(|out| is_share(out.bytes, stuck.free, HALF_PERCENT))
    {
        let (bytes, allocation) = (Size(out.bytes), allocation(kill));
        return Some(match out.zone {
            Some(zone) => {
                let node = zone.node.map(|node| format!(" of node {node}")).unwrap_or_default();
                format!(
                    "it needs memory from another zone or node: {bytes} of the free memory was in zone \
                     {}{node}, which {allocation} may not use",
                    Escaped(zone.name.as_bytes())
                )
            }
            None => format!(
                "make CMA areas smaller (cma= on the kernel's command line): {bytes} of the free memory \
                 was in them, and {allocation} may not use it"
            ),
        });
    }
    Some(match is_unmovable(kill) {
        Some(true) => format!(
            "look in /proc/zoneinfo for the zone that has the {free} free: this allocation may not use \
             ZONE_MOVABLE, CMA areas, nor high memory on 32 bits unless it asks for it"
        ),
        _ => format!(
            "look in /proc/zoneinfo for the zone that has the {free} free, and compare it with that \
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
    use crate::incident::model::{Scope, Zone};

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
    fn the_zone_is_named_where_it_is_known() {
        let mut kill = of_nodes(Scope::Cpuset);
        kill.shortage.trigger.as_mut().unwrap().gfp_flags = Some(vec!["GFP_HIGHUSER".into()]);
        let system = kill.system.as_mut().unwrap();
        system.nodes = None;
        system.zones = Some(vec![Zone {
            node: Some(0),
            name: "Movable".into(),
            free_bytes: Some(7 * GIB),
            managed_bytes: Some(8 * GIB),
            ..Zone::default()
        }]);
        assert_eq!(
            out_of_reach(&kill).unwrap(),
            "it needs memory from another zone or node: 7.0 GiB of the free memory was in zone Movable \
             of node 0, which a GFP_HIGHUSER allocation may not use"
        );
    }

    #[test]
    fn so_it_is_with_the_nodes_of_a_cpuset() {
        let mut kill = of_nodes(Scope::Cpuset);
        assert_eq!(out_of_reach(&kill), None);
        kill.system.as_mut().unwrap().nodes.as_mut().unwrap()[0].free_bytes = Some(7 * GIB);
        assert!(out_of_reach(&kill).unwrap().contains("7.0 GiB"));
    }
}
