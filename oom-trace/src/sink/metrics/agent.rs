//! What the agent tells of itself and its outputs.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::incident::model::Totals;
use crate::sink::{Attachment, SinkTotals, Status};

/// A metric that each sink has: its name, what it is, its value.
type Column<T> = (&'static str, &'static str, fn(&SinkTotals) -> T);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSink {
    sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    by: &'static str,
}

/// What the agent knows when it is asked.
#[derive(Debug)]
pub(super) struct Agent {
    agent: Arc<dyn Status>,
}

impl Collector for Agent {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Totals { kills: _, kernel_kills, records, ring_lost, malformed, sink_lost } =
            self.agent.totals();
        for (name, help, value) in [
            ("records", "OOM kills recorded", records),
            ("ring_lost_events", "Events dropped because the ring buffer was full", ring_lost),
            ("malformed_events", "Events that could not be decoded", malformed),
            ("sink_lost_records", "Records lost by outputs", sink_lost),
        ] {
            counter(&mut encoder, name, help, value)?;
        }
        if let Some(kills) = kernel_kills {
            counter(&mut encoder, "kernel_kills", "OOM kills counted by the kernel", kills)?;
        }
        gauge(
            &mut encoder,
            "start_time_seconds",
            "Start time of the agent",
            seconds(self.agent.start()),
        )?;
        self.state(&mut encoder)?;
        self.sinks(&mut encoder)
    }
}

impl Agent {
    pub(super) fn new(agent: &Arc<dyn Status>) -> Self {
        Self { agent: Arc::clone(agent) }
    }

    /// Whether it sees what it could see, and keeps it.
    fn state(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let yes = |is: bool| if is { 1.0 } else { 0.0 };
        if let Some(Attachment { by, is_degraded }) = self.agent.attached() {
            let metric = ConstGauge::new(1.0_f64);
            let help = "How the agent is attached to the kernel";
            let mut family =
                encoder.encode_descriptor("attached", help, None, metric.metric_type())?;
            metric.encode(family.encode_family(&By { by })?)?;
            let help = "Whether records lack fields on this kernel, as `oom-trace check` tells";
            gauge(encoder, "degraded", help, yes(is_degraded))?;
        }
        if let Some(works) = self.agent.store_works() {
            gauge(encoder, "store_up", "Whether records are being saved", yes(works))?;
        }
        Ok(())
    }

    fn sinks(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sinks = self.agent.sinks();
        let counters: [Column<u64>; 3] = [
            ("sink_delivered_records", "Records delivered to an output", |sink| sink.delivered),
            ("sink_dropped_records", "Records dropped before an output got to them", |sink| {
                sink.dropped
            }),
            ("sink_failed_records", "Records rejected by an output", |sink| sink.failed),
        ];
        for (name, help, value) in counters {
            let metric = ConstCounter::new(0_u64);
            let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            for sink in &sinks {
                let of = OfSink { sink: sink.name.clone() };
                ConstCounter::new(value(sink)).encode(family.encode_family(&of)?)?;
            }
        }
        let gauges: [Column<f64>; 2] = [
            #[expect(clippy::cast_precision_loss, reason = "a count of records")]
            ("sink_waiting_records", "Records waiting for an output", |sink| sink.waiting as f64),
            (
                "sink_last_success_timestamp_seconds",
                "Time of the last delivery to an output",
                |sink| sink.last_success.map_or(0.0, seconds),
            ),
        ];
        for (name, help, value) in gauges {
            let metric = ConstGauge::new(0.0_f64);
            let mut family = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
            for sink in &sinks {
                let of = OfSink { sink: sink.name.clone() };
                ConstGauge::new(value(sink)).encode(family.encode_family(&of)?)?;
            }
        }
        Ok(())
    }
}

pub(super) fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> fmt::Result {
    let metric = ConstCounter::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

pub(super) fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: f64,
) -> fmt::Result {
    let metric = ConstGauge::new(value);
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
