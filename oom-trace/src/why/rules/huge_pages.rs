//! Huge pages, which are taken from all other use when they are reserved (`vm.nr_hugepages`).

use super::super::facts::{is_share, short_machine};
use crate::incident::model::{HugePages, OomKill, System};
use crate::units::Size;

/// A machine misses so much.
const NOTABLE_PERCENT: u64 = 5;

/// So many of them, in bytes.
fn bytes(system: &System, of: fn(&HugePages) -> u64) -> u64 {
    let pools = system.huge_pages.iter().flatten();
    pools.map(|pool| pool.size_bytes.saturating_mul(of(pool))).fold(0, u64::saturating_add)
}

/// What they take.
pub(super) fn reserved(system: &System) -> u64 {
    bytes(system, |pool| pool.total)
}

/// What nobody uses of them.
pub(super) fn unused(kill: &OomKill) -> Option<String> {
    let system = short_machine(kill)?;
    let (reserved, free) = (reserved(system), bytes(system, |pool| pool.free));
    is_share(free, system.total_bytes?, NOTABLE_PERCENT).then(|| {
        format!(
            "reserve fewer huge pages (vm.nr_hugepages, or hugepages= at boot): they take {} of memory, and {} \
             of that is not used",
            Size(reserved),
            Size(free)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, of_a_service, of_the_machine};
    use super::*;

    #[test]
    fn what_is_reserved_and_not_used_is_named() {
        let with = |free| {
            let mut kill = of_the_machine();
            let pool = |size_bytes, total, free| HugePages {
                node: Some(0),
                size_bytes,
                total,
                free,
                surplus: 0,
            };
            let huge_pages = Some(vec![pool(2 << 20, 16384, free), pool(1 << 30, 0, 0)]);
            let total_bytes = Some(64 * GIB);
            kill.system = Some(System { total_bytes, huge_pages, ..System::default() }.into());
            unused(&kill)
        };
        let told = with(16384).unwrap();
        assert!(
            told.contains("take 32.0 GiB of memory, and 32.0 GiB of that is not used"),
            "{told}"
        );
        assert_eq!(with(100), None);
        assert_eq!(unused(&of_a_service()), None);
    }
}
