//! Who died with it.

use super::super::advice::advice;
use super::super::facts::{all, is_share, machine_bytes, name, stands_out, task, weighed, who};
use super::super::hit::Hit;
use super::choice::{shielded, unkillable};
use crate::incident::model::OomKill;
use crate::quote::Quoted;
use crate::units::Size;

/// More names would not be read.
const NAMES: usize = 3;

/// Who holds less than this of what ran out, all together, did not bring it about.
const CROWD_PERCENT: u64 = 25;

/// Many processes of one name that together hold more than the victim.
pub(super) fn crowd(kill: &OomKill) -> Option<String> {
    let census = kill.census.as_ref()?;
    let own = weighed(&kill.victim.memory)?;
    let (comm, count, held) = census.crowd(own)?;
    let ran_out = Hit::new(kill).map_or_else(|| machine_bytes(kill), |hit| hit.max());
    let whole = ran_out.or_else(|| all(kill)?.held())?;
    is_share(held, whole, CROWD_PERCENT).then_some(())?;
    let sum = &census.by_name.first()?.sum;
    if let Some(largest) = sum.largest_bytes.filter(|it| stands_out(*it, count, held)) {
        // What other hints say of the victim, or of the one that was spared, is not said again.
        let is_victim = sum.largest_pid == kill.victim.pid || own >= largest;
        let is_told = is_victim || unkillable(kill).or_else(|| shielded(kill)).is_some();
        let victim = match kill.victim.comm.as_ref() == Some(comm) {
            true => "the victim".to_owned(),
            false => who(&kill.victim),
        };
        return (!is_told).then_some(format!(
            "limit {}, or find out why it grew: it held {} of the {} that {count} processes of its \
             name held, {victim} only {}",
            task(comm, sum.largest_pid?),
            Size(largest),
            Size(held),
            Size(own)
        ));
    }
    let name = name(Some(comm), "");
    if kill.victim.comm.as_ref() != Some(comm) {
        let who = who(&kill.victim);
        return Some(format!(
            "run fewer {name} processes, or limit them as a group: {count} of them held {} in total, \
             {who} only {}",
            Size(held),
            Size(own)
        ));
    }
    // Of some programs it is known what says how many there are.
    advice(kill).is_none().then(|| {
        format!(
            "run fewer {name} processes: {count} of them held {} in total, {} each on average",
            Size(held),
            Size(held.checked_div(count).unwrap_or(held))
        )
    })
}

pub(super) fn group(kill: &OomKill) -> Option<String> {
    let path = kill.group.as_ref().filter(|_| kill.victim_count > 1)?;
    let by = match kill.victim.pod {
        Some(_) => "kubelet's singleProcessOOMKill",
        None => "OOMPolicy=continue in systemd",
    };
    Some(format!(
        "unset memory.oom.group of {} ({by}) to lose one process instead of {}",
        Quoted::from(path),
        kill.victim_count
    ))
}

pub(super) fn sharers(kill: &OomKill) -> Option<String> {
    let sharers = kill.victim.shares_mm.as_deref().filter(|sharers| !sharers.is_empty())?;
    let mut names: Vec<_> = sharers
        .iter()
        .take(NAMES)
        .map(|sharer| match &sharer.comm {
            Some(comm) => task(comm, sharer.pid),
            None => format!("pid {}", sharer.pid),
        })
        .collect();
    match sharers.len().saturating_sub(NAMES) {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    let (own, they) = if sharers.len() == 1 { ("its own", "it") } else { ("their own", "they") };
    Some(format!(
        "give {} memory of {own} (no CLONE_VM, no vfork) if {they} should survive {}",
        names.join(", "),
        who(&kill.victim)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::of_a_service;
    use super::*;
    use crate::incident::model::Sharer;

    #[test]
    fn many_of_one_name_are_told_of_as_one() {
        use super::super::super::testdata::candidate;
        use crate::incident::model::{Candidate, Census};
        let mut kill = of_a_service();
        assert_eq!(crowd(&kill), None);
        let worker = |pid| Candidate { comm: Some("worker".into()), ..candidate(pid, 20) };
        let mut all: Vec<_> = (100..140).map(worker).collect();
        all.push(candidate(7, 492));
        kill.census = Census::of(&all).map(Into::into);
        assert_eq!(
            crowd(&kill).unwrap(),
            "run fewer worker processes, or limit them as a group: 40 of them held 800.0 MiB in \
             total, python3 only 492.0 MiB"
        );
        kill.victim.comm = Some("worker".into());
        kill.victim.memory.anon_rss_bytes = Some(20 << 20);
        assert!(
            crowd(&kill).unwrap().ends_with("held 800.0 MiB in total, 20.0 MiB each on average")
        );
        kill.census = Census::of(&all[37..]).map(Into::into);
        assert_eq!(crowd(&kill), None);
        // Of few that are small and a large one, the large one is meant.
        let mut all: Vec<_> = (100..104).map(worker).collect();
        all.push(Candidate { comm: Some("worker".into()), ..candidate(9, 300) });
        kill.census = Census::of(&all).map(Into::into);
        assert_eq!(
            crowd(&kill).unwrap(),
            "limit worker (pid 9), or find out why it grew: it held 300.0 MiB of the 380.0 MiB that \
             5 processes of its name held, the victim only 20.0 MiB"
        );
        kill.victim.memory.anon_rss_bytes = Some(300 << 20);
        assert_eq!(crowd(&kill), None);
    }

    #[test]
    fn a_group_dies_as_a_whole_because_it_is_told_to() {
        let mut kill = of_a_service();
        kill.group = Some("/system.slice/app.service".into());
        assert_eq!(group(&kill), None);
        kill.victim_count = 4;
        assert!(group(&kill).unwrap().ends_with("to lose one process instead of 4"));
        kill.group = None;
        assert_eq!(group(&kill), None);
    }

    #[test]
    fn those_that_share_its_memory_are_named() {
        let mut kill = of_a_service();
        kill.victim.shares_mm = Some(Vec::new());
        assert_eq!(sharers(&kill), None);
        let sharer = |pid| Sharer { pid, comm: (pid != 3).then(|| "helper".into()) };
        kill.victim.shares_mm = Some((1..=5).map(sharer).collect());
        let named = "give helper (pid 1), helper (pid 2), pid 3, 2 more memory of their own";
        assert!(sharers(&kill).unwrap().starts_with(named));
    }
}
