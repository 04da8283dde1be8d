//! Which hooks to use on this machine, and what the records lack for want of the others.
//!
//! A pure function of the facts: tested by taking one thing away from a capable machine.

use std::fmt::{self, Display, Formatter};

use rustix::thread::CapabilitySet;

use super::capability::missing_to_trace;
use super::facts::{Facts, MarkVictim};
use super::hooks::{FENTRIES, KPROBES, TRACEPOINT};
use super::layout::required;

pub use super::hooks::{Hook, Without};

/// How hooks are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// kprobes, with the raw tracepoint beneath.
    Kprobe,
    /// fentry and fexit programs, with the raw tracepoint beneath.
    Fentry,
    /// The raw tracepoint alone.
    Tracepoint,
    /// The kernel's log: no programs at all.
    Log,
}

impl Rung {
    /// From the best to the last.
    pub const ALL: [Self; 4] = [Self::Kprobe, Self::Fentry, Self::Tracepoint, Self::Log];

    /// As `--attach` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kprobe => "kprobe",
            Self::Fentry => "fentry",
            Self::Tracepoint => "tracepoint",
            Self::Log => "log",
        }
    }

    /// The programs of a rung, each with where it is attached, in the order in which they are.
    #[must_use]
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Kprobe => &KPROBES,
            Self::Fentry => &FENTRIES,
            Self::Tracepoint => &TRACEPOINT,
            Self::Log => &[],
        }
    }
}

impl Display for Rung {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A key of the record that is `null`, or a type of record that there is not, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub field: &'static str,
    /// Why.
    pub reason: String,
}

/// A rung that cannot be had, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub rung: Rung,
    /// Why.
    pub reason: String,
}

/// What to load and attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How.
    pub rung: Rung,
    /// The programs, in the order in which they are attached: a kill that any of them sees finds what
    /// it needs in place.
    pub hooks: Vec<Hook>,
    /// What the records lack.
    pub missing: Vec<Missing>,
    /// The better rungs, and why they are not taken.
    pub refused: Vec<Refused>,
}

impl Plan {
    /// To read the kernel's log, which takes no facts: none of the better ways could be had.
    #[must_use]
    pub fn log(refused: Vec<Refused>) -> Self {
        let reason = "not in the kernel's log";
        let missing = NOT_LOGGED.map(|field| Missing { field, reason: reason.to_owned() });
        Self { rung: Rung::Log, hooks: Vec::new(), missing: missing.into(), refused }
    }

    /// The same with the kernel's log read beside the hooks, which has some of what is missing.
    #[must_use]
    pub fn with_log(mut self) -> Self {
        for missing in self.missing.iter_mut().filter(|it| LOGGED.contains(&it.field)) {
            missing.reason = format!("{}; {UNLESS_LOGGED}", missing.reason);
        }
        self
    }

    /// Whether the records lack this.
    #[must_use]
    pub fn lacks(&self, field: &str) -> bool {
        self.missing.iter().any(|missing| missing.field == field)
    }
}

/// Why no rung can be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The process may not.
    #[error(
        "not permitted to load tracing programs: {} missing; run as root, or give the binary what \
         it needs: setcap cap_bpf,cap_perfmon,cap_syslog+ep",
        capabilities.join(" and ")
    )]
    Capability {
        /// Which it lacks.
        capabilities: Vec<&'static str>,
    },
    /// Lockdown forbids reading kernel memory.
    #[error(
        "the kernel is locked down ({mode}), so eBPF may not read kernel memory; boot with \
         lockdown=integrity or without lockdown to use oom-trace"
    )]
    Lockdown {
        /// `confidentiality`
        mode: String,
    },
    /// A member is missing without which there is no record.
    #[error("{reason}; without it there is no record to make (is this BTF the running kernel's?)")]
    Layout {
        /// Which.
        reason: String,
    },
    /// Every rung is refused.
    #[error("no way to hook the OOM killer on this machine:{}", list(refused))]
    Nothing {
        /// Each with its reason.
        refused: Vec<Refused>,
    },
}

impl PlanError {
    /// What it means for each way in turn.
    #[must_use]
    pub fn refused(&self, rungs: &[Rung]) -> Vec<Refused> {
        match self {
            Self::Nothing { refused } => refused.clone(),
            Self::Capability { .. } | Self::Lockdown { .. } | Self::Layout { .. } => {
                Refused::all(rungs, &self.to_string())
            }
        }
    }
}

impl Refused {
    /// All ways, for one reason.
    #[must_use]
    pub fn all(rungs: &[Rung], reason: &str) -> Vec<Self> {
        rungs.iter().map(|&rung| Self { rung, reason: reason.to_owned() }).collect()
    }
}

fn list(refused: &[Refused]) -> String {
    refused.iter().map(|refused| format!("\n  {}: {}", refused.rung, refused.reason)).collect()
}

/// Chooses the best rung of `allowed`, which has the log not among them, that the machine offers; `refused` are those that were tried
/// and turned down by the kernel.
///
/// # Errors
/// No rung can be had.
pub fn plan(facts: &Facts, allowed: &[Rung], refused: &[Refused]) -> Result<Plan, PlanError> {
    let capabilities = missing_to_trace(facts.capabilities);
    if !capabilities.is_empty() {
        return Err(PlanError::Capability { capabilities });
    }
    if let Some(mode) = facts.lockdown.as_deref().filter(|mode| *mode == "confidentiality") {
        return Err(PlanError::Lockdown { mode: mode.to_owned() });
    }
    if let Some(absent) = required(&facts.known.absent).next() {
        return Err(PlanError::Layout { reason: absent.reason() });
    }
    let mut turned_down = Vec::new();
    for &rung in allowed {
        let tried = refused.iter().find(|refused| refused.rung == rung);
        let reason = tried.map(|refused| refused.reason.clone()).or_else(|| obstacle(facts, rung));
        match reason {
            Some(reason) => turned_down.push(Refused { rung, reason }),
            None => {
                let hooks = rung.hooks().iter().copied().filter(|hook| offers(facts, *hook));
                return Ok(Plan {
                    rung,
                    hooks: hooks.collect(),
                    missing: missing(facts, rung),
                    refused: turned_down,
                });
            }
        }
    }
    Err(PlanError::Nothing { refused: turned_down })
}

/// Whether the machine has what the hook is on. Of the other tracepoints that is found out by trying.
fn offers(facts: &Facts, hook: Hook) -> bool {
    if hook == Hook::MARK_VICTIM {
        return facts.known.mark_victim != MarkVictim::Absent;
    }
    hook.is_tracepoint() || facts.known.functions.iter().any(|(name, _)| *name == hook.target)
}

/// Why a rung cannot be had, if that can be known without trying.
fn obstacle(facts: &Facts, rung: Rung) -> Option<String> {
    if rung == Rung::Tracepoint {
        return (facts.known.mark_victim == MarkVictim::Absent)
            .then(|| "this kernel has no tracepoint oom/mark_victim".to_owned());
    }
    let needed = |hook: &&Hook| hook.without == Without::None && **hook != Hook::MARK_VICTIM;
    let mut needed = rung.hooks().iter().filter(needed);
    if let Some(hook) = needed.find(|hook| !offers(facts, **hook)) {
        return Some(format!("this kernel has no function {} to hook", hook.target));
    }
    if rung == Rung::Kprobe {
        if !facts.kprobes {
            return Some("this kernel has no kprobes (CONFIG_KPROBE_EVENTS)".to_owned());
        }
        if facts.perf_event_paranoid > 2 && !facts.capabilities.contains(CapabilitySet::SYS_ADMIN) {
            return Some(format!(
                "kernel.perf_event_paranoid is {}, which leaves kprobes to CAP_SYS_ADMIN",
                facts.perf_event_paranoid
            ));
        }
    }
    None
}

/// What only the probes tell, most of it the arguments of `oom_kill_process`. (That the scope is `memcg`,
/// the stack tells, too, and the kernel's words for why its log.)
const OF_OOM_CONTROL: [&str; 15] = [
    "constraint",
    "nodemask",
    "totalpages",
    "trigger.gfp_mask",
    "trigger.gfp_flags",
    "trigger.order",
    "chosen",
    "victim.badness",
    "limit",
    "group",
    "victim.shares_mm",
    "candidates",
    "oom_panic",
    "oom_failed",
    "oom_exit",
];

/// What the kernel's log has, too: in its dump or, of the victim, in the line of the kill.
const LOGGED: [&str; 38] = [
    "scope",
    "outcome",
    "constraint",
    "nodemask",
    "totalpages",
    "stack",
    "trigger.comm",
    "trigger.oom_score_adj",
    "trigger.gfp_mask",
    "trigger.gfp_flags",
    "trigger.order",
    "trigger.cpuset",
    "trigger.mems_allowed",
    "chosen",
    "chosen.comm",
    "chosen.uid",
    "chosen.cgroup",
    "victim",
    "victim.comm",
    "victim.uid",
    "victim.oom_score_adj",
    "victim.cgroup",
    "victim.memory",
    "victim.memory.total_vm_bytes",
    "victim.memory.anon_rss_bytes",
    "victim.memory.file_rss_bytes",
    "victim.memory.shmem_rss_bytes",
    "victim.memory.swap_bytes",
    "victim.memory.pgtables_bytes",
    "limit",
    "limit.cgroup",
    "limit.usage_bytes",
    "limit.max_bytes",
    "limit.failcnt",
    "limit.swap_usage_bytes",
    "limit.swap_max_bytes",
    "limit.swap_failcnt",
    "candidates",
];

/// Why some records have it all the same.
const UNLESS_LOGGED: &str = "known from the kernel's own dump where it logs one, at most ten times in \
                             five seconds";

/// What the kernel never logs.
const NOT_LOGGED: [&str; 16] = [
    "trigger.cgroup",
    "victim.ns_pid",
    "victim.gid",
    "victim.ppid",
    "victim.parent_comm",
    "victim.badness",
    "victim.threads",
    "victim.started",
    "victim.age_ms",
    "victim.cgroup.id",
    "victim.shares_mm",
    "victim.exe",
    "victim.argv",
    "victim.parents",
    "victim.login_uid",
    "oom_exit",
];

const NO_NAMES: &str = "the kernel hides the addresses of its functions (kernel.kptr_restrict is 2, \
                        CAP_SYSLOG or CONFIG_KALLSYMS is missing, or /proc/kallsyms is hidden)";

fn missing(facts: &Facts, rung: Rung) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut lack = |field, reason: &str| {
        if !missing.iter().any(|known: &Missing| known.field == field) {
            missing.push(Missing { field, reason: reason.to_owned() });
        }
    };
    if rung == Rung::Tracepoint {
        for field in OF_OOM_CONTROL {
            lack(field, "the tracepoint oom/mark_victim passes the victim only");
        }
        if facts.known.mark_victim == MarkVictim::ThreadId {
            lack(
                "victim",
                "this kernel's tracepoint oom/mark_victim passes no more than victim.tid",
            );
        }
    }
    for hook in rung.hooks().iter().filter(|hook| !offers(facts, **hook)) {
        if let Without::Lacking(fields) = hook.without {
            let reason = format!("this kernel has no function {} to hook", hook.target);
            fields.iter().for_each(|field| lack(field, &reason));
        }
    }
    if !facts.names_frames {
        lack("stack", NO_NAMES);
        if rung == Rung::Tracepoint {
            lack("outcome", NO_NAMES);
            lack("scope", NO_NAMES);
        }
    }
    for absent in &facts.known.absent {
        for &field in absent.member.gives {
            lack(field, &absent.reason());
        }
    }
    missing
}

#[cfg(test)]
mod tests;
