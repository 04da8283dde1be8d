//! Loads the programs that the plan names and attaches them.

use std::io;

use aya::maps::{Array, MapData, MapError, RingBuf};
use aya::programs::{FEntry, FExit, KProbe, Program, RawTracePoint};
use aya::{Btf, Ebpf, EbpfLoader};
use oom_trace_common::record::{Counters, MAX_CPUS, Machine};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zerocopy::IntoBytes as _;

use super::error::BpfError;
use super::ring::Ring;
use super::sys::release_memory;
use super::{ksym, log};
use crate::kernel::facts::{Facts, MarkVictim};
use crate::kernel::plan::{Hook, Plan, Refused, Rung, plan};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/oom-trace-ebpf"));

/// `AYA_LOG_LEVEL`: nothing, or everything (`log::LevelFilter`).
const LOG_OFF: u8 = 0;
const LOG_ALL: u8 = 5;

/// The programs in place. They leave when this is dropped.
#[expect(missing_debug_implementations, reason = "aya's maps have none")]
pub struct Probes {
    /// Holds the links; `None` once detached.
    ebpf: Option<Ebpf>,
    counters: Array<MapData, [u64; COUNTERS]>,
    /// What could not be had and is not needed, for people.
    pub notes: Vec<String>,
}

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

/// Takes the best of `rungs` that the kernel lets us take. `debug` asks for the program's own
/// diagnostics on stderr.
///
/// Must be called within a tokio runtime.
///
/// # Errors
/// No rung can be had, or the last of them was turned down.
pub fn hook(facts: &Facts, rungs: &[Rung], debug: bool) -> Result<Hooked, BpfError> {
    let mut refused: Vec<Refused> = Vec::new();
    loop {
        let plan = plan(facts, rungs, &refused)?;
        match attach(facts, &plan, debug) {
            Ok((probes, ring)) => {
                release_memory(OBJECT);
                return Ok(Hooked { plan, probes, ring });
            }
            Err(error) if rungs.last() != Some(&plan.rung) => {
                refused.push(Refused { rung: plan.rung, reason: error.reason() });
            }
            Err(error) => return Err(error),
        }
    }
}

/// Loads and attaches. What was attached before an error is detached.
fn attach(facts: &Facts, plan: &Plan, debug: bool) -> Result<(Probes, Ring), BpfError> {
    let mut notes = Vec::new();
    let machine = Machine {
        per_cpu_offset: per_cpu_offset(facts, &mut notes),
        possible_cpus: facts.possible_cpus,
        mark_victim_has_task: u32::from(facts.mark_victim == MarkVictim::Task),
    };
    let level = if debug { LOG_ALL } else { LOG_OFF };
    let mut ebpf = loader()?
        .override_global("LAYOUT", facts.layout.as_bytes(), true)
        .override_global("MACHINE", machine.as_bytes(), true)
        .override_global(aya_log::LEVEL, &level, false)
        .load(OBJECT)
        .map_err(|error| BpfError::Object { error: Box::new(error) })?;
    if debug {
        log::forward(&mut ebpf)?;
    }
    let btf = match plan.rung {
        Rung::Fentry => Some(Btf::from_sys_fs()?),
        Rung::Kprobe | Rung::Tracepoint => None,
    };
    // The net first: a kill between two attachments is caught.
    if plan.net {
        let net = Hook { program: "mark_victim_raw", function: "mark_victim" };
        let attached = attach_one(&mut ebpf, net, None);
        if plan.rung == Rung::Tracepoint {
            attached?;
        } else if let Err(error) = attached {
            notes.push(format!("no net beneath the probes: {error}"));
        }
    }
    for &hook in plan.rung.hooks() {
        attach_one(&mut ebpf, hook, btf.as_ref())?;
    }
    let ring = Ring::new(take(&mut ebpf, "EVENTS", RingBuf::try_from)?)?;
    let counters = take(&mut ebpf, "COUNTERS", Array::try_from)?;
    Ok((Probes { ebpf: Some(ebpf), counters, notes }, ring))
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

fn take<T>(
    ebpf: &mut Ebpf,
    name: &'static str,
    open: impl FnOnce(aya::maps::Map) -> Result<T, MapError>,
) -> Result<T, BpfError> {
    let map = ebpf.take_map(name).ok_or(BpfError::Incomplete(name))?;
    open(map).map_err(|error| BpfError::Map { name, error: Box::new(error) })
}

fn attach_one(ebpf: &mut Ebpf, hook: Hook, btf: Option<&Btf>) -> Result<(), BpfError> {
    let Hook { program, function } = hook;
    let failed = |action| {
        move |error| BpfError::Program { action, program, function, error: Box::new(error) }
    };
    let missing = || BpfError::Incomplete(program);
    match (ebpf.program_mut(program).ok_or_else(missing)?, btf) {
        (Program::KProbe(kprobe), _) => {
            kprobe.load().map_err(failed("load"))?;
            KProbe::attach(kprobe, function, 0).map_err(failed("attach"))?;
        }
        (Program::RawTracePoint(net), _) => {
            net.load().map_err(failed("load"))?;
            RawTracePoint::attach(net, function).map_err(failed("attach"))?;
        }
        (Program::FEntry(fentry), Some(btf)) => {
            fentry.load(function, btf).map_err(failed("load"))?;
            FEntry::attach(fentry).map_err(failed("attach"))?;
        }
        (Program::FExit(fexit), Some(btf)) => {
            fexit.load(function, btf).map_err(failed("load"))?;
            FExit::attach(fexit).map_err(failed("attach"))?;
        }
        _ => return Err(missing()),
    }
    Ok(())
}

/// Where `__per_cpu_offset` is, if this kernel keeps counters per CPU and tells.
fn per_cpu_offset(facts: &Facts, notes: &mut Vec<String>) -> u64 {
    if facts.layout.mm_rss_counters == oom_trace_common::layout::ABSENT {
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
            "resident memory is approximate, by some pages for each CPU: the kernel does not tell \
             where its per-CPU counters are ({error}; is kernel.kptr_restrict 2, or CAP_SYSLOG \
             missing?)"
        ));
        0
    })
}

impl Probes {
    /// Takes the programs out of the kernel. What they wrote can still be read.
    pub fn detach(&mut self) {
        self.ebpf = None;
    }

    /// What the eBPF program counted so far.
    ///
    /// # Errors
    /// The map cannot be read.
    pub fn counters(&self) -> Result<Counters, BpfError> {
        let error = |error| BpfError::Map { name: "COUNTERS", error: Box::new(error) };
        let values = self.counters.get(&0, 0).map_err(error)?;
        Ok(zerocopy::transmute!(values))
    }
}
