//! What the agent says of itself: on standard error for people, as records for machines.

use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::incident::model::{Agent, AgentEvent, AgentType, Missing, Record, SCHEMA, Totals};
use crate::kernel::plan::{Plan, Rung};

/// Knows what does not change while the agent runs.
#[derive(Debug)]
pub(super) struct Speaker {
    host: Host,
    rung: Rung,
    hooks: Vec<String>,
    missing: Vec<Missing>,
}

impl Speaker {
    pub(super) fn new(host: Host, plan: &Plan) -> Self {
        let hooks = plan.rung.hooks().iter().map(|hook| hook.program.to_owned());
        let net = plan.net.then(|| "mark_victim_raw".to_owned());
        let missing = plan.missing.iter().map(|missing| Missing {
            field: missing.field.to_owned(),
            reason: missing.reason.clone(),
        });
        Self {
            host,
            rung: plan.rung,
            hooks: hooks.chain(net).collect(),
            missing: missing.collect(),
        }
    }

    /// Hooks are in.
    pub(super) fn started(&self) -> Record {
        let message = format!("attached by {}, waiting for OOM kills", self.rung);
        self.record(AgentEvent::Started, message, Totals::default())
    }

    /// Records lack something on this kernel; `None` if they lack nothing.
    pub(super) fn degraded(&self) -> Option<Record> {
        let fields: Vec<_> = self.missing.iter().map(|missing| missing.field.as_str()).collect();
        let message = format!("records lack {}", fields.join(", "));
        (!fields.is_empty()).then(|| self.record(AgentEvent::Degraded, message, Totals::default()))
    }

    /// The kernel counted kills that no hook saw; `None` if it did not.
    pub(super) fn gap(&self, totals: Totals) -> Option<Record> {
        let unseen = totals.kernel_kills?.checked_sub(totals.kills).filter(|&unseen| unseen > 0)?;
        // The tracepoint does not fire for the second kill of a group's first victim.
        let perhaps = match self.rung {
            Rung::Tracepoint => ", unless they are second kills of a group's first victim",
            Rung::Kprobe | Rung::Fentry => "",
        };
        let message = format!("the kernel counted {unseen} OOM kills that no hook saw{perhaps}");
        Some(self.record(AgentEvent::Gap, message, totals))
    }

    /// Hooks are out.
    pub(super) fn stopped(&self, totals: Totals) -> Record {
        let kernel = match totals.kernel_kills {
            Some(kills) => format!(" of {kills} that the kernel counted"),
            None => String::new(),
        };
        let Totals { kills, kernel_kills: _, records, ring_lost, malformed, sink_lost } = totals;
        let lost = ring_lost + malformed + sink_lost;
        let message = format!("stopped: {kills} kills{kernel}, {records} records, {lost} lost");
        self.record(AgentEvent::Stopped, message, totals)
    }

    fn record(&self, event: AgentEvent, message: String, totals: Totals) -> Record {
        let clock = Clock::now();
        Record::Agent(Box::new(Agent {
            schema: SCHEMA,
            kind: AgentType::Agent,
            origin: self.host.origin(clock.boot_ns(), clock),
            version: env!("CARGO_PKG_VERSION"),
            event,
            message,
            hooks: self.hooks.clone(),
            missing: self.missing.clone(),
            totals,
        }))
    }
}
