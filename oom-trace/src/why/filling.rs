//! What fills the cgroup whose limit was hit: `memory.stat`, where it is known.

use super::facts::is_share;
use super::hit::Hit;
use crate::incident::model::Counters;
use crate::units::Size;

/// What is less of it is not what it is full of.
const MUCH_PERCENT: u64 = 30;

/// What memory is charged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Anonymous,
    Shared,
    PageCache,
    Slab,
    PageTables,
    Sockets,
    Other,
}

/// A kind, how it is called, and the counters that are summed for it; those of v1 behind v2's.
const KINDS: &[(Kind, &str, &[&str])] = &[
    (Kind::Anonymous, "anonymous memory", &["anon"]),
    (Kind::Anonymous, "anonymous memory", &["rss"]),
    (Kind::Shared, "shared memory and tmpfs", &["shmem"]),
    (Kind::Slab, "slab", &["slab_reclaimable", "slab_unreclaimable"]),
    (Kind::PageTables, "page tables", &["pagetables"]),
    (Kind::Sockets, "socket buffers", &["sock"]),
    (Kind::Other, "kernel stacks", &["kernel_stack"]),
    (Kind::Other, "per-CPU memory", &["percpu"]),
    (Kind::Other, "vmalloc memory", &["vmalloc"]),
];

/// What is most of it.
pub(super) struct Filling {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) bytes: u64,
    pub(super) used: u64,
}

impl Filling {
    /// `None` if it is not known, or nothing is most of it.
    pub(super) fn new(hit: &Hit<'_>) -> Option<Self> {
        let (stat, used) = (hit.limit.stat.as_ref()?, hit.limit.usage_bytes?);
        let known = KINDS.iter().filter_map(|(kind, name, counters)| {
            let parts = counters.iter().map(|counter| stat.get(*counter).copied());
            Some((*kind, *name, super::facts::sum(parts)?))
        });
        let all = known.chain(page_cache(stat));
        let (kind, name, bytes) = all.max_by_key(|(.., bytes)| *bytes)?;
        is_share(bytes, used, MUCH_PERCENT).then_some(Self { kind, name, bytes, used })
    }

    /// What a sentence about the victim does not say.
    pub(super) fn clause(&self) -> Option<String> {
        (self.kind != Kind::Anonymous)
            .then(|| format!("{} of the cgroup's usage is {}", Size(self.bytes), self.name))
    }
}

/// Files on disks: both counters hold shared memory as well.
fn page_cache(stat: &Counters) -> Option<(Kind, &'static str, u64)> {
    let cache = stat.get("file").or_else(|| stat.get("cache"))?;
    let shared = stat.get("shmem").copied().unwrap_or(0);
    Some((Kind::PageCache, "page cache", cache.saturating_sub(shared)))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{MIB, of_a_service};
    use super::*;

    fn told(counters: &[(&str, u64)]) -> Option<String> {
        let mut kill = of_a_service();
        let stat = counters.iter().map(|(name, mib)| ((*name).to_owned(), mib * MIB)).collect();
        kill.shortage.limit.as_mut().unwrap().stat = Some(stat);
        Filling::new(&Hit::new(&kill).unwrap()).and_then(|filling| filling.clause())
    }

    #[test]
    fn the_largest_part_is_told() {
        assert_eq!(told(&[("anon", 500), ("file", 10)]), None);
        let slab = [("anon", 20), ("slab_reclaimable", 400), ("slab_unreclaimable", 50)];
        assert_eq!(told(&slab).unwrap(), "450.0 MiB of the cgroup's usage is slab");
        // tmpfs is counted among files, too.
        let tmpfs = [("anon", 20), ("file", 410), ("shmem", 400)];
        assert_eq!(
            told(&tmpfs).unwrap(),
            "400.0 MiB of the cgroup's usage is shared memory and tmpfs"
        );
        assert_eq!(
            told(&[("rss", 20), ("cache", 410)]).unwrap(),
            "410.0 MiB of the cgroup's usage is page cache"
        );
        assert_eq!(told(&[("anon", 20), ("sock", 30)]), None);
    }
}
