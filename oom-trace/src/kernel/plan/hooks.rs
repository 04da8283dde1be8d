//! The hooks of each way to attach.

pub(super) const KPROBES: [Hook; 13] = [
    // Before the entry: of two probes on a function the last one attached runs first
    // (`add_new_kprobe`, kernel/kprobes.c), and reads the stack while the return address on it is
    // still the kernel's own.
    Hook::RETURN,
    Hook::needed("oom_kill_process_kprobe", "oom_kill_process"),
    Hook::needed("kill_process_kprobe", "__oom_kill_process"),
    Hook::needed("mark_oom_victim_kprobe", "mark_oom_victim"),
    Hook::for_group("print_oom_group_kprobe"),
    Hook::for_meminfo("print_oom_meminfo_kprobe"),
    Hook::for_panic("dump_header_kprobe"),
    Hook::for_candidates("out_of_memory_kprobe", "out_of_memory"),
    Hook::for_candidates("oom_evaluate_task_kprobe", "oom_evaluate_task"),
    Hook::EXIT_MMAP,
    Hook::for_exit("exit_oom_victim_kprobe"),
    Hook::FINISH_TASK_REAPING,
    Hook::SIGNAL_GENERATE,
];

pub(super) const FENTRIES: [Hook; 13] = [
    Hook::needed("oom_kill_process_fentry", "oom_kill_process"),
    Hook::needed("oom_kill_process_fexit", "oom_kill_process"),
    Hook::needed("kill_process_fentry", "__oom_kill_process"),
    Hook::needed("mark_oom_victim_fentry", "mark_oom_victim"),
    Hook::for_group("print_oom_group_fentry"),
    Hook::for_meminfo("print_oom_meminfo_fentry"),
    Hook::for_panic("dump_header_fentry"),
    Hook::for_candidates("out_of_memory_fentry", "out_of_memory"),
    Hook::for_candidates("oom_evaluate_task_fentry", "oom_evaluate_task"),
    Hook::EXIT_MMAP,
    Hook::for_exit("exit_oom_victim_fentry"),
    Hook::FINISH_TASK_REAPING,
    Hook::SIGNAL_GENERATE,
];

/// What the records are without a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// There are none.
    None,
    /// This key is `null`, or there is no record of this type.
    Lacking(&'static str),
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
        without: Without::Lacking("victim.shares_mm"),
        instead: None,
    };

    /// Only an fexit program has the argument at the return, when the memory is back.
    const EXIT_MMAP: Self = Self {
        without: Without::Lacking("oom_exit"),
        ..Self::needed("exit_mmap_fexit", "exit_mmap")
    };

    /// Without it the end of the process tells.
    const FINISH_TASK_REAPING: Self = Self {
        without: Without::Approximate,
        ..Self::needed("finish_task_reaping_raw", "finish_task_reaping")
    };

    /// A kretprobe puts an address of its own in the place of the caller's, which then stands in
    /// the kernel's own dump of the stack.
    const RETURN: Self = Self {
        instead: Some("oom_kill_process_kretprobe"),
        ..Self::needed("oom_kill_process_fexit", "oom_kill_process")
    };

    const fn needed(program: &'static str, target: &'static str) -> Self {
        Self { program, target, without: Without::None, instead: None }
    }

    const fn for_group(program: &'static str) -> Self {
        let needed = Self::needed(program, "mem_cgroup_print_oom_group");
        Self { without: Without::Lacking("group"), ..needed }
    }

    /// Without it the limit stands as it did at the decision.
    const fn for_meminfo(program: &'static str) -> Self {
        let needed = Self::needed(program, "mem_cgroup_print_oom_meminfo");
        Self { without: Without::Approximate, ..needed }
    }

    const fn for_panic(program: &'static str) -> Self {
        let needed = Self::needed(program, "dump_header");
        Self { without: Without::Lacking("oom_panic"), ..needed }
    }

    /// Without it some exits are told of late.
    const fn for_exit(program: &'static str) -> Self {
        Self { without: Without::Approximate, ..Self::needed(program, "exit_oom_victim") }
    }

    const fn for_candidates(program: &'static str, target: &'static str) -> Self {
        Self { without: Without::Lacking("candidates"), ..Self::needed(program, target) }
    }

    pub(super) fn is_tracepoint(self) -> bool {
        [Self::MARK_VICTIM, Self::SIGNAL_GENERATE, Self::FINISH_TASK_REAPING].contains(&self)
    }
}
