//! What each hook does, one file a kernel function.

pub(crate) mod dump_header;
pub(crate) mod exit_mmap;
pub(crate) mod exit_oom_victim;
pub(crate) mod finish_task_reaping;
pub(crate) mod kill_process;
pub(crate) mod mark_oom_victim;
pub(crate) mod mark_victim;
pub(crate) mod oom_evaluate_task;
pub(crate) mod oom_kill_process;
pub(crate) mod out_of_memory;
pub(crate) mod print_oom_group;
pub(crate) mod print_oom_meminfo;
pub(crate) mod signal_generate;
mod verdict;
