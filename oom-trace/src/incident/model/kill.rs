//! What is said of a kill as a whole.

use super::{OomKill, OomKillType, Origin, SCHEMA, Shortage, Source, Victim};

/// `out_of_memory` (mm/oom_kill.c), with `vm.oom_kill_allocating_task`.
const ALLOCATING_TASK: &[u8] = b"Out of memory (oom_kill_allocating_task)";

impl OomKill {
    /// Names the record of a kill by the kernel's own line of it, so that the hooks and the kernel's log name
    /// it alike; `None` where that line is not known.
    pub(super) fn line_id(&self, tid: u32, log_us: Option<u64>) -> Option<String> {
        let (boot, us) = self.origin.boot_id.as_deref().zip(log_us)?;
        Some(format!("{}-{us}us-{tid}", boot.get(..8).unwrap_or(boot)))
    }

    /// Of which no more is known than who reported it, and what tells when it was.
    #[must_use]
    pub fn unknown(origin: Origin, source: Source) -> Self {
        Self {
            schema: SCHEMA,
            kind: OomKillType::OomKill,
            incident: String::new(),
            origin,
            source,
            outcome: None,
            victim_index: 1,
            victim_count: 1,
            kill_count: None,
            killed_again: Vec::new(),
            log_us: None,
            backfilled: false,
            message: None,
            shortage: Shortage::default().into(),
            chosen: None,
            victim: Victim::default(),
            group: None,
            candidates: None,
            census: None,
            system: None,
            why: None,
            shrunk: Vec::new(),
        }
    }

    /// Whether `vm.oom_kill_allocating_task` chose the victim: nothing was weighed then.
    #[must_use]
    pub fn is_allocating_task(&self) -> bool {
        self.message.as_ref().is_some_and(|message| message.as_bytes() == ALLOCATING_TASK)
    }
}
