//! What the kernel itself holds.

use super::super::facts::{is_share, short_machine, sum, who};
use super::super::filling::{Filling, Kind};
use super::super::hit::Hit;
use crate::incident::model::OomKill;
use crate::units::Size;

/// Objects take a few percent where all is well.
const OBJECTS_PERCENT: u64 = 25;

/// Page tables take 0.2 percent of what they map, if it is mapped once and whole.
const TABLES_PERCENT: u64 = 10;

/// The greater part.
const HALF_PERCENT: u64 = 50;

/// Less is not worth the trouble.
const NOTABLE_BYTES: u64 = 16 << 20;

pub(super) fn objects(kill: &OomKill) -> Option<String> {
    let system = short_machine(kill)?;
    let (held, total) = (system.slab_unreclaimable_bytes?, system.total_bytes?);
    is_share(held, total, OBJECTS_PERCENT).then(|| {
        format!(
            "use slabtop to see which kernel objects are growing: {} of {} was slab that cannot be reclaimed",
            Size(held),
            Size(total)
        )
    })
}

pub(super) fn page_tables_of_victim(kill: &OomKill) -> Option<String> {
    // What fills the limit, another hint says, and what to do about it.
    let is_of_tables =
        |hit: &Hit<'_>| Filling::new(hit).is_some_and(|it| it.kind == Kind::PageTables);
    if Hit::new(kill).is_some_and(|hit| !hit.with_swap && is_of_tables(&hit)) {
        return None;
    }
    let memory = &kill.victim.memory;
    let tables = memory.pgtables_bytes.filter(|tables| *tables >= NOTABLE_BYTES)?;
    let resident = memory.resident()?;
    is_share(tables, sum([Some(tables), Some(resident)])?, TABLES_PERCENT).then(|| {
        format!(
            "map less memory in {}, or use huge pages: its page tables took {}, its resident memory {}",
            who(&kill.victim),
            Size(tables),
            Size(resident)
        )
    })
}

pub(super) fn page_tables_of_machine(kill: &OomKill) -> Option<String> {
    let system = short_machine(kill)?;
    let (tables, total) = (system.page_tables_bytes?, system.total_bytes?);
    is_share(tables, total, TABLES_PERCENT).then(|| {
        format!(
            "use huge pages for large shared mappings, or run fewer processes that map them: page \
             tables took {} of {}",
            Size(tables),
            Size(total)
        )
    })
}

/// Kernel memory that is charged to the cgroup (v1 counts it apart).
pub(super) fn charged(kill: &OomKill) -> Option<String> {
    // What it is of, the other hint says.
    let is_named =
        |hit: &Hit<'_>| Filling::new(hit).is_some_and(|filling| filling.kind != Kind::Anonymous);
    let hit = Hit::new(kill).filter(|hit| !is_named(hit))?;
    let (kernel, used) = (hit.limit.kmem_usage_bytes?, hit.limit.usage_bytes?);
    is_share(kernel, used, HALF_PERCENT).then(|| {
        format!(
            "look for kernel memory in {} and /proc/slabinfo (open files, sockets, inodes and \
             dentries): it took {} of the {} in use",
            hit.file("memory.kmem.slabinfo"),
            Size(kernel),
            Size(used)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, MIB, held, of_a_service, of_the_machine};
    use super::*;

    #[test]
    fn objects_that_cannot_be_freed_are_named_from_a_quarter_on() {
        let mut kill = of_the_machine();
        kill.system.as_mut().unwrap().slab_unreclaimable_bytes = Some(4 * GIB);
        assert!(
            objects(&kill)
                .unwrap()
                .ends_with("4.0 GiB of 16.0 GiB was slab that cannot be reclaimed")
        );
        kill.system.as_mut().unwrap().slab_unreclaimable_bytes = Some(3 * GIB);
        assert_eq!(objects(&kill), None);
    }

    #[test]
    fn the_victims_page_tables_are_named_if_large() {
        let mut kill = of_a_service();
        held(&mut kill, 180);
        kill.victim.memory.pgtables_bytes = Some(20 * MIB);
        assert!(
            page_tables_of_victim(&kill)
                .unwrap()
                .contains("20.0 MiB, its resident memory 180.0 MiB")
        );
        kill.victim.memory.pgtables_bytes = Some(19 * MIB);
        assert_eq!(page_tables_of_victim(&kill), None);
        held(&mut kill, 15);
        kill.victim.memory.pgtables_bytes = Some(15 * MIB);
        assert_eq!(page_tables_of_victim(&kill), None);
    }

    #[test]
    fn what_fills_the_limit_is_said_once() {
        let mut kill = of_a_service();
        held(&mut kill, 7);
        kill.victim.memory.pgtables_bytes = Some(500 * MIB);
        assert!(page_tables_of_victim(&kill).is_some());
        let stat = [("anon".to_owned(), 7 * MIB), ("pagetables".to_owned(), 500 * MIB)];
        kill.shortage.limit.as_mut().unwrap().stat = Some(stat.into_iter().collect());
        assert_eq!(page_tables_of_victim(&kill), None);
        let hints = super::super::hints(&kill);
        let many = hints.iter().filter(|hint| hint.starts_with("map less memory")).count();
        assert_eq!(many, 1, "{hints:?}");
    }

    #[test]
    fn kernel_memory_may_fill_a_cgroup() {
        let mut kill = of_a_service();
        assert_eq!(charged(&kill), None);
        kill.shortage.limit.as_mut().unwrap().kmem_usage_bytes = Some(500 * MIB);
        assert!(charged(&kill).unwrap().ends_with("it took 500.0 MiB of the 512.0 MiB in use"));
        kill.shortage.limit.as_mut().unwrap().kmem_usage_bytes = Some(200 * MIB);
        assert_eq!(charged(&kill), None);
    }

    #[test]
    fn the_machines_page_tables_are_named_if_large() {
        let mut kill = of_the_machine();
        kill.system.as_mut().unwrap().page_tables_bytes = Some(2 * GIB);
        assert!(page_tables_of_machine(&kill).unwrap().contains("took 2.0 GiB of 16.0 GiB"));
        kill.shortage.scope = None;
        assert_eq!(page_tables_of_machine(&kill), None);
    }
}
