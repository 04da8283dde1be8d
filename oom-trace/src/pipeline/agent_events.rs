//! What the agent says of itself: on standard error for people, as records for machines.

use std::fs;

use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::{
    Agent, AgentEvent, AgentType, Missing, Record, SCHEMA, Source, Totals,
};
use crate::kernel::plan::{Plan, Rung};
use crate::kernel::vmstat::Vmstat;

const FTRACE_ENABLED: &str = "/proc/sys/kernel/ftrace_enabled";

/// Knows what does not change while the agent runs.
#[derive(Debug)]
pub(crate) struct AgentEvents {
    host: Host,
    rung: Rung,
    hooks: Vec<String>,
    missing: Vec<Missing>,
    vmstat: Vmstat,
}

impl AgentEvents {
    pub(crate) fn new(host: Host, plan: &Plan) -> Self {
        let hooks = plan.hooks.iter().map(|hook| hook.program.to_owned());
        let missing = plan.missing.iter().map(|missing| Missing {
            field: missing.field.to_owned(),
            reason: missing.reason.clone(),
        });
        Self {
            host,
            rung: plan.rung,
            hooks: hooks.collect(),
            missing: missing.collect(),
            vmstat: Vmstat::open(),
        }
    }

    /// Hooks are in.
    pub(crate) fn started(&self) -> Record {
        let message = format!("attached by {}, waiting for OOM kills", self.rung);
        self.record(AgentEvent::Started, message, Totals::default())
    }

    /// How it stands, in a line.
    pub(crate) fn status(&self, totals: Totals) -> String {
        let Totals { kills, kernel_kills, records: _, ring_lost, malformed, sink_lost } = totals;
        let lost = ring_lost + malformed + sink_lost;
        let missed = kernel_kills.unwrap_or(kills).saturating_sub(kills);
        let mut status = format!("attached by {}; {} seen", self.rung, number(kills, "OOM kill"));
        for (count, what) in [(missed, "missed"), (lost, "lost")] {
            if count > 0 {
                status.push_str(&format!(", {count} {what}"));
            }
        }
        status
    }

    /// Records lack something on this kernel; `None` if they lack nothing.
    pub(crate) fn degraded(&self) -> Option<Record> {
        let fields: Vec<_> = self.missing.iter().map(|missing| missing.field.as_str()).collect();
        let message = format!("fields not available: {}", fields.join(", "));
        (!fields.is_empty()).then(|| self.record(AgentEvent::Degraded, message, Totals::default()))
    }

    /// The tracepoint beneath the probes caught what they missed.
    pub(crate) fn missed_by_probes(&self) -> Record {
        let off = fs::read_to_string(FTRACE_ENABLED).is_ok_and(|text| text.trim() == "0");
        let why = if off { ": kernel.ftrace_enabled is 0, which switches kprobes off" } else { "" };
        let message = format!(
            "the probes missed a kill that the tracepoint caught{why}; its record has fewer fields"
        );
        self.record(AgentEvent::Degraded, message, Totals::default())
    }

    /// The kernel's log tells of kills that no hook saw, or whose record found no room.
    pub(crate) fn log_caught(&self, missed: u64, totals: Totals) -> Record {
        let (s, its) =
            if missed == 1 { ("", "its record has") } else { ("s", "their records have") };
        let message = format!(
            "the hooks missed {missed} OOM kill{s}, recovered from the kernel's log; {its} fewer fields"
        );
        self.record(AgentEvent::Degraded, message, totals)
    }

    /// The kernel counted kills that are in no record.
    pub(crate) fn gap(&self, unseen: u64, totals: Totals) -> Record {
        let perhaps = match self.rung {
            _ if totals.ring_lost > 0 => {
                format!(
                    "; {} events were lost (ring buffer full or log overwritten)",
                    totals.ring_lost
                )
            }
            // The tracepoint does not fire for the second kill of a group's first victim.
            Rung::Tracepoint => {
                ", unless they are second kills of a group's first victim".to_owned()
            }
            Rung::Kprobe | Rung::Fentry | Rung::Log => String::new(),
        };
        let were = if unseen == 1 { "OOM kill was" } else { "OOM kills were" };
        let (counted, kills) = (totals.kernel_kills.unwrap_or(0), totals.kills);
        let message =
            format!("{unseen} {were} missed (kernel counted {counted}, recorded {kills}){perhaps}");
        self.record(AgentEvent::Gap, message, totals)
    }

    /// Whether it is news that this source reported a kill: there are better hooks than it.
    pub(crate) fn is_net(&self, source: Source) -> bool {
        source == Source::Tracepoint && self.rung != Rung::Tracepoint
    }

    /// Hooks are out.
    pub(crate) fn stopped(&self, totals: Totals) -> Record {
        let kernel = match totals.kernel_kills {
            Some(kills) => format!(" ({kills} counted by the kernel)"),
            None => String::new(),
        };
        let Totals { kills, kernel_kills: _, records, ring_lost, malformed, sink_lost } = totals;
        let lost = ring_lost + malformed + sink_lost;
        let message = format!(
            "{} seen{kernel}, {}, {lost} lost",
            number(kills, "kill"),
            number(records, "record")
        );
        self.record(AgentEvent::Stopped, message, totals)
    }

    fn record(&self, event: AgentEvent, message: String, totals: Totals) -> Record {
        let clock = Clock::now();
        Record::Agent(Box::new(Agent {
            schema: SCHEMA,
            kind: AgentType::Agent,
            origin: self.host.origin(clock.boot_ns(), clock),
            version: env!("CARGO_PKG_VERSION").into(),
            event,
            message,
            hooks: self.hooks.clone(),
            missing: self.missing.clone(),
            totals,
            kernel_kills_since_boot: self.vmstat.oom_kill(),
        }))
    }
}

fn number(count: u64, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {what}{s}")
}
