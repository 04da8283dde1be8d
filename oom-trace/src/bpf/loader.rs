//! Loads the programs that the plan names and attaches them.

use std::fs::File;
use std::io::BufReader;
use std::mem::offset_of;
use std::os::fd::OwnedFd;

use aya::maps::{Map, MapData, RingBuf};
use oom_trace_common::record::{Counters, MAX_CPUS, Machine};
use zerocopy::IntoBytes as _;

use super::calls::{self, Rejected};
use super::error::BpfError;
use super::held::HeldEvents;
use super::image::{IMAGE, Kind, ProgramImage};
use super::info::{self, Verified};
use super::object::{Object, side_by_side};
use super::ring::Ring;
use super::sys::{Numbers, release_memory};
use super::{direct_map, ksym};
use crate::kernel::facts::{Facts, MarkVictim};
use crate::kernel::kallsyms;
use crate::kernel::plan::{Hook, Missing, Plan, Refused, Rung, Without, plan};

/// `AYA_LOG_LEVEL`: nothing, or everything (`log::LevelFilter`).
#[cfg(feature = "ebpf-log")]
const LOG_OFF: u8 = 0;
#[cfg(feature = "ebpf-log")]
const LOG_ALL: u8 = 5;

/// The programs in place. They leave when this is dropped.
#[expect(missing_debug_implementations, reason = "aya's maps have none")]
pub struct Probes {
    _attached: Vec<Attached>,
    /// `None` once they are to leave.
    held: Option<HeldEvents>,
    counters: Numbers<COUNTERS>,
    /// What could not be had and is not needed, for people.
    pub notes: Vec<String>,
}

/// A program in its place.
struct Attached {
    /// It leaves when this is closed; `None` if its event is held elsewhere.
    _link: Option<OwnedFd>,
    /// By which its name and its counters are found.
    program: OwnedFd,
    name: &'static str,
}

/// From this version on the kernel weighs tasks by exact sums of their counters
/// (`get_mm_counter_sum` in `oom_badness`, mm/oom_kill.c).
const SUMS_ARE_EXACT: (u32, u32) = (7, 0);

const COUNTERS: usize = size_of::<Counters>() / size_of::<u64>();

/// The place of [`Counters::closed`].
const CLOSED: usize = offset_of!(Counters, closed) / size_of::<u64>();

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
                release_memory();
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
    let direct_map = direct_map::find().unwrap_or_else(|_| {
        notes.push(format!(
            "victim.argv is null unless the victim is the trigger: where the kernel maps memory is not \
             known: {}",
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
    let globals: [(&str, &[u8]); _] = [
        ("LAYOUT", facts.known.layout.as_bytes()),
        ("MACHINE", machine.as_bytes()),
        #[cfg(feature = "ebpf-log")]
        (aya_log::LEVEL, level.as_bytes()),
    ];
    let object = Object::new(&globals)?;
    // Without it each is held by its own descriptor.
    let held = HeldEvents::new(plan.hooks.len()).ok();
    let mut loader = Loader { object: &object, facts, held };
    let rung = plan.rung;
    let (mut taken, mut attached) = (Vec::new(), Vec::new());
    for hooks in in_turn(&plan.hooks) {
        let loaded = side_by_side(hooks, |hook| loader.load(*hook));
        for (&hook, loaded) in hooks.iter().zip(loaded) {
            let attempt = loaded.and_then(|program| loader.attach(hook, program));
            let attempt = attempt.map(|attached| (hook, attached)).or_else(|error| {
                let Some(program) = hook.instead else { return Err(error) };
                let hook = Hook { program, ..hook };
                let program = loader.load(hook)?;
                Ok((hook, loader.attach(hook, program)?))
            });
            match (attempt, hook.without) {
                (Ok((hook, program)), _) => {
                    taken.push(hook);
                    attached.push(program);
                }
                (Err(error), Without::Lacking(fields)) => {
                    let reason = error.reason();
                    let missing = |&field| Missing { field, reason: reason.clone() };
                    plan.missing.extend(fields.iter().map(missing));
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
    }
    plan.hooks = taken;
    // Not worth a word: before, too, it takes root to reach them.
    let _ = loader.held.as_ref().map(HeldEvents::keep);
    if debug {
        notes.extend(attached.iter().filter_map(verified));
    }
    #[cfg(feature = "ebpf-log")]
    if let Some(program) = attached.first().filter(|_| debug) {
        super::log::forward(&program.program)?;
    }
    let ring_failed = |error| BpfError::Ring { error: Box::new(error) };
    let ring = object.map("EVENTS")?.try_clone()?;
    let ring = MapData::from_fd(ring).and_then(|ring| RingBuf::try_from(Map::RingBuf(ring)));
    let ring = Ring::new(ring.map_err(ring_failed)?)?;
    let counters = Numbers::map(object.map("COUNTERS")?)?;
    Ok((Probes { _attached: attached, held: loader.held, counters, notes }, ring))
}

/// The hooks in two parts: up to the net, from which on no kill is missed; and the others.
fn in_turn(hooks: &[Hook]) -> [&[Hook]; 2] {
    let net = hooks.iter().position(|hook| *hook == Hook::MARK_VICTIM).map_or(0, |net| net + 1);
    let (first, rest) = hooks.split_at_checked(net).unwrap_or((hooks, &[]));
    [first, rest]
}

/// How much of a program the verifier looked at, if the kernel tells (5.16 on).
fn verified(Attached { program, name, .. }: &Attached) -> Option<String> {
    let Verified { bytes, instructions, .. } = info::verified(program).ok()?;
    Some(format!("{name}: {} instructions verified, {bytes} bytes", instructions?))
}

/// Brings programs to where they run.
struct Loader<'a> {
    object: &'a Object,
    facts: &'a Facts,
    held: Option<HeldEvents>,
}

impl Loader<'_> {
    fn load(&self, hook: Hook) -> Result<OwnedFd, BpfError> {
        let image = image(hook)?;
        let is_target = |(name, _): &&(&str, u32)| *name == hook.target;
        let target = match image.kind {
            Kind::Fentry | Kind::Fexit => self.facts.known.functions.iter().find(is_target),
            Kind::Kprobe | Kind::Kretprobe | Kind::RawTracepoint => None,
        };
        let target = target.map_or(0, |(_, id)| *id);
        let failed = |error: Rejected| failed("load", hook, Box::new(error));
        self.object.load(image, target).map_err(failed)
    }

    fn attach(&mut self, hook: Hook, program: OwnedFd) -> Result<Attached, BpfError> {
        let image = image(hook)?;
        let link = calls::attach(&program, image.kind, hook.target);
        let link = link.map_err(|error| failed("attach", hook, Box::new(error)))?;
        let held =
            self.held.as_mut().filter(|_| matches!(image.kind, Kind::Kprobe | Kind::Kretprobe));
        let is_held = held.is_some_and(|held| held.hold(&link).is_ok());
        Ok(Attached { _link: (!is_held).then_some(link), program, name: image.name })
    }
}

fn image(hook: Hook) -> Result<&'static ProgramImage, BpfError> {
    IMAGE.program(hook.program).ok_or(BpfError::Incomplete(hook.program))
}

fn failed(
    action: &'static str,
    hook: Hook,
    error: Box<dyn std::error::Error + Send + Sync>,
) -> BpfError {
    let Hook { program, target: function, without: _, instead: _ } = hook;
    BpfError::Program { action, program, function, error }
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
    ksym::address("__per_cpu_offset").unwrap_or_else(|_| {
        notes.push(format!(
            "resident memory is approximate, by some pages for each CPU: where each CPU counts its own is \
             not known: {}",
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
    /// Has the programs write no more, and the kernel take the probes out in its own time. What they wrote
    /// can still be read.
    pub fn detach(&mut self) {
        self.counters.set(CLOSED, 1);
        self.held = None;
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
