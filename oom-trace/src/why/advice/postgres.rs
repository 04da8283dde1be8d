//! PostgreSQL: shared buffers, and what each backend takes beside them.

use super::super::facts::is_share;
use super::program::Program;
use super::workers::Workers;
use crate::units::Size;

/// So much shared memory is worth a look.
const SHARED_PERCENT: u64 = 40;

const NAMES: &[&str] = &["postgres", "postmaster"];

const QUERY: &str = "lower work_mem or maintenance_work_mem, or find the query responsible";

const BACKENDS: Workers =
    Workers { setting: "work_mem or max_connections (a pooler helps)", least: 3, one: QUERY };

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    let memory = &program.kill.victim.memory;
    if program.is_most() {
        let held = Size(memory.anon_rss_bytes?);
        return Some(format!("{QUERY}: one backend alone held {held} of {}", program.ceiling));
    }
    if let Some(backends) = BACKENDS.advice(program, NAMES) {
        return Some(backends);
    }
    let shared = memory.shmem_rss_bytes?;
    is_share(shared, program.ceiling.bytes, SHARED_PERCENT).then(|| {
        format!(
            "lower shared_buffers: this backend alone had {} of shared memory mapped, and all backends \
             share {}",
            Size(shared),
            program.ceiling
        )
    })
}
