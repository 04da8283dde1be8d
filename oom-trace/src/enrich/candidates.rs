//! Who else could have died.

use std::cmp::Reverse;

use super::Enricher;
use crate::incident::model;
use crate::wire::{Candidate, Incident, Role};

impl Enricher {
    /// `None` if the kernel weighed none.
    pub(super) fn candidates(&self, start: &Incident) -> Option<model::Candidates> {
        let weighed = &start.candidates;
        weighed.first()?;
        let of = |role| weighed.iter().filter(move |candidate| candidate.role == role);
        let chosen = start.chosen.as_ref().map(|chosen| chosen.pid);
        let mut top: Vec<_> = of(Role::Top).collect();
        // Of equals the kernel takes the last, which need not have been kept last.
        top.sort_by_key(|candidate| {
            (candidate.badness.map(Reverse), Some(candidate.pid) != chosen)
        });
        let largest = of(Role::Largest).next();
        let is_chosen = |candidate: &Candidate| Some(candidate.pid) == chosen;
        let own = top.iter().find(|candidate| is_chosen(candidate));
        let next = top.iter().find(|candidate| !is_chosen(candidate));
        let margin = own.zip(next).and_then(|(own, next)| own.badness?.checked_sub(next.badness?));
        Some(model::Candidates {
            total: start.weighed,
            top: top.iter().take(self.candidates).map(|it| self.candidate(it)).collect(),
            largest: largest.map(|it| self.candidate(it)),
            margin,
            // Of equals, the kernel might have taken either.
            decided_by_adj: largest.zip(own).map(|(largest, own)| largest.held > own.held),
        })
    }

    fn candidate(&self, candidate: &Candidate) -> model::Candidate {
        model::Candidate {
            pid: candidate.pid,
            tid: candidate.tid,
            comm: candidate.comm.clone(),
            uid: None,
            cgroup: candidate.cgroup.clone(),
            memory: self.memory(candidate.total_vm, candidate.rss, candidate.pgtables_bytes),
            rss_bytes: None,
            oom_score_adj: candidate.oom_score_adj.and_then(|adj| adj.try_into().ok()),
            badness: candidate.badness,
        }
    }
}
