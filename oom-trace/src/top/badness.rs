//! Who would be killed now: processes in the order in which this kernel would choose them.

use std::cmp::Reverse;

use super::sample::{Cgroup, Sample, Task, parent};
use crate::incident::model::{OOM_SCORE_ADJ_MIN, System};
use crate::text::KernelText;

/// The first process is never killed (`is_global_init`).
const INIT: u32 = 1;

/// What would run out of memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Domain {
    /// The whole machine.
    #[default]
    Machine,
    /// A cgroup, by its own limit.
    Cgroup(KernelText),
    /// A cgroup that is there no more: nothing can run out.
    Gone(KernelText),
}

/// Processes of a domain, in the order in which they would be killed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Victims {
    pub(super) domain: Domain,
    /// Bytes that badness is weighed against: memory, and the swap that may be used on top of it.
    pub(super) total: Option<u64>,
    /// The first dies first.
    pub(super) ranked: Vec<Victim>,
    /// Those that may not be killed, and what they hold.
    pub(super) exempt: usize,
    pub(super) exempt_bytes: u64,
    /// The cgroup all of which dies with the first.
    pub(super) group: Option<KernelText>,
}

/// One that could be killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Victim {
    pub(super) task: Task,
    /// What it holds: resident, in swap, page tables.
    pub(super) held: u64,
    /// What its `oom_score_adj` adds to that, in bytes.
    pub(super) given: i64,
    /// Its place if nobody had an `oom_score_adj`, from 1 on.
    pub(super) rank_without: usize,
}

impl Victim {
    /// As `oom_badness` (mm/oom_kill.c) weighs it, in bytes.
    pub(super) fn badness(&self) -> i64 {
        i64::try_from(self.held).unwrap_or(i64::MAX).saturating_add(self.given)
    }
}

/// What runs out where a cgroup does: the closest limit, of its own or above it.
pub(super) fn domain(sample: &Sample, chosen: &KernelText) -> Domain {
    let limited = |path: &[u8]| {
        let mut all = sample.cgroups.iter();
        all.any(|it| it.path.as_bytes() == path && it.max.is_some())
    };
    if !sample.cgroups.iter().any(|it| it.path == *chosen) {
        return Domain::Gone(chosen.clone());
    }
    let mut at = Some(chosen.as_bytes());
    while let Some(path) = at {
        if limited(path) {
            return Domain::Cgroup(path.into());
        }
        at = parent(path);
    }
    Domain::Machine
}

/// Who would be killed there.
pub(super) fn victims(sample: &Sample, domain: Domain, page: u64) -> Victims {
    let total = match &domain {
        Domain::Machine => whole(&sample.machine.system),
        Domain::Gone(_) => None,
        Domain::Cgroup(path) => {
            let cgroup = sample.cgroups.iter().find(|it| it.path == *path);
            cgroup.and_then(|it| limit(it, &sample.machine.system))
        }
    };
    let page = page.max(1);
    // In whole pages, and thousandths of them that are whole, as the kernel counts.
    let share = total.map_or(0, |total| i64::try_from(total / page / 1000).unwrap_or(i64::MAX));
    let share = share.saturating_mul(i64::try_from(page).unwrap_or(i64::MAX));
    let inside = sample.tasks.iter().filter(|task| match &domain {
        Domain::Machine => true,
        Domain::Gone(_) => false,
        Domain::Cgroup(path) => task.cgroup.is_within(path.as_bytes()),
    });
    let (mut exempt, mut exempt_bytes) = (0, 0_u64);
    let mut ranked = Vec::new();
    for task in inside {
        let held = task.rss.saturating_add(task.swap).saturating_add(task.pgtables);
        let is_init = task.pid == INIT && sample.machine.is_first_pid_namespace;
        if task.oom_score_adj == OOM_SCORE_ADJ_MIN || is_init {
            exempt += 1;
            exempt_bytes = exempt_bytes.saturating_add(held);
            continue;
        }
        let given = i64::from(task.oom_score_adj).saturating_mul(share);
        ranked.push(Victim { task: task.clone(), held, given, rank_without: 0 });
    }
    ranked.sort_by_key(|it| (Reverse(it.held), it.task.pid));
    for (rank, victim) in (1..).zip(&mut ranked) {
        victim.rank_without = rank;
    }
    ranked.sort_by_key(|it| (Reverse(it.badness()), it.task.pid));
    let group = ranked.first().and_then(|first| group(sample, &domain, &first.task.cgroup));
    Victims { domain, total, ranked, exempt, exempt_bytes, group }
}

/// What the machine has, with swap.
fn whole(system: &System) -> Option<u64> {
    Some(system.total_bytes?.saturating_add(system.swap_total_bytes.unwrap_or(0)))
}

/// `mem_cgroup_get_max` (mm/memcontrol.c).
fn limit(cgroup: &Cgroup, system: &System) -> Option<u64> {
    let swap = system.swap_total_bytes.filter(|_| cgroup.swaps != Some(false)).unwrap_or(0);
    Some(cgroup.max?.saturating_add(swap.min(cgroup.swap_max.unwrap_or(u64::MAX))))
}

/// `mem_cgroup_get_oom_group` (mm/memcontrol.c): the highest that dies whole, from the victim's own up to
/// the one that ran out. Never the root.
fn group(sample: &Sample, domain: &Domain, victim: &KernelText) -> Option<KernelText> {
    let top = match domain {
        Domain::Machine => KernelText::from(b"/"),
        Domain::Cgroup(path) | Domain::Gone(path) => path.clone(),
    };
    let whole = sample.cgroups.iter().filter(|it| {
        it.dies_whole && it.path.as_bytes() != b"/" && it.path.is_within(top.as_bytes())
    });
    let above = whole.filter(|it| victim.is_within(it.path.as_bytes()));
    above.min_by_key(|it| it.path.as_bytes().len()).map(|it| it.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::sample::Machine;

    const GIB: u64 = 1 << 30;
    const PAGE: u64 = 4096;

    fn task(pid: u32, rss: u64, adj: i16, cgroup: &str) -> Task {
        let comm = KernelText::from(format!("t{pid}"));
        Task { pid, comm, rss, oom_score_adj: adj, cgroup: cgroup.into(), ..Task::default() }
    }

    fn cgroup(path: &str, max: Option<u64>) -> Cgroup {
        Cgroup { path: path.into(), max, ..Cgroup::default() }
    }

    fn sample(tasks: Vec<Task>, cgroups: Vec<Cgroup>) -> Sample {
        let system = System {
            total_bytes: Some(16 * GIB),
            swap_total_bytes: Some(2 * GIB),
            ..System::default()
        };
        let machine = Machine { system, is_first_pid_namespace: true, ..Machine::default() };
        Sample { machine, tasks, cgroups, ..Sample::default() }
    }

    fn ranks(victims: &Victims) -> Vec<(u32, usize)> {
        victims.ranked.iter().map(|it| (it.task.pid, it.rank_without)).collect()
    }

    #[test]
    fn the_machine_kills_by_size_and_adj_and_spares_who_may_not_be_killed() {
        let tasks = vec![
            task(1, 9 * GIB, 0, "/init.scope"),
            task(10, 5 * GIB, -500, "/a"),
            task(11, GIB, 0, "/a"),
            task(12, GIB / 2, 100, "/b"),
            task(13, 8 * GIB, -1000, "/c"),
        ];
        let victims = victims(&sample(tasks, Vec::new()), Domain::Machine, PAGE);
        // A tenth of 18 GiB for one, half of it off another.
        assert_eq!(ranks(&victims), [(12, 3), (11, 2), (10, 1)]);
        assert_eq!((victims.total, victims.exempt), (Some(18 * GIB), 2));
        assert_eq!(victims.exempt_bytes, 17 * GIB);
        let pages = i64::try_from(18 * GIB / PAGE).unwrap() / 1000;
        assert_eq!(victims.ranked[0].given, pages * 100 * 4096);
        assert!(victims.ranked[2].badness() < 0);
    }

    #[test]
    fn the_first_process_of_a_container_dies_like_any_other() {
        let mut sample = sample(vec![task(1, GIB, 0, "/")], vec![cgroup("/", Some(2 * GIB))]);
        let domain = || Domain::Cgroup("/".into());
        assert_eq!(victims(&sample, domain(), PAGE).exempt, 1);
        sample.machine.is_first_pid_namespace = false;
        assert_eq!(ranks(&victims(&sample, domain(), PAGE)), [(1, 1)]);
    }

    #[test]
    fn a_cgroup_kills_its_own_by_its_own_limit() {
        let tasks = vec![
            task(10, 50 << 20, 0, "/a/x"),
            task(11, 40 << 20, 200, "/a"),
            task(12, 9 * GIB, 0, "/ab"),
        ];
        let cgroups = vec![
            Cgroup { swap_max: Some(0), ..cgroup("/a", Some(100 << 20)) },
            cgroup("/a/x", None),
            cgroup("/b", None),
            cgroup("/", None),
        ];
        let sample = sample(tasks, cgroups);
        let place = domain(&sample, &"/a/x".into());
        assert_eq!(place, Domain::Cgroup("/a".into()));
        let found = victims(&sample, place, PAGE);
        assert_eq!(ranks(&found), [(11, 2), (10, 1)]);
        assert_eq!(found.total, Some(100 << 20));
        assert_eq!(domain(&sample, &"/b".into()), Domain::Machine);
        assert_eq!(domain(&sample, &"/a/gone".into()), Domain::Gone("/a/gone".into()));
    }

    #[test]
    fn swap_counts_as_far_as_the_cgroup_may_use_it() {
        let total = |swap_max, swaps| {
            let one = Cgroup { swap_max, swaps, ..cgroup("/a", Some(GIB)) };
            let domain = Domain::Cgroup("/a".into());
            victims(&sample(Vec::new(), vec![one]), domain, PAGE).total
        };
        assert_eq!(total(None, None), Some(3 * GIB));
        assert_eq!(total(Some(GIB), Some(true)), Some(2 * GIB));
        assert_eq!(total(None, Some(false)), Some(GIB));
    }

    #[test]
    fn a_group_dies_whole_within_what_ran_out() {
        let whole = |path| Cgroup { dies_whole: true, ..cgroup(path, Some(GIB)) };
        let cgroups = vec![whole("/"), whole("/a"), whole("/a/b"), cgroup("/a/b/c", Some(GIB))];
        let sample = sample(vec![task(10, GIB, 0, "/a/b/c")], cgroups);
        let group = |path: &str| {
            let domain = match path {
                "" => Domain::Machine,
                path => Domain::Cgroup(path.into()),
            };
            victims(&sample, domain, PAGE).group
        };
        assert_eq!(group(""), Some("/a".into()));
        assert_eq!(group("/a/b"), Some("/a/b".into()));
        assert_eq!(group("/a/b/c"), None);
    }
}
