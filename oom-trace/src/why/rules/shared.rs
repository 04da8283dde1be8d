//! Memory that outlives a process: tmpfs, shared memory, and what no process maps.

use super::super::facts::{all, is_share, own, short_machine, sum, who};
use super::super::filling::{Filling, Kind};
use super::super::hit::Hit;
use super::huge_pages;
use super::kernel::charged;
use crate::incident::model::OomKill;
use crate::units::Size;

/// The greater part.
const HALF_PERCENT: u64 = 50;

/// The same where it is not known how much of it processes share.
const MOST_PERCENT: u64 = 75;

/// Desktops and databases live with less.
const MACHINE_PERCENT: u64 = 25;

/// A process that holds less than this did not make the shortage.
const NOTABLE_BYTES: u64 = 16 << 20;

pub(super) fn victim(kill: &OomKill) -> Option<String> {
    let memory = &kill.victim.memory;
    let shared = memory.shmem_rss_bytes.filter(|shared| *shared >= NOTABLE_BYTES)?;
    let resident = memory.resident()?;
    // All of the machine's is more, and looked for in the same places.
    if much_of_machine(kill).is_some() {
        return None;
    }
    is_share(shared, resident, HALF_PERCENT).then(|| {
        format!(
            "look at /dev/shm, other tmpfs mounts and ipcs -m: {} of what {} held is shared memory, \
             which may stay after it",
            Size(shared),
            who(&kill.victim)
        )
    })
}

pub(super) fn machine(kill: &OomKill) -> Option<String> {
    let (shared, total) = much_of_machine(kill)?;
    Some(format!(
        "find out with df -t tmpfs and ipcs -m what fills shared memory: it took {} of {}",
        Size(shared),
        Size(total)
    ))
}

/// Bytes of shared memory and of all, where it takes much of a machine that ran out.
fn much_of_machine(kill: &OomKill) -> Option<(u64, u64)> {
    let system = short_machine(kill)?;
    let (shared, total) = (system.shmem_bytes?, system.total_bytes?);
    is_share(shared, total, MACHINE_PERCENT).then_some((shared, total))
}

/// Files and shared memory may be charged to other cgroups: only the rest of what the processes have
/// fills this one for certain.
pub(super) fn unmapped_limit(kill: &OomKill) -> Option<String> {
    // What the kernel's own is, is told then.
    let hit = Hit::new(kill).filter(|hit| !hit.with_swap && charged(kill).is_none())?;
    if let Some(filling) = Filling::new(&hit) {
        return filled(&hit, &filling);
    }
    let (used, all) = (hit.limit.usage_bytes?, all(kill)?);
    // Before 6.8 the log does not part what is a process's own; all of it is no less.
    let (own, what, much) = match (own(&all), all.rss_bytes) {
        (Some(own), _) => (own, "anonymous memory and page tables were", HALF_PERCENT),
        (None, Some(rss)) => (rss, "what its processes held was", MOST_PERCENT),
        (None, None) => return None,
    };
    let rest = used.saturating_sub(own);
    let pod = if hit.is_kubernetes() { " (an emptyDir of medium Memory is one)" } else { "" };
    is_share(rest, used, much).then(|| {
        format!(
            "look in {} for what else it holds, such as files in tmpfs{pod}, sockets, pipes and other \
             kernel memory: {what} only {} of the {} in use",
            hit.file("memory.stat"),
            Size(own),
            Size(used)
        )
    })
}

/// Where to look for what is known to fill it.
fn filled(hit: &Hit<'_>, filling: &Filling) -> Option<String> {
    let pod = if hit.is_kubernetes() { ", emptyDirs of medium Memory" } else { "" };
    let at = match filling.kind {
        Kind::Anonymous => return None,
        Kind::Shared => format!("look at tmpfs mounts{pod}, /dev/shm and ipcs -m"),
        Kind::PageCache => "look for files that are being written or locked in memory".to_owned(),
        Kind::Slab => {
            "look in /proc/slabinfo for the objects that grow (inodes, dentries, sockets)"
                .to_owned()
        }
        Kind::PageTables => "map less memory, or use huge pages".to_owned(),
        Kind::Sockets => "look at sockets with full queues (ss -m)".to_owned(),
        Kind::Other => format!("look at {}", hit.file("memory.stat")),
    };
    let Filling { name, bytes, used, .. } = filling;
    Some(format!("{at}: {} of the {} in use is {name}", Size(*bytes), Size(*used)))
}

pub(super) fn unmapped_machine(kill: &OomKill) -> Option<String> {
    let system = short_machine(kill)?;
    let used = system.total_bytes?.checked_sub(system.free_bytes?)?;
    let all = all(kill)?;
    let held = sum([all.rss_bytes, Some(all.memory.pgtables_bytes.unwrap_or(0))])?;
    // What is reserved has a hint of its own where nobody uses it, and so has much shared memory.
    let shared = much_of_machine(kill).map_or(0, |(shared, _)| shared);
    let told = huge_pages::reserved(system).saturating_add(shared);
    let rest = used.saturating_sub(held).saturating_sub(told);
    is_share(rest, used, HALF_PERCENT).then(|| {
        format!(
            "look at Shmem, Slab and HugePages_Total in /proc/meminfo, at pipes and socket buffers, and at \
             ZFS's ARC (/proc/spl/kstat/zfs/arcstats): the processes that were weighed held only {} of the {} in use",
            Size(held),
            Size(used)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{
        GIB, MIB, candidate, candidates, in_pod, of_a_service, of_the_machine,
    };
    use super::*;

    #[test]
    fn shared_memory_of_the_victim_is_named_if_it_is_most() {
        let mut kill = of_a_service();
        assert_eq!(victim(&kill), None);
        kill.victim.memory.shmem_rss_bytes = Some(480 * MIB);
        assert_eq!(victim(&kill), None);
        kill.victim.memory.anon_rss_bytes = Some(80 * MIB);
        assert!(victim(&kill).unwrap().contains("480.0 MiB of what python3 held"));
        kill.victim.memory.anon_rss_bytes = Some(0);
        kill.victim.memory.shmem_rss_bytes = Some(15 * MIB);
        assert_eq!(victim(&kill), None);
    }

    #[test]
    fn shared_memory_of_the_machine_is_named_from_a_quarter_on() {
        let mut kill = of_the_machine();
        kill.system.as_mut().unwrap().shmem_bytes = Some(4 * GIB);
        assert!(machine(&kill).unwrap().ends_with("it took 4.0 GiB of 16.0 GiB"));
        kill.system.as_mut().unwrap().shmem_bytes = Some(4 * GIB - 1);
        assert_eq!(machine(&kill), None);
    }

    #[test]
    fn shared_memory_is_told_of_once() {
        let mut kill = of_the_machine();
        kill.victim.memory.anon_rss_bytes = Some(0);
        kill.victim.memory.shmem_rss_bytes = Some(8 * GIB);
        assert!(victim(&kill).is_some());
        kill.system.as_mut().unwrap().shmem_bytes = Some(12 * GIB);
        kill.candidates = Some(candidates(&[candidate(7, 100)]));
        let hints = super::super::hints(&kill);
        let told = hints.iter().filter(|hint| hint.contains("mem")).count();
        assert_eq!(told, 1, "{hints:#?}");
        assert!(hints.concat().contains("it took 12.0 GiB"), "{hints:#?}");
        // What else fills the machine is still looked for.
        kill.system.as_mut().unwrap().shmem_bytes = Some(4 * GIB);
        assert!(unmapped_machine(&kill).is_some());
    }

    #[test]
    fn what_no_process_maps_is_looked_for_elsewhere() {
        let mut kill = of_a_service();
        kill.candidates = Some(candidates(&[candidate(7, 100), candidate(8, 50)]));
        assert_eq!(
            unmapped_limit(&kill).unwrap(),
            "look in memory.stat of /system.slice/app.service for what else it holds, such as files \
             in tmpfs, sockets, pipes and other kernel memory: anonymous memory and page tables were \
             only 150.0 MiB of the 512.0 MiB in use"
        );
        kill.candidates.as_mut().unwrap().total = 3;
        assert_eq!(unmapped_limit(&kill), None);
        kill.candidates = Some(candidates(&[candidate(7, 300)]));
        assert_eq!(unmapped_limit(&kill), None);
        let mut kill = in_pod();
        kill.candidates = Some(candidates(&[candidate(7, 100)]));
        assert!(unmapped_limit(&kill).unwrap().contains("emptyDir"));
    }

    /// Pipes fill it, and the program's own pages belong to whoever started it first.
    #[test]
    fn what_may_be_charged_elsewhere_does_not_count() {
        let mut kill = of_a_service();
        let mut pipes = candidate(7, 40);
        pipes.memory.shmem_rss_bytes = Some(450 * MIB);
        kill.candidates = Some(candidates(&[pipes]));
        assert!(unmapped_limit(&kill).unwrap().contains("only 40.0 MiB of the 512.0 MiB"));
    }

    #[test]
    fn what_fills_the_limit_is_named_where_it_is_known() {
        let mut kill = of_a_service();
        let stat = [("anon", 20), ("shmem", 400), ("file", 410)];
        let stat = stat.map(|(name, mib)| (name.to_owned(), mib * MIB));
        kill.shortage.limit.as_mut().unwrap().stat = Some(stat.into_iter().collect());
        assert_eq!(
            unmapped_limit(&kill).unwrap(),
            "look at tmpfs mounts, /dev/shm and ipcs -m: 400.0 MiB of the 512.0 MiB in use is shared \
             memory and tmpfs"
        );
        let anon = [("anon".to_owned(), 500 * MIB)];
        kill.shortage.limit.as_mut().unwrap().stat = Some(anon.into_iter().collect());
        assert_eq!(unmapped_limit(&kill), None);
    }

    #[test]
    fn so_it_is_on_a_small_machine() {
        let mut kill = of_the_machine();
        kill.candidates = Some(candidates(&[candidate(7, 2048)]));
        assert!(
            unmapped_machine(&kill).unwrap().contains("held only 2.0 GiB of the 15.9 GiB in use")
        );
        kill.candidates = Some(candidates(&[candidate(7, 9 * 1024)]));
        assert_eq!(unmapped_machine(&kill), None);
    }
}
