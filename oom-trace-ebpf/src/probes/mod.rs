//! What each hook does, one file a kernel function.

pub(crate) mod kill_process;
pub(crate) mod mark_oom_victim;
pub(crate) mod mark_victim;
pub(crate) mod oom_kill_process;
