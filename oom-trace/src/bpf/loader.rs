//! Loads the programs that the plan names and attaches them.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, BufReader};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::Duration;

use aya::maps::{Map, RingBuf};
use aya::programs::{FEntry, FExit, KProbe, Program, RawTracePoint};
use aya::{Btf, Ebpf, EbpfLoader};
use oom_trace_common::record::{Counters, MAX_CPUS, Machine};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zerocopy::IntoBytes as _;

use super::error::BpfError;
use super::ring::Ring;
use super::sys::{Numbers, release_memory};
use super::{btf, direct_map, ksym};
use crate::kernel::facts::{Facts, MarkVictim};
use crate::kernel::kallsyms;
use crate::kernel::plan::{Hook, Missing, Plan, Refused, Rung, Without, plan};

/// `AYA_LOG_LEVEL`: nothing, or everything (`log::LevelFilter`).
#[cfg(feature = "ebpf-log")]
const LOG_OFF: u8 = 0;
#[cfg(feature = "ebpf-log")]
const LOG_ALL: u8 = 5;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/oom-trace-ebpf"));

/// The programs in place. They leave when this is dropped.
#[expect(missing_debug_implementations, reason = "aya's maps have none")]
pub struct Probes {
    /// Holds the links; `None` once detached.
    ebpf: Option<Ebpf>,
    counters: Numbers<COUNTERS>,
    /// What could not be had and is not needed, for people.
    pub notes: Vec<String>,
}

/// From this version on the kernel weighs tasks by exact sums of their counters
/// (`get_mm_counter_sum` in `oom_badness`, mm/oom_kill.c).
const SUMS_ARE_EXACT: (u32, u32) = (7, 0);

/// How long the end waits for the programs to leave.
const DETACH_WITHIN: Duration = Duration::from_secs(1);

const COUNTERS: usize = size_of::<Counters>() / size_of::<u64>();

/// The hooks in place, and how.
#[expect(missing_debug_implementations, reason = "aya's maps have none")]
pub struct Hooked {
    /// Which were taken.
    pub plan: Plan,
    /// The programs.
    pub probes: Probes,
    /// What they write to.
    pub ring: Ring,
}

/// Why no programs are in place.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unhooked {
    /// What ended the attempt.
    pub error: BpfError,
    /// Each way, and why it could not be taken.
    pub refused: Vec<Refused>,
}

/// Takes the best of `rungs` that the kernel lets us take. `debug` asks for notes of what the verifier
/// made of each program.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// No rung can be had, or the last of them was turned down.
pub fn hook(facts: &Facts, rungs: &[Rung], debug: bool) -> Result<Hooked, Unhooked> {
    let mut refused: Vec<Refused> = Vec::new();
    loop {
        let mut plan = match plan(facts, rungs, &refused) {
            Ok(plan) => plan,
            Err(error) => {
                let refused = error.refused(rungs);
                return Err(Unhooked { error: error.into(), refused });
            }
        };
        match attach(facts, &mut plan, debug) {
            Ok((probes, ring)) => {
                release_memory(OBJECT);
                return Ok(Hooked { plan, probes, ring });
            }
            Err(error) => {
                let turned_down = Refused { rung: plan.rung, reason: error.reason() };
                if rungs.last() == Some(&plan.rung) {
                    let mut refused = plan.refused;
                    refused.push(turned_down);
                    return Err(Unhooked { error, refused });
                }
                refused.push(turned_down);
            }
        }
    }
}

/// Loads and attaches. What was attached before an error is detached; what can be done without goes
/// from the plan's hooks to what is missing.
fn attach(facts: &Facts, plan: &mut Plan, debug: bool) -> Result<(Probes, Ring), BpfError> {
    let mut notes = Vec::new();
    let direct_map = direct_map::find().unwrap_or_else(|error| {
        notes.push(format!(
            "victim.argv is null unless the victim is the trigger: the address of the direct map is \
             unknown ({error}): {}",
            why_unknown()
        ));
        0
    });
    let kill = if facts.known.has_snprintf { None } else { kill_code() };
    let (kill_start, kill_end) = kill.unwrap_or_default();
    let machine = Machine {
        per_cpu_offset: per_cpu_offset(facts, &mut notes),
        possible_cpus: facts.possible_cpus,
        mark_victim_has_task: u32::from(facts.known.mark_victim == MarkVictim::Task),
        has_snprintf: u32::from(facts.known.has_snprintf),
        weighs_exactly: u32::from(facts.release.version() >= SUMS_ARE_EXACT),
        direct_map,
        page_shift: rustix::param::page_size().trailing_zeros(),
        has_nodes: u16::from(facts.possible_nodes > 1),
        has_probes: u16::from(plan.rung != Rung::Tracepoint),
        kill_start,
        kill_end,
    };
    #[cfg(feature = "ebpf-log")]
    let level = if debug { LOG_ALL } else { LOG_OFF };
    let mut loader = loader()?;
    #[cfg(feature = "ebpf-log")]
    loader.override_global(aya_log::LEVEL, &level, false);
    let mut ebpf = loader
        .override_global("LAYOUT", facts.known.layout.as_bytes(), true)
        .override_global("MACHINE", machine.as_bytes(), true)
        .load(OBJECT)
        .map_err(|error| BpfError::Object { error: Box::new(error) })?;
    #[cfg(feature = "ebpf-log")]
    if debug {
        super::log::forward(&mut ebpf)?;
    }
    let btf = btf::of_functions(&facts.known);
    let rung = plan.rung;
    let mut taken = Vec::new();
    for hook in plan.hooks.drain(..) {
        let attached = attach_one(&mut ebpf, hook, &btf).or_else(|error| {
            let Some(program) = hook.instead else { return Err(error) };
            attach_one(&mut ebpf, Hook { program, ..hook }, &btf)
        });
        match (attached, hook.without) {
            (Ok(hook), _) => taken.push(hook),
            (Err(error), Without::Lacking(field)) => {
                plan.missing.push(Missing { field, reason: error.reason() });
            }
            (Err(_), Without::Approximate) => {}
            (Err(error), Without::None)
                if hook == Hook::MARK_VICTIM && rung != Rung::Tracepoint =>
            {
                notes.push(format!("no net beneath the probes: {error}"));
            }
            (Err(error), Without::None) => return Err(error),
        }
    }
    plan.hooks = taken;
    if debug {
        notes.extend(ebpf.programs().filter_map(verified));
    }
    let ring = RingBuf::try_from(take(&mut ebpf, "EVENTS")?);
    let ring = Ring::new(ring.map_err(|error| BpfError::Ring { error: Box::new(error) })?)?;
    let Map::Array(counters) = take(&mut ebpf, "COUNTERS")? else {
        return Err(BpfError::Incomplete("COUNTERS"));
    };
    let counters = Numbers::map(counters.fd())?;
    Ok((Probes { ebpf: Some(ebpf), counters, notes }, ring))
}

/// How much of a program the verifier looked at, if it is loaded and the kernel tells (5.16 on).
fn verified((name, program): (&str, &Program)) -> Option<String> {
    let info = program.info().ok()?;
    let (verified, bytes) = (info.verified_instruction_count()?, info.size_translated()?);
    Some(format!("{name}: {verified} instructions verified, {bytes} bytes"))
}

/// A loader without the kernel's BTF: the layout has what the programs need.
///
/// aya 0.14 reads and parses all of it in `EbpfLoader::new`, before it can be told not to: more
/// time than all else at start, and some MiB of heap that stay. It does without where the file
/// cannot be opened, so for a moment this process may open none.
fn loader() -> Result<EbpfLoader<'static>, BpfError> {
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit { current: Some(0), ..limit };
    setrlimit(Resource::Nofile, none).map_err(io::Error::from)?;
    let loader = EbpfLoader::new();
    setrlimit(Resource::Nofile, limit).map_err(io::Error::from)?;
    Ok(loader)
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<Map, BpfError> {
    ebpf.take_map(name).ok_or(BpfError::Incomplete(name))
}

fn attach_one(ebpf: &mut Ebpf, hook: Hook, btf: &Btf) -> Result<Hook, BpfError> {
    let Hook { program, target, without: _, instead: _ } = hook;
    let failed = |action| {
        move |error| BpfError::Program { action, program, function: target, error: Box::new(error) }
    };
    let missing = || BpfError::Incomplete(program);
    match ebpf.program_mut(program).ok_or_else(missing)? {
        Program::KProbe(kprobe) => {
            kprobe.load().map_err(failed("load"))?;
            KProbe::attach(kprobe, target, 0).map_err(failed("attach"))?;
        }
        Program::RawTracePoint(net) => {
            net.load().map_err(failed("load"))?;
            RawTracePoint::attach(net, target).map_err(failed("attach"))?;
        }
        Program::FEntry(fentry) => {
            fentry.load(target, btf).map_err(failed("load"))?;
            FEntry::attach(fentry).map_err(failed("attach"))?;
        }
        Program::FExit(fexit) => {
            fexit.load(target, btf).map_err(failed("load"))?;
            FExit::attach(fexit).map_err(failed("attach"))?;
        }
        _ => return Err(missing()),
    }
    Ok(hook)
}

/// Where the code of `__oom_kill_process` is, if the kernel tells: without it, what a mark was is as hooks
/// can tell.
fn kill_code() -> Option<(u64, u64)> {
    let list = BufReader::new(File::open("/proc/kallsyms").ok()?);
    kallsyms::range(list, "__oom_kill_process").ok()?
}

/// Where `__per_cpu_offset` is, if this kernel keeps counters per CPU and tells.
fn per_cpu_offset(facts: &Facts, notes: &mut Vec<String>) -> u64 {
    if facts.known.layout.mm_rss_counters == oom_trace_common::layout::ABSENT {
        return 0;
    }
    if facts.possible_cpus > MAX_CPUS {
        notes.push(format!(
            "resident memory is approximate: {} CPUs are more than the {MAX_CPUS} whose counters \
             are summed",
            facts.possible_cpus
        ));
        return 0;
    }
    ksym::address("__per_cpu_offset").unwrap_or_else(|error| {
        notes.push(format!(
            "resident memory is approximate, by some pages for each CPU: the address of the per-CPU \
             counters is unknown ({error}): {}",
            why_unknown()
        ));
        0
    })
}

/// Why an address is unknown.
fn why_unknown() -> &'static str {
    kallsyms::why_unknown(File::open("/proc/kallsyms").map(BufReader::new))
}

impl Probes {
    /// Takes the programs out of the kernel. What they wrote can still be read.
    ///
    /// The kernel waits a while for each (`synchronize_rcu`), and for long where this process has
    /// little of the processor: what is not done by `DETACH_WITHIN` goes on beside what follows,
    /// and the kernel does the rest at the end of the process.
    pub fn detach(&mut self) {
        let Some(ebpf) = self.ebpf.take() else { return };
        let (running, done) = sync_channel::<Infallible>(0);
        let close = move || {
            drop(ebpf);
            drop(running);
        };
        // Without a thread it is dropped, and so closed, here.
        if Builder::new().name("detach".into()).spawn(close).is_ok() {
            let _ = done.recv_timeout(DETACH_WITHIN);
        }
    }

    /// What the eBPF program counted so far.
    ///
    /// Read where it is: the kernel's own way to read a map keeps probes from running on this
    /// processor meanwhile (`bpf_disable_instrumentation`, include/linux/bpf.h), and who asks may be
    /// preempted in it.
    #[must_use]
    pub fn counters(&self) -> Counters {
        zerocopy::transmute!(self.counters.get())
    }
}
