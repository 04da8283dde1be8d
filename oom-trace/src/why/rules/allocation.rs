//! The allocation that failed.
//!
//! None of an order above 3, and none that only DMA zones can serve, gets as far as the OOM killer
//! (`__alloc_pages_may_oom`, mm/page_alloc.c).

use super::super::facts::{is_share, later, short_machine};
use crate::incident::model::OomKill;
use crate::units::{Size, resident};

/// The kernel keeps some percent free (`vm.min_free_kbytes`, and what it reserves of one zone from
/// allocations that another could serve); so much more is no shortage.
const PLENTY_PERCENT: u64 = 10;

pub(super) fn fragmented(kill: &OomKill) -> Option<String> {
    let system = short_machine(kill)?;
    let order = kill.shortage.trigger.as_ref()?.order.filter(|order| *order > 0)?;
    let pages = 1_u64.checked_shl(u32::try_from(order).ok()?)?;
    let bytes = pages.checked_mul(kill.shortage.page_size_bytes?)?;
    let free = system.free_bytes?;
    // The victim may have given back all it had by then.
    let before = free.saturating_sub(resident(&kill.victim.memory)?);
    is_share(before, system.total_bytes?, PLENTY_PERCENT).then(|| {
        format!(
            "look at /proc/buddyinfo for fragmentation, write 1 to /proc/sys/vm/compact_memory or \
             raise vm.min_free_kbytes: {} in one piece could not be had, while {} was free{}",
            Size(bytes),
            Size(free),
            later(system)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, held, of_the_machine};
    use super::*;

    #[test]
    fn much_that_is_free_is_in_small_pieces() {
        let mut kill = of_the_machine();
        kill.system.as_mut().unwrap().free_bytes = Some(6 * GIB);
        held(&mut kill, 1024);
        let mut of_order = |order| {
            kill.shortage.trigger.as_mut().unwrap().order = Some(order);
            fragmented(&kill)
        };
        assert!(of_order(3).unwrap().contains("32.0 KiB in one piece"));
        assert_eq!(of_order(0), None);
        assert_eq!(of_order(-1), None);
        held(&mut kill, 5 * 1024);
        kill.shortage.trigger.as_mut().unwrap().order = Some(3);
        assert_eq!(fragmented(&kill), None);
    }
}
