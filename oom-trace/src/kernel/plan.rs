//! Which hooks to use on this machine, and what the records lack for want of the others.
//!
//! A pure function of the facts: tested by taking one thing away from a capable machine.

use std::fmt::{self, Display, Formatter};

use super::capability::Capability;
use super::facts::{FUNCTIONS, Facts, MarkVictim};
use super::layout::required;

/// How hooks are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// kprobes and a kretprobe, with the raw tracepoint beneath.
    Kprobe,
    /// fentry and fexit programs, with the raw tracepoint beneath.
    Fentry,
    /// The raw tracepoint alone.
    Tracepoint,
}

impl Rung {
    /// From the best to the last.
    pub const ALL: [Self; 3] = [Self::Kprobe, Self::Fentry, Self::Tracepoint];

    /// The programs of a rung, each with the kernel function it is attached to.
    #[must_use]
    pub const fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Kprobe => &[
                Hook { program: "oom_kill_process_kprobe", function: "oom_kill_process" },
                Hook { program: "oom_kill_process_kretprobe", function: "oom_kill_process" },
                Hook { program: "kill_process_kprobe", function: "__oom_kill_process" },
                Hook { program: "mark_oom_victim_kprobe", function: "mark_oom_victim" },
            ],
            Self::Fentry => &[
                Hook { program: "oom_kill_process_fentry", function: "oom_kill_process" },
                Hook { program: "oom_kill_process_fexit", function: "oom_kill_process" },
                Hook { program: "kill_process_fentry", function: "__oom_kill_process" },
                Hook { program: "mark_oom_victim_fentry", function: "mark_oom_victim" },
            ],
            Self::Tracepoint => &[],
        }
    }
}

impl Display for Rung {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kprobe => "kprobe",
            Self::Fentry => "fentry",
            Self::Tracepoint => "tracepoint",
        })
    }
}

/// A program and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// Its name in the eBPF object.
    pub program: &'static str,
    /// The kernel's function.
    pub function: &'static str,
}

/// A key of the record that is `null`, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The key.
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
    /// Whether the raw tracepoint is there to catch what the probes miss.
    pub net: bool,
    /// What the records lack.
    pub missing: Vec<Missing>,
    /// The better rungs, and why they are not taken.
    pub refused: Vec<Refused>,
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

fn list(refused: &[Refused]) -> String {
    refused.iter().map(|refused| format!("\n  {}: {}", refused.rung, refused.reason)).collect()
}

/// Chooses the best rung of `allowed` that the machine offers; `refused` are those that were tried
/// and turned down by the kernel.
///
/// # Errors
/// No rung can be had.
pub fn plan(facts: &Facts, allowed: &[Rung], refused: &[Refused]) -> Result<Plan, PlanError> {
    let capabilities = facts.capabilities.missing_to_trace();
    if !capabilities.is_empty() {
        return Err(PlanError::Capability { capabilities });
    }
    if let Some(mode) = facts.lockdown.as_deref().filter(|mode| *mode == "confidentiality") {
        return Err(PlanError::Lockdown { mode: mode.to_owned() });
    }
    if let Some(absent) = required(&facts.absent).next() {
        return Err(PlanError::Layout { reason: absent.reason() });
    }
    let mut turned_down = Vec::new();
    for &rung in allowed {
        let tried = refused.iter().find(|refused| refused.rung == rung);
        let reason = tried.map(|refused| refused.reason.clone()).or_else(|| obstacle(facts, rung));
        match reason {
            Some(reason) => turned_down.push(Refused { rung, reason }),
            None => {
                return Ok(Plan {
                    rung,
                    net: facts.mark_victim != MarkVictim::Absent,
                    missing: missing(facts, rung),
                    refused: turned_down,
                });
            }
        }
    }
    Err(PlanError::Nothing { refused: turned_down })
}

/// Why a rung cannot be had, if that can be known without trying.
fn obstacle(facts: &Facts, rung: Rung) -> Option<String> {
    if rung == Rung::Tracepoint {
        return (facts.mark_victim == MarkVictim::Absent)
            .then(|| "this kernel has no tracepoint oom/mark_victim".to_owned());
    }
    if let Some(function) = FUNCTIONS.iter().find(|name| !facts.functions.contains(name)) {
        return Some(format!("this kernel has no function {function} to hook"));
    }
    if rung == Rung::Kprobe {
        if !facts.kprobes {
            return Some("this kernel has no kprobes (CONFIG_KPROBE_EVENTS)".to_owned());
        }
        if facts.perf_event_paranoid > 2 && !facts.capabilities.has(Capability::SysAdmin) {
            return Some(format!(
                "kernel.perf_event_paranoid is {}, which leaves kprobes to CAP_SYS_ADMIN",
                facts.perf_event_paranoid
            ));
        }
    }
    None
}

/// What only the arguments of `oom_kill_process` tell. (That the scope is `memcg`, the stack tells,
/// too.)
const OF_OOM_CONTROL: [&str; 10] = [
    "message",
    "constraint",
    "nodemask",
    "totalpages",
    "trigger.gfp_mask",
    "trigger.gfp_flags",
    "trigger.order",
    "chosen",
    "victim.badness",
    "limit",
];

fn missing(facts: &Facts, rung: Rung) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut lack = |field, reason: &str| {
        if !missing.iter().any(|known: &Missing| known.field == field) {
            missing.push(Missing { field, reason: reason.to_owned() });
        }
    };
    if rung == Rung::Tracepoint {
        for field in OF_OOM_CONTROL {
            lack(field, "the tracepoint oom/mark_victim does not pass oom_control");
        }
        if facts.mark_victim == MarkVictim::ThreadId {
            lack(
                "victim",
                "this kernel's tracepoint oom/mark_victim passes no more than victim.tid",
            );
        }
    }
    for absent in &facts.absent {
        for &field in absent.member.gives {
            lack(field, &absent.reason());
        }
    }
    missing
}

#[cfg(test)]
mod tests;
