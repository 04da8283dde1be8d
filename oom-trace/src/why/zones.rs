//! In which zones what is free is, and whether this allocation may take it from there.

use super::facts::sum;
use super::nodes::holds;
use crate::incident::model::{OomKill, Zone};

/// What an allocation of these flags may use (`gfp_zone`, include/linux/gfp.h).
#[derive(Clone, Copy)]
struct May {
    high: bool,
    movable: bool,
}

impl May {
    /// `None` if its flags are not known.
    fn new(kill: &OomKill) -> Option<Self> {
        let flags = kill.shortage.trigger.as_ref()?.gfp_flags.as_deref()?;
        let has = |part: &str| flags.iter().any(|flag| flag.contains(part));
        let movable = has("MOVABLE") || has("GFP_TRANSHUGE");
        // GFP_HIGHUSER_MOVABLE is of both.
        let high =
            has("HIGH") && flags.iter().any(|flag| flag != "__GFP_HIGH" && flag.contains("HIGH"));
        (!flags.is_empty()).then_some(Self { high: high || has("GFP_TRANSHUGE"), movable })
    }

    fn takes(self, zone: &Zone) -> bool {
        match zone.name.as_str() {
            "Movable" => self.movable && self.high,
            "HighMem" => self.high,
            "Device" => false,
            _ => true,
        }
    }
}

/// Below how much free memory ordinary allocations fail, over all zones; `None` if that is not known.
pub(super) fn min(kill: &OomKill, list: Option<&str>) -> Option<u64> {
    let zones = own(kill.system.as_ref()?.zones.as_deref()?, list);
    sum(zones.iter().map(|zone| zone.min_bytes)).filter(|_| !zones.is_empty())
}

/// The zones of these nodes.
fn own<'a>(zones: &'a [Zone], list: Option<&str>) -> Vec<&'a Zone> {
    let is_own = |zone: &&Zone| match (list, zone.node) {
        (Some(list), Some(node)) => holds(list, node),
        _ => true,
    };
    zones.iter().filter(is_own).collect()
}

/// What of the free memory it may not take.
pub(super) struct OutOfReach<'a> {
    pub(super) bytes: u64,
    /// Where most of that is: a zone, or CMA areas if there is none.
    pub(super) zone: Option<&'a Zone>,
}

/// `None` if zones or flags are not known, or nothing is out of its reach.
pub(super) fn out_of_reach<'a>(kill: &'a OomKill, list: Option<&str>) -> Option<OutOfReach<'a>> {
    let zones = kill.system.as_ref()?.zones.as_deref()?;
    let may = May::new(kill)?;
    let own = own(zones, list);
    let free = |zone: &&Zone| zone.free_bytes.unwrap_or(0);
    let closed: Vec<&Zone> = own.iter().copied().filter(|zone| !may.takes(zone)).collect();
    let in_zones = closed.iter().map(free).fold(0, u64::saturating_add);
    let open = own.iter().filter(|zone| may.takes(zone));
    let cma = open.map(|zone| zone.free_cma_bytes.unwrap_or(0)).fold(0, u64::saturating_add);
    let in_cma = if may.movable { 0 } else { cma };
    let zone = closed.into_iter().max_by_key(free).filter(|_| in_zones >= in_cma);
    let bytes = in_zones.saturating_add(in_cma);
    (bytes > 0).then_some(OutOfReach { bytes, zone })
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{GIB, MIB, of_the_machine};
    use super::*;

    fn zone(name: &str, node: u32, free: u64) -> Zone {
        Zone { name: name.into(), node: Some(node), free_bytes: Some(free), ..Zone::default() }
    }

    fn told(flags: &[&str], zones: Vec<Zone>, list: Option<&str>) -> Option<(u64, Option<String>)> {
        let mut kill = of_the_machine();
        let trigger = kill.shortage.trigger.as_mut().unwrap();
        trigger.gfp_flags = Some(flags.iter().map(|&flag| flag.into()).collect());
        kill.system.as_mut().unwrap().zones = Some(zones);
        let out = out_of_reach(&kill, list)?;
        Some((out.bytes, out.zone.map(|zone| zone.name.clone())))
    }

    #[test]
    fn movable_memory_is_for_movable_allocations() {
        let zones = || vec![zone("Normal", 0, 30 * MIB), zone("Movable", 4, 124 * GIB)];
        let movable = Some((124 * GIB, Some("Movable".to_owned())));
        assert_eq!(told(&["GFP_HIGHUSER", "__GFP_ACCOUNT"], zones(), Some("4")), movable);
        assert_eq!(told(&["GFP_KERNEL"], zones(), None), movable);
        assert_eq!(told(&["GFP_HIGHUSER_MOVABLE"], zones(), None), None);
        assert_eq!(told(&["GFP_KERNEL"], zones(), Some("0")), None);
    }

    #[test]
    fn high_memory_is_for_those_that_ask_for_it() {
        let zones = || vec![zone("Normal", 0, MIB), zone("HighMem", 0, GIB)];
        assert_eq!(told(&["GFP_KERNEL"], zones(), None), Some((GIB, Some("HighMem".into()))));
        assert_eq!(told(&["GFP_HIGHUSER"], zones(), None), None);
    }

    #[test]
    fn cma_areas_are_for_movable_allocations() {
        let zones =
            || vec![Zone { free_cma_bytes: Some(200 * MIB), ..zone("Normal", 0, 220 * MIB) }];
        assert_eq!(told(&["GFP_KERNEL"], zones(), None), Some((200 * MIB, None)));
        assert_eq!(told(&["GFP_HIGHUSER_MOVABLE"], zones(), None), None);
        assert_eq!(told(&[], zones(), None), None);
    }
}
