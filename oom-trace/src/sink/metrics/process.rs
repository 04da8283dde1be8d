//! What Prometheus' clients tell of their process
//! (<https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>), read when it is asked
//! for.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::agent::gauge;
use crate::files::stat_fields;

/// This process, by `/proc/self`.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stat = fs::read("/proc/self/stat").ok();
        if let Some(Stat { cpu_ticks, virtual_bytes, resident_pages }) =
            stat.as_deref().and_then(Stat::parse)
        {
            let metric = ConstCounter::new(number(cpu_ticks) / number(clock_ticks_per_second()));
            let help = "User and system CPU time spent";
            metric.encode(encoder.encode_descriptor(
                "process_cpu_seconds",
                help,
                None,
                metric.metric_type(),
            )?)?;
            let help = "Virtual memory size";
            gauge(&mut encoder, "process_virtual_memory_bytes", help, number(virtual_bytes))?;
            let resident = resident_pages.saturating_mul(page_size() as u64);
            let help = "Resident memory size";
            gauge(&mut encoder, "process_resident_memory_bytes", help, number(resident))?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // The one by which they are read is none of them.
            let open = open.count().saturating_sub(1) as u64;
            gauge(&mut encoder, "process_open_fds", "Open file descriptors", number(open))?;
        }
        if let Some(most) = getrlimit(Resource::Nofile).current {
            let help = "Maximum number of open file descriptors";
            gauge(&mut encoder, "process_max_fds", help, number(most))?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn number(value: u64) -> f64 {
    value as f64
}

/// Of `/proc/PID/stat` (`do_task_stat`, fs/proc/array.c).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// Fields 14, 15, 23 and 24.
    fn parse(stat: &[u8]) -> Option<Self> {
        let mut fields = stat_fields(stat)?;
        let mut after = |skipped| fields.nth(skipped)?.parse::<u64>().ok();
        let cpu_ticks = after(11)? + after(0)?;
        Some(Self { cpu_ticks, virtual_bytes: after(7)?, resident_pages: after(0)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_whatever_the_name_is() {
        let stat = b"7 (a) b) S 1 7 7 0 -1 4194560 10 0 0 0 3 4 0 0 20 0 1 0 100 8192000 512 18446744073709551615 1\n";
        let expected = Stat { cpu_ticks: 7, virtual_bytes: 8_192_000, resident_pages: 512 };
        assert_eq!(Stat::parse(stat), Some(expected));
        assert_eq!(Stat::parse(b"7 (a"), None);
        let own = fs::read("/proc/self/stat").unwrap();
        assert!(Stat::parse(&own).unwrap().resident_pages > 0, "{own:?}");
    }
}
