//! The hooks of each way to attach, in the order in which they are attached.
//!
//! Kills go on meanwhile. Each hook comes after those that it needs to have been there before it:
//!
//! 1. what tells that memory is back: an end that is missed leaves its victim waiting for ever;
//! 2. the net: from here on no kill is missed, whatever is not known of it yet;
//! 3. what adds to a victim or a decision: who shares its memory, the group, the limit, the candidates
//!    (a task is weighed only after its shortage began, so that what begins it comes last);
//! 4. the return of `oom_kill_process`, without which an incident has no end;
//! 5. `__oom_kill_process`, by which a mark is a kill, and then the mark;
//! 6. the entry of `oom_kill_process`: an incident starts when all else is there to tell of it;
//! 7. `dump_header`, which outside of an incident means that there is no victim.

/// The list for each form: programs are called by the form, and the return of `oom_kill_process` has one
/// of its own.
macro_rules! hooks {
    ($form:literal, $return:expr) => {
        [
            Hook::EXIT_MMAP,
            Hook::for_exit(concat!("exit_oom_victim_", $form)),
            Hook::FINISH_TASK_REAPING,
            Hook::MARK_VICTIM,
            Hook::SIGNAL_GENERATE,
            Hook::for_group(concat!("print_oom_group_", $form)),
            Hook::for_meminfo(concat!("print_oom_meminfo_", $form)),
            Hook::for_candidates(concat!("oom_evaluate_task_", $form), "oom_evaluate_task"),
            Hook::for_candidates(concat!("out_of_memory_", $form), "out_of_memory"),
            // Before the entry also because of two probes on a function the last one attached runs
            // first (`add_new_kprobe`, kernel/kprobes.c), and reads the stack while the return address
            // on it is still the kernel's own.
            $return,
            Hook::needed(concat!("kill_process_", $form), "__oom_kill_process"),
            Hook::needed(concat!("mark_oom_victim_", $form), "mark_oom_victim"),
            Hook::needed(concat!("oom_kill_process_", $form), "oom_kill_process"),
            Hook::for_panic(concat!("dump_header_", $form)),
        ]
    };
}

pub(super) const KPROBES: [Hook; 14] = hooks!("kprobe", Hook::RETURN);

pub(super) const FENTRIES: [Hook; 14] = hooks!("fentry", Hook::FEXIT);

pub(super) const TRACEPOINT: [Hook; 1] = [Hook::MARK_VICTIM];

/// The kernel's functions that hooks are on, each once.
pub(super) fn functions() -> Vec<&'static str> {
    let mut names = Vec::new();
    for hook in KPROBES.iter().chain(&FENTRIES).filter(|hook| !hook.is_tracepoint()) {
        if !names.contains(&hook.target) {
            names.push(hook.target);
        }
    }
    names
}

/// What the records are without a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// There are none.
    None,
    /// These keys are `null`, or there is no record of these types.
    Lacking(&'static [&'static str]),
    /// Less exact.
    Approximate,
}

/// A program and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// Its name in the eBPF object.
    pub program: &'static str,
    /// The kernel's function, or the name of a raw tracepoint.
    pub target: &'static str,
    /// What the records are without it.
    pub without: Without,
    /// The program that does the same in another way, for where this one is not to be had.
    pub instead: Option<&'static str>,
}

impl Hook {
    /// The net beneath the probes.
    pub const MARK_VICTIM: Self = Self::needed("mark_victim_raw", "mark_victim");

    const SIGNAL_GENERATE: Self = Self {
        program: "signal_generate_raw",
        target: "signal_generate",
        without: Without::Lacking(&["victim.shares_mm"]),
        instead: None,
    };

    /// Only an fexit program has the argument at the return, when the memory is back.
    const EXIT_MMAP: Self = Self {
        without: Without::Lacking(&["oom_exit"]),
        ..Self::needed("exit_mmap_fexit", "exit_mmap")
    };

    /// Without it the end of the process tells.
    const FINISH_TASK_REAPING: Self = Self {
        without: Without::Approximate,
        ..Self::needed("finish_task_reaping_raw", "finish_task_reaping")
    };

    /// A kretprobe puts an address of its own in the place of the caller's, which then stands in
    /// the kernel's own dump of the stack.
    const RETURN: Self = Self { instead: Some("oom_kill_process_kretprobe"), ..Self::FEXIT };

    const FEXIT: Self = Self::needed("oom_kill_process_fexit", "oom_kill_process");

    const fn needed(program: &'static str, target: &'static str) -> Self {
        Self { program, target, without: Without::None, instead: None }
    }

    const fn for_group(program: &'static str) -> Self {
        let needed = Self::needed(program, "mem_cgroup_print_oom_group");
        Self { without: Without::Lacking(&["group"]), ..needed }
    }

    /// Without it the limit stands as it did at the decision.
    const fn for_meminfo(program: &'static str) -> Self {
        let needed = Self::needed(program, "mem_cgroup_print_oom_meminfo");
        Self { without: Without::Approximate, ..needed }
    }

    const fn for_panic(program: &'static str) -> Self {
        let needed = Self::needed(program, "dump_header");
        Self { without: Without::Lacking(&["oom_panic", "oom_failed"]), ..needed }
    }

    /// Without it some exits are told of late.
    const fn for_exit(program: &'static str) -> Self {
        Self { without: Without::Approximate, ..Self::needed(program, "exit_oom_victim") }
    }

    const fn for_candidates(program: &'static str, target: &'static str) -> Self {
        Self { without: Without::Lacking(&["candidates"]), ..Self::needed(program, target) }
    }

    pub(super) fn is_tracepoint(self) -> bool {
        [Self::MARK_VICTIM, Self::SIGNAL_GENERATE, Self::FINISH_TASK_REAPING].contains(&self)
    }
}
