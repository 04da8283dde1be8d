//! What a start costs the kernel.
#![expect(clippy::print_stdout, reason = "what was measured is worth seeing")]

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use aya::programs::{ProgramInfo, loaded_programs};

use crate::cgroup::Cgroup;
use crate::scenario::{Machine, Scenario};
use crate::support::agent::{Agent, oom_trace};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("start_is_cheap_to_verify", start_is_cheap_to_verify)
        .unless(verified_instructions_are_not_told),
    Scenario::new("start_for_many_cpus_is_as_cheap", start_is_cheap_to_verify)
        .on(Machine::ManyCpus)
        .unless(verified_instructions_are_not_told),
    Scenario::new("start_in_a_small_cgroup", start_in_a_small_cgroup),
];

/// The command that runs the agent in a cgroup: its name, and the agent's arguments, follow.
pub(crate) const CONFINED: &str = "confined";

/// The most instructions that the verifier may look at, for all programs of a way to attach. It was 24,943,
/// 25,056 and 7,800 on 6.12 when this was written, and some hundreds more for 1,024 CPUs: what takes more must
/// be worth it, for it is time at each start, and memory. Before 6.8 a global function is verified where it is
/// never called, too: 31,865, 31,981 and 7,924 on 6.1.
const BUDGETS: [(&str, u32, u32); 3] =
    [("kprobe", 28_000, 33_000), ("fentry", 28_000, 33_000), ("tracepoint", 9_000, 9_000)];

/// What the agent's cgroup may hold while the agent starts.
const ROOM: u64 = 24 << 20;

fn verified_instructions_are_not_told() -> Option<String> {
    // `bpf_prog_info.verified_insns`, 5.16 on.
    (crate::watch::release() < (5, 16)).then(|| "this kernel does not tell what it verified".into())
}

fn start_is_cheap_to_verify() {
    let mut over = Vec::new();
    for (attach, lazily, before) in BUDGETS {
        let budget = if crate::watch::release() < (6, 8) { before } else { lazily };
        // The kernel may take a while to free those of the agent before.
        let others: Vec<_> = programs_of_all().map(|program| program.id()).collect();
        let agent = Agent::start(oom_trace(&["--attach", attach]));
        let mut programs: Vec<_> = programs_of_all()
            .filter(|program| !others.contains(&program.id()))
            .filter_map(|program| {
                let name = program.name_as_str()?.to_owned();
                Some((program.verified_instruction_count()?, name))
            })
            .collect();
        let stderr = agent.stop().stderr;
        // A program that is turned down costs nothing, and gives nothing.
        if attach != "tracepoint" {
            assert!(!stderr.contains("degraded"), "{stderr}");
        }
        programs.sort_unstable();
        let total: u32 = programs.iter().map(|(verified, _)| verified).sum();
        println!("{attach}: {total} instructions verified, of {budget}: {programs:?}");
        if total > budget {
            over.push((attach, total));
        }
    }
    assert!(over.is_empty(), "{over:?}");
}

/// What the kernel has; one may be gone between its number and a look at it.
fn programs_of_all() -> impl Iterator<Item = ProgramInfo> {
    loaded_programs().filter_map(Result::ok)
}

/// The verifier's memory is charged to the agent's cgroup (from 6.17 on most of it).
fn start_in_a_small_cgroup() {
    for attach in ["kprobe", "fentry"] {
        let cgroup = Cgroup::limited("small", ROOM);
        let mut command = Command::new("/proc/self/exe");
        command.args([CONFINED, &cgroup.name(), "--attach", attach]);
        let agent = Agent::start(command);
        if let Some(peak) = cgroup.peak() {
            println!("{attach}: {peak} bytes at the most, of {ROOM}");
        }
        agent.stop();
    }
}

/// Moves to a cgroup, and becomes the agent.
pub(crate) fn run_confined(args: &[String]) {
    let (cgroup, args) = args.split_first().unwrap();
    Cgroup::enter(cgroup);
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    panic!("{}", oom_trace(&args).exec());
}
