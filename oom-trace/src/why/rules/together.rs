//! Who died with it.

use super::super::facts::{task, who};
use crate::incident::model::OomKill;
use crate::quote::Quoted;

/// More names would not be read.
const NAMES: usize = 3;

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
