//! What user space knows of the kernel, written before load: constants to the verifier.

use oom_trace_common::layout::Layout;
use oom_trace_common::record::Machine;

/// Where the running kernel keeps its members.
#[unsafe(no_mangle)]
pub(super) static LAYOUT: Layout = Layout::EMPTY;

/// What else is known of the machine.
#[unsafe(no_mangle)]
pub(super) static MACHINE: Machine = Machine {
    per_cpu_offset: 0,
    possible_cpus: 0,
    mark_victim_has_task: 0,
    has_snprintf: 0,
    weighs_exactly: 0,
    direct_map: 0,
    page_shift: 0,
    has_nodes: 0,
    has_probes: 0,
    kill_start: 0,
    kill_end: 0,
};
