//! Who else could have died: the table of tasks, weighed as `oom_badness` (mm/oom_kill.c) does.

use std::cmp::Reverse;

use super::dump::Dump;
use super::message::Task;
use crate::incident::model::{Candidate, Candidates, Census, Memory, OOM_SCORE_ADJ_MIN};

/// As many as the agent keeps by default.
const TOP: usize = 10;

/// What tasks are weighed against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) page_size: Option<u64>,
    /// `oom_control.totalpages`.
    pub(super) totalpages: Option<u64>,
    /// Before 4.17 (and in Red Hat's 7) a task with `CAP_SYS_ADMIN`, which the log does not tell of, was
    /// weighed 3% lighter.
    pub(super) has_bonus: bool,
}

/// `None` if the log has no table, or not all of it.
pub(super) fn candidates(dump: &Dump, chosen: Option<u32>, scale: Scale) -> Option<Candidates> {
    let Dump { tasks, has_all_tasks, .. } = dump;
    if tasks.is_empty() || !has_all_tasks {
        return None;
    }
    let weighed: Vec<_> = tasks.iter().map(|task| (task, badness(task, scale))).collect();
    let is_chosen = |task: &Task| Some(task.pid) == chosen;
    let may_die = |task: &Task| task.oom_score_adj != Some(OOM_SCORE_ADJ_MIN);
    let mut top: Vec<_> = weighed.iter().collect();
    // Where badness cannot be told, what a task holds stands in for it. Of equals the kernel takes the
    // last.
    let is_told = weighed.iter().all(|(task, badness)| badness.is_some() || !may_die(task));
    top.sort_by_key(|(task, badness)| {
        let weight = if is_told { *badness } else { held(task).and_then(|it| it.try_into().ok()) };
        (Reverse(may_die(task)), Reverse(weight), !is_chosen(task))
    });
    let largest = tasks.iter().max_by_key(|task| (held(task), is_chosen(task)));
    let own = top.iter().find(|(task, _)| is_chosen(task)).and_then(|(_, badness)| *badness);
    let next = top.iter().find(|(task, _)| !is_chosen(task) && may_die(task));
    let margin = own.zip(next.and_then(|(_, badness)| *badness));
    let largest_killable = tasks.iter().filter_map(held).max();
    let chosen_held = chosen.and_then(|pid| held(tasks.iter().find(|task| task.pid == pid)?));
    Some(Candidates {
        total: tasks.len() as u64,
        top: top
            .into_iter()
            .take(TOP)
            .map(|(task, badness)| candidate(task, *badness, scale))
            .collect(),
        largest: largest.map(|task| candidate(task, badness(task, scale), scale)),
        margin: margin.filter(|_| is_told).and_then(|(own, next)| own.checked_sub(next)),
        // Of equals either would have been chosen.
        decided_by_adj: chosen_held
            .zip(largest_killable)
            .filter(|_| chosen.is_some() && dump.has_names())
            .map(|(own, largest)| own < largest),
    })
}

/// The same tasks, summed.
pub(super) fn census(dump: &Dump, scale: Scale) -> Option<Census> {
    let Dump { tasks, has_all_tasks, .. } = dump;
    let cgroup = dump.only_cgroup();
    let row = |task: &Task| Candidate { cgroup: cgroup.cloned(), ..candidate(task, None, scale) };
    let is_told = *has_all_tasks && dump.has_names();
    let rows: Vec<_> = tasks.iter().filter(|_| is_told).map(row).collect();
    Census::of(&rows)
}

/// Pages in memory, in swap and of page tables, as far as this kernel counts them.
fn held(task: &Task) -> Option<u64> {
    let tables = match (task.table_pages, task.pgtables_bytes) {
        (Some(pages), _) => pages,
        // The kernel's own division is by the page's size, and few have another.
        (None, Some(bytes)) => bytes / 4096,
        (None, None) => 0,
    };
    task.rss_pages?.checked_add(task.swap_pages.unwrap_or(0))?.checked_add(tables)
}

fn badness(task: &Task, scale: Scale) -> Option<i64> {
    let adj = task.oom_score_adj.filter(|adj| *adj != OOM_SCORE_ADJ_MIN)?;
    if scale.has_bonus && task.uid == 0 {
        return None;
    }
    let tables = match (task.table_pages, task.pgtables_bytes) {
        (Some(pages), _) => pages,
        (None, Some(bytes)) => bytes.checked_div(scale.page_size?)?,
        (None, None) => 0,
    };
    let points = task.rss_pages?.checked_add(task.swap_pages.unwrap_or(0))?.checked_add(tables)?;
    let points = i64::try_from(points).ok()?;
    if adj == 0 {
        return Some(points);
    }
    let thousandth = i64::try_from(scale.totalpages? / 1000).ok()?;
    points.checked_add(i64::from(adj).checked_mul(thousandth)?)
}

/// What the table tells of a process's memory.
pub(super) fn memory(task: &Task, page_size: Option<u64>) -> Memory {
    let bytes = |pages: Option<u64>| pages?.checked_mul(page_size?);
    Memory {
        total_vm_bytes: bytes(Some(task.total_vm_pages)),
        anon_rss_bytes: bytes(task.anon_pages),
        file_rss_bytes: bytes(task.file_pages),
        shmem_rss_bytes: bytes(task.shmem_pages),
        swap_bytes: bytes(task.swap_pages),
        pgtables_bytes: task.pgtables_bytes.or_else(|| bytes(task.table_pages)),
    }
}

fn candidate(task: &Task, badness: Option<i64>, Scale { page_size, .. }: Scale) -> Candidate {
    Candidate {
        pid: task.pid,
        tid: task.tid,
        comm: task.comm.clone(),
        uid: Some(task.uid),
        cgroup: None,
        memory: memory(task, page_size),
        rss_bytes: task.rss_pages.and_then(|pages| pages.checked_mul(page_size?)),
        oom_score_adj: task.oom_score_adj,
        badness,
    }
}
