//! All tasks that were weighed, summed.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Candidate, Memory, OOM_SCORE_ADJ_MIN};
use crate::text::KernelText;

/// Groups that are told of by themselves; the others are summed.
const GROUPS: usize = 16;

/// Fewer are no crowd.
const CROWD: u64 = 4;

/// All tasks that were weighed, one for each process that has memory, grouped by name and by cgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Census {
    /// All of them.
    pub total: Sum,
    /// Those of one name, the groups that hold the most first: sixteen at the most.
    pub by_name: Vec<NameGroup>,
    /// Those of all other names.
    pub other_names: Option<Sum>,
    /// Those of one memory cgroup; `None` unless it is known of each.
    pub by_cgroup: Option<Vec<CgroupGroup>>,
    /// Those of all other cgroups.
    pub other_cgroups: Option<Sum>,
}

/// Processes of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameGroup {
    /// `task_struct.comm`; `None` are those whose name is not known.
    pub comm: Option<KernelText>,
    /// What they are together.
    #[serde(flatten)]
    pub sum: Sum,
}

/// Processes of one memory cgroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CgroupGroup {
    /// Its path.
    pub cgroup: KernelText,
    /// What they are together.
    #[serde(flatten)]
    pub sum: Sum,
}

/// What processes are together. Memory that they share is counted in each of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// How many there are.
    pub processes: u64,
    /// How many of them the kernel may not kill: `oom_score_adj` -1000.
    pub unkillable: u64,
    /// What is resident.
    pub rss_bytes: Option<u64>,
    /// Each part of their memory that is known of all.
    pub memory: Memory,
    /// The process that holds the most of memory and swap.
    pub largest_pid: Option<u32>,
    /// What that one holds.
    pub largest_bytes: Option<u64>,
    /// The least `oom_score_adj` among them.
    pub min_oom_score_adj: Option<i16>,
    /// The greatest.
    pub max_oom_score_adj: Option<i16>,
}

impl Census {
    /// Of all tasks that were weighed; `None` without any.
    #[must_use]
    pub fn of(tasks: &[Candidate]) -> Option<Self> {
        let total = tasks.iter().map(Sum::from).reduce(Sum::plus)?;
        let (names, other_names) = grouped(tasks, |task| Some(task.comm.as_ref()));
        let (cgroups, other_cgroups) = grouped(tasks, |task| task.cgroup.as_ref());
        let knows_cgroups = tasks.iter().all(|task| task.cgroup.is_some());
        Some(Self {
            total,
            by_name: names
                .into_iter()
                .map(|(comm, sum)| NameGroup { comm: comm.cloned(), sum })
                .collect(),
            other_names,
            by_cgroup: knows_cgroups.then(|| {
                let group =
                    |(cgroup, sum): (&KernelText, _)| CgroupGroup { cgroup: cgroup.clone(), sum };
                cgroups.into_iter().map(group).collect()
            }),
            other_cgroups: other_cgroups.filter(|_| knows_cgroups),
        })
    }
}

impl Census {
    /// Many processes of one name that together hold more than `bytes`: their name, how many they are, and
    /// what they hold of memory and swap.
    #[must_use]
    pub fn crowd(&self, bytes: u64) -> Option<(&KernelText, u64, u64)> {
        let NameGroup { comm, sum } = self.by_name.first()?;
        let held = sum.held().filter(|held| sum.processes >= CROWD && *held > bytes)?;
        Some((comm.as_ref()?, sum.processes, held))
    }
}

/// The groups that hold the most, and the others as one. What has no key is in none.
fn grouped<'a, K: std::hash::Hash + Eq + Copy>(
    tasks: &'a [Candidate],
    key: impl Fn(&'a Candidate) -> Option<K>,
) -> (Vec<(K, Sum)>, Option<Sum>) {
    let mut places = HashMap::new();
    let mut groups: Vec<(K, Sum)> = Vec::new();
    for task in tasks {
        let Some(key) = key(task) else { continue };
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, sum)) => *sum = sum.clone().plus(Sum::from(task)),
            None => groups.push((key, Sum::from(task))),
        }
    }
    // Those that hold the same stay as they came.
    groups.sort_by_key(|(_, sum)| Reverse(sum.held()));
    let rest = groups.split_off(groups.len().min(GROUPS));
    (groups, rest.into_iter().map(|(_, sum)| sum).reduce(Sum::plus))
}

impl From<&Candidate> for Sum {
    fn from(task: &Candidate) -> Self {
        let held = task.held();
        Self {
            processes: 1,
            unkillable: u64::from(task.oom_score_adj == Some(OOM_SCORE_ADJ_MIN)),
            rss_bytes: task.rss(),
            memory: task.memory,
            largest_pid: held.map(|_| task.pid),
            largest_bytes: held,
            min_oom_score_adj: task.oom_score_adj,
            max_oom_score_adj: task.oom_score_adj,
        }
    }
}

impl Sum {
    /// Memory and swap of all of them.
    #[must_use]
    pub fn held(&self) -> Option<u64> {
        self.rss_bytes?.checked_add(self.memory.swap_bytes.unwrap_or(0))
    }

    /// With these others.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let bytes = |one: Option<u64>, other: Option<u64>| one?.checked_add(other?);
        let (mine, others) = (self.memory, other.memory);
        // Of equals the first.
        let largest = if other.largest_bytes > self.largest_bytes {
            (other.largest_pid, other.largest_bytes)
        } else {
            (self.largest_pid, self.largest_bytes)
        };
        Self {
            processes: self.processes + other.processes,
            unkillable: self.unkillable + other.unkillable,
            rss_bytes: bytes(self.rss_bytes, other.rss_bytes),
            memory: Memory {
                total_vm_bytes: bytes(mine.total_vm_bytes, others.total_vm_bytes),
                anon_rss_bytes: bytes(mine.anon_rss_bytes, others.anon_rss_bytes),
                file_rss_bytes: bytes(mine.file_rss_bytes, others.file_rss_bytes),
                shmem_rss_bytes: bytes(mine.shmem_rss_bytes, others.shmem_rss_bytes),
                swap_bytes: bytes(mine.swap_bytes, others.swap_bytes),
                pgtables_bytes: bytes(mine.pgtables_bytes, others.pgtables_bytes),
            },
            largest_pid: largest.0,
            largest_bytes: largest.1,
            min_oom_score_adj: [self.min_oom_score_adj, other.min_oom_score_adj]
                .into_iter()
                .flatten()
                .min(),
            max_oom_score_adj: self.max_oom_score_adj.max(other.max_oom_score_adj),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(pid: u32, comm: &str, rss: u64, adj: i16) -> Candidate {
        Candidate {
            pid,
            tid: pid,
            comm: Some(comm.into()),
            uid: Some(0),
            cgroup: None,
            memory: Memory { swap_bytes: Some(1), pgtables_bytes: Some(4096), ..Memory::default() },
            rss_bytes: Some(rss),
            oom_score_adj: Some(adj),
            badness: None,
        }
    }

    #[test]
    fn forty_workers_are_one_line_and_nothing_is_lost() {
        let mut tasks: Vec<_> = (100..140).map(|pid| task(pid, "php-fpm", 80, 0)).collect();
        tasks.push(task(7, "mysqld", 900, -1000));
        tasks.extend((200..230).map(|pid| task(pid, &format!("sh{pid}"), 1, 5)));
        let census = Census::of(&tasks).unwrap();
        let Census { total, by_name, other_names, by_cgroup, other_cgroups } = &census;
        assert_eq!((total.processes, total.unkillable), (71, 1));
        assert_eq!(total.rss_bytes, Some(40 * 80 + 900 + 30));
        assert_eq!((total.largest_pid, total.largest_bytes), (Some(7), Some(901)));
        assert_eq!((total.min_oom_score_adj, total.max_oom_score_adj), (Some(-1000), Some(5)));
        let first = &by_name[0];
        assert_eq!(first.comm, Some("php-fpm".into()));
        assert_eq!((first.sum.processes, first.sum.rss_bytes), (40, Some(3200)));
        assert_eq!(first.sum.memory.pgtables_bytes, Some(40 * 4096));
        assert_eq!(first.sum.largest_pid, Some(100));
        assert_eq!(by_name.len(), GROUPS);
        let others = other_names.clone().unwrap();
        let told: u64 = by_name.iter().map(|group| group.sum.processes).sum();
        assert_eq!(told + others.processes, total.processes);
        assert_eq!((by_cgroup, other_cgroups), (&None, &None));
        assert_eq!(census.crowd(901), Some((&"php-fpm".into(), 40, 3240)));
        assert_eq!(census.crowd(3240), None);
        let few = Census::of(&tasks[..3]).unwrap();
        assert_eq!(few.crowd(1), None);
    }

    #[test]
    fn cgroups_are_told_of_where_each_is_known_and_a_sum_where_each_part_is() {
        let mut tasks = [task(1, "a", 10, 0), task(2, "b", 20, 0), task(3, "a", 30, 0)];
        for (task, cgroup) in tasks.iter_mut().zip(["/x", "/y", "/x"]) {
            task.cgroup = Some(cgroup.into());
        }
        let census = Census::of(&tasks).unwrap();
        let by_cgroup = census.by_cgroup.unwrap();
        let sums = by_cgroup.iter().map(|group| (group.cgroup.clone(), group.sum.rss_bytes));
        assert_eq!(sums.collect::<Vec<_>>(), [("/x".into(), Some(40)), ("/y".into(), Some(20))]);
        tasks[1].cgroup = None;
        tasks[1].memory.swap_bytes = None;
        let census = Census::of(&tasks).unwrap();
        assert_eq!((&census.by_cgroup, census.total.memory.swap_bytes), (&None, None));
        assert_eq!(census.by_name[0].sum.memory.swap_bytes, Some(2));
        assert_eq!(Census::of(&[]), None);
    }
}
