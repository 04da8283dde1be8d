//! Who else could have died.

use std::cmp::Reverse;

use super::shortage::Fields;
use super::{Enricher, text};
use crate::incident::model;
use crate::incident::record::{Candidate, candidate_field as field, role, rss};
use crate::text::KernelText;

impl Enricher {
    /// `None` if the kernel weighed none.
    pub(super) fn candidates(
        &self,
        weighed: &[(Candidate, Option<KernelText>)],
        start: Option<Fields<'_>>,
    ) -> Option<model::Candidates> {
        let (first, _) = weighed.first()?;
        let of = |role| weighed.iter().filter(move |(candidate, _)| candidate.role == role);
        let chosen = start.and_then(Fields::chosen_pid);
        let mut top: Vec<_> = of(role::TOP).collect();
        // Of equals the kernel takes the last, which need not have been kept last.
        top.sort_by_key(|(candidate, _)| {
            (Reverse(candidate.badness), Some(candidate.pid) != chosen)
        });
        let largest = of(role::LARGEST).next();
        let is_chosen = |pid| Some(pid) == chosen;
        let own = top.iter().find(|(candidate, _)| is_chosen(candidate.pid));
        let next = top.iter().find(|(candidate, _)| !is_chosen(candidate.pid));
        let margin =
            own.zip(next).and_then(|((own, _), (next, _))| own.badness.checked_sub(next.badness));
        Some(model::Candidates {
            total: first.total,
            top: top.iter().take(self.candidates).map(|it| self.candidate(it)).collect(),
            largest: largest.map(|it| self.candidate(it)),
            margin,
            decided_by_adj: largest
                .zip(own)
                // Of equals, the kernel might have taken either.
                .map(|((largest, _), (own, _))| largest.held > own.held),
        })
    }

    fn candidate(&self, (candidate, cgroup): &(Candidate, Option<KernelText>)) -> model::Candidate {
        let has = |bit| candidate.header.present & bit != 0;
        let pages = |pages: u64| pages.saturating_mul(self.page_size);
        let counter = |place: usize| {
            let count = candidate.rss.get(place).filter(|_| has(field::RSS << place))?;
            Some(pages(u64::try_from(*count).unwrap_or(0)))
        };
        model::Candidate {
            pid: candidate.pid,
            tid: candidate.tid,
            comm: has(field::COMM).then(|| text(&candidate.comm)),
            cgroup: cgroup.clone(),
            memory: model::Memory {
                total_vm_bytes: has(field::TOTAL_VM).then(|| pages(candidate.total_vm)),
                anon_rss_bytes: counter(rss::ANON),
                file_rss_bytes: counter(rss::FILE),
                shmem_rss_bytes: counter(rss::SHMEM),
                swap_bytes: counter(rss::SWAP),
                pgtables_bytes: has(field::PGTABLES_BYTES).then_some(candidate.pgtables_bytes),
            },
            rss_bytes: None,
            oom_score_adj: Some(candidate.oom_score_adj)
                .filter(|_| has(field::OOM_SCORE_ADJ))
                .and_then(|adj| adj.try_into().ok()),
            badness: has(field::BADNESS).then_some(candidate.badness),
        }
    }
}
