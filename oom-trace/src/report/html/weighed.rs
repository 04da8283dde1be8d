//! Who held how much: the processes that the kernel weighed, and all of them by name and by cgroup.

use std::cmp::Reverse;

use super::super::place::short;
use super::bar::{Part, laid};
use crate::incident::model::{
    Candidate, Candidates, Census, CgroupGroup, NameGroup, OOM_SCORE_ADJ_MIN, Sum,
};
use crate::quote::{Quoted, TaskLabel};
use crate::text::KernelText;
use crate::units::Size;

/// More rows would not be looked at; JSON has all.
const ROWS: usize = 12;

/// Characters of a cgroup's path.
const PATH: usize = 60;

/// A row for each, with a bar.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) title: &'static str,
    /// What a row is of.
    pub(super) of: &'static str,
    pub(super) rows: Vec<Weighed>,
    /// How many have no row.
    pub(super) unshown: u64,
}

/// A process, or several of a kind.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
    pub(super) held: String,
    pub(super) note: String,
    /// Whether the victim is it, or one of them.
    pub(super) is_victim: bool,
}

/// Those with the most badness and the largest, the largest first, and the victim in any case.
pub(super) fn processes(candidates: Option<&Candidates>, victim: Option<u32>) -> Option<Table> {
    let candidates = candidates?;
    let Candidates { total, top, largest, margin: _, decided_by_adj: _ } = candidates;
    let unlisted = largest.iter().filter(|one| top.iter().all(|other| other.pid != one.pid));
    let mut all: Vec<_> = top.iter().chain(unlisted).collect();
    let is_victim = |one: &Candidate| Some(one.pid) == victim;
    all.sort_by_key(|one| (Reverse(one.held()), !is_victim(one)));
    if let Some(at) = all.iter().position(|one| is_victim(one)).filter(|at| *at >= ROWS) {
        let victim = all.remove(at);
        all.insert(ROWS - 1, victim);
    }
    all.truncate(ROWS);
    let most = all.iter().filter_map(|one| one.held()).max().unwrap_or(0);
    let rows: Vec<_> = all.iter().map(|one| weighed(one, is_victim(one), most)).collect();
    let unshown = total.saturating_sub(u64::try_from(rows.len()).unwrap_or(u64::MAX));
    let title = "Processes that the kernel weighed";
    (!rows.is_empty()).then_some(Table { title, of: "process", rows, unshown })
}

fn weighed(one: &Candidate, is_victim: bool, most: u64) -> Weighed {
    let mut note = Vec::new();
    if is_victim {
        note.push("killed".to_owned());
    }
    match one.oom_score_adj {
        Some(OOM_SCORE_ADJ_MIN) => note.push("may not be killed".into()),
        Some(adj) if adj != 0 => note.push(format!("adj {adj}")),
        _ => {}
    }
    Weighed {
        name: TaskLabel { comm: one.comm.as_ref(), pid: Some(one.pid), tid: None }.to_string(),
        parts: parts(one.held(), one.memory.swap_bytes, most),
        held: size(one.held()),
        note: note.join(", "),
        is_victim,
    }
}

/// All, by name; nothing if each has another, for then the processes say as much.
pub(super) fn by_name(census: Option<&Census>, victim: Option<&KernelText>) -> Option<Table> {
    let Census { total, by_name, other_names, by_cgroup: _, other_cgroups: _ } = census?;
    let groups = u64::try_from(by_name.len()).unwrap_or(u64::MAX);
    if other_names.is_none() && groups == total.processes {
        return None;
    }
    let groups = by_name.iter().map(|NameGroup { comm, sum }| {
        let name =
            comm.as_ref().map_or_else(|| "unknown".into(), |it| Quoted::from(it).to_string());
        (name, sum, comm.is_some() && comm.as_ref() == victim)
    });
    table("All of them by name", "name", groups, other_names.as_ref())
}

/// All, by cgroup; nothing if they are of one.
pub(super) fn by_cgroup(census: Option<&Census>, victim: Option<&KernelText>) -> Option<Table> {
    let Census { total: _, by_name: _, other_names: _, by_cgroup, other_cgroups } = census?;
    let groups = by_cgroup.as_ref().filter(|groups| groups.len() > 1)?;
    let groups = groups.iter().map(|CgroupGroup { cgroup, sum }| {
        (short(&cgroup.to_string(), PATH), sum, Some(cgroup) == victim)
    });
    table("All of them by cgroup", "cgroup", groups, other_cgroups.as_ref())
}

/// The first ones, and the others as one.
fn table<'a>(
    title: &'static str,
    of: &'static str,
    groups: impl Iterator<Item = (String, &'a Sum, bool)>,
    others: Option<&Sum>,
) -> Option<Table> {
    let all: Vec<_> = groups.collect();
    let more = all.iter().skip(ROWS).map(|(_, sum, _)| *sum).chain(others);
    let others = more.cloned().reduce(Sum::plus);
    let most = all.iter().filter_map(|(_, sum, _)| sum.held()).max().unwrap_or(0);
    let row = |name: &str, sum: &Sum, is_victim| Weighed {
        name: name.to_owned(),
        parts: parts(sum.held(), sum.memory.swap_bytes, most),
        held: size(sum.held()),
        note: count(sum.processes),
        is_victim,
    };
    let shown = all.iter().take(ROWS).map(|(name, sum, is_victim)| row(name, sum, *is_victim));
    let others = others.iter().map(|sum| row("all others", sum, false));
    let rows: Vec<_> = shown.chain(others).collect();
    (!rows.is_empty()).then_some(Table { title, of, rows, unshown: 0 })
}

fn count(processes: u64) -> String {
    if processes == 1 { "1 process".into() } else { format!("{processes} processes") }
}

fn parts(all: Option<u64>, swap: Option<u64>, most: u64) -> Vec<Part> {
    let swap = swap.unwrap_or(0);
    let resident = all.map_or(0, |all| all.saturating_sub(swap));
    laid([("anon", "resident", resident), ("swap", "in swap", swap)].into_iter(), most)
}

fn size(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| Size(bytes).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(pid: u32, comm: &str, mib: u64) -> Candidate {
        Candidate {
            pid,
            tid: pid,
            comm: Some(comm.into()),
            uid: None,
            cgroup: Some(format!("/{comm}").as_str().into()),
            memory: Default::default(),
            rss_bytes: Some(mib << 20),
            oom_score_adj: Some(if pid == 7 { OOM_SCORE_ADJ_MIN } else { 0 }),
            badness: None,
        }
    }

    #[test]
    fn the_victim_is_shown_and_marked_however_small() {
        let top: Vec<_> = (1..=20).map(|pid| task(pid, "a", 100 - u64::from(pid))).collect();
        let of = Candidates { total: 30, top, largest: None, margin: None, decided_by_adj: None };
        let table = processes(Some(&of), Some(20)).unwrap();
        let last = table.rows.last().unwrap();
        assert_eq!((table.rows.len(), table.unshown), (ROWS, 18));
        assert_eq!((&*last.name, &*last.note, last.is_victim), ("a (pid 20)", "killed", true));
        assert_eq!(table.rows[6].note, "may not be killed");
        assert!(processes(None, None).is_none());
    }

    #[test]
    fn workers_of_one_name_are_a_row_and_what_has_none_is_summed() {
        let mut tasks: Vec<_> = (1..=9).map(|pid| task(pid, "php-fpm", 80)).collect();
        tasks.extend((20..40).map(|pid| task(pid, &format!("sh{pid}"), 1)));
        let census = Census::of(&tasks).unwrap();
        let table = by_name(Some(&census), Some(&"php-fpm".into())).unwrap();
        let (first, last) = (&table.rows[0], &table.rows[ROWS]);
        assert_eq!(
            (&*first.name, &*first.held, &*first.note),
            ("php-fpm", "720.0 MiB", "9 processes")
        );
        assert!(first.is_victim && !last.is_victim);
        assert_eq!((&*last.name, &*last.note), ("all others", "9 processes"));
        assert_eq!(by_cgroup(Some(&census), None).unwrap().rows[0].name, "/php-fpm");
        let alone = Census::of(&[task(1, "a", 1), task(2, "b", 2)]).unwrap();
        assert!(by_name(Some(&alone), None).is_none());
    }
}
