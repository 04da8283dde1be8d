//! What is counted, and how that is written: OpenMetrics 1.0, or Prometheus' text format 0.0.4.

mod agent;
#[cfg(feature = "network")]
mod process;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use self::agent::Agent;
use super::Status;
use crate::incident::model::{ExitState, FreedBy, OomKill, Outcome, Record, Scope, Victim};

/// Seconds; a small process is gone in milliseconds, what takes thirty is stuck.
const BUCKETS: [f64; 10] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// How many places have a count of their own, unless said otherwise.
pub(super) fn most_places() -> u32 {
    1000
}

/// What stands for a place beyond the bound.
const OTHER: &str = "other";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    scope: &'static str,
    outcome: &'static str,
}

/// Where a victim ran; what is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Place {
    unit: String,
    namespace: String,
    pod: String,
    container: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct By {
    by: &'static str,
}

/// Counts since the agent's start.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    /// What Prometheus' conventions name without the program's name; empty unless asked for.
    process: Registry,
    kills: Family<Kind, Counter>,
    places: Family<Place, Counter>,
    /// Places that have a count of their own, and how many may.
    known: AtomicUsize,
    most: usize,
    panics: Counter,
    freed: Family<By, Histogram, fn() -> Histogram>,
    stuck: Counter,
}

impl Metrics {
    /// With counts of their own for so many places.
    pub(super) fn new(most: usize, agent: &Arc<dyn Status>) -> Self {
        let mut registry = Registry::with_prefix("oom_trace");
        let kills = Family::<Kind, Counter>::default();
        registry.register("kills", "Victims of the OOM killer", Family::clone(&kills));
        let places = Family::default();
        registry.register(
            "place_kills",
            "Victims of the OOM killer by unit, pod and container",
            Family::clone(&places),
        );
        let panics = Counter::default();
        registry.register(
            "panics",
            "Kernel panics because memory ran out",
            Counter::clone(&panics),
        );
        let freed: Family<By, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let help = "Time from the kill until the victim's memory was released";
        registry.register("freed_seconds", help, freed.clone());
        let stuck = Counter::default();
        let help = "Victims whose memory was not released within ten seconds";
        registry.register("stuck_victims", help, Counter::clone(&stuck));
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The agent", build);
        registry.register_collector(Box::new(Agent::new(agent)));
        // A rise from nothing is no rise to Prometheus: what may come is there from the beginning.
        for (scope, outcome) in
            Scope::ALL.iter().flat_map(|scope| Outcome::ALL.iter().map(move |it| (scope, it)))
        {
            let kind = Kind { scope: scope.name(), outcome: outcome.name() };
            drop(kills.get_or_create(&kind));
        }
        for by in FreedBy::ALL {
            drop(freed.get_or_create(&By { by: by.name() }));
        }
        let known = AtomicUsize::new(0);
        let process = Registry::default();
        Self { registry, process, kills, places, known, most, panics, freed, stuck }
    }

    /// With those of its process, for whoever is not asked for those of others as well.
    #[cfg(feature = "network")]
    pub(super) fn with_process(mut self) -> Self {
        self.process.register_collector(Box::new(process::Process));
        self
    }

    pub(super) fn count(&self, record: &Record) {
        match record {
            Record::OomKill(kill) => self.kill(kill),
            Record::OomPanic(_) => drop(self.panics.inc()),
            Record::OomExit(exit) => match exit.state {
                ExitState::Stuck => drop(self.stuck.inc()),
                ExitState::Freed => {
                    let by = By { by: exit.by.map_or("", |by| by.name()) };
                    if let Some(after) = exit.freed_after_ms {
                        #[expect(clippy::cast_precision_loss, reason = "milliseconds of years")]
                        self.freed.get_or_create(&by).observe(after as f64 / 1000.0);
                    }
                }
            },
            Record::OomFailed(_) | Record::UserKill(_) | Record::Agent(_) => {}
        }
    }

    fn kill(&self, kill: &OomKill) {
        let kind = Kind {
            scope: kill.shortage.scope.map_or("", |scope| scope.name()),
            outcome: kill.outcome.map_or("", |outcome| outcome.name()),
        };
        self.kills.get_or_create(&kind).inc();
        let place = Place::of(&kill.victim);
        let place = match self.places.get(&place).is_some() {
            true => place,
            // One thread counts.
            false if self.known.load(Relaxed) < self.most => {
                self.known.fetch_add(1, Relaxed);
                place
            }
            false => Place::other(),
        };
        self.places.get_or_create(&place).inc();
    }

    /// OpenMetrics.
    ///
    /// # Errors
    /// Writing to memory does not fail.
    pub(super) fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &self.process)?;
        encode_eof(&mut text)?;
        Ok(text)
    }

    /// Prometheus' own format: a counter is described by the name that its samples have.
    ///
    /// # Errors
    /// As above.
    pub(super) fn text(&self) -> Result<String, fmt::Error> {
        let open = self.open_metrics()?;
        let mut counters = Vec::new();
        for line in open.lines() {
            if let Some(name) =
                line.strip_prefix("# TYPE ").and_then(|line| line.strip_suffix(" counter"))
            {
                counters.push(name);
            }
        }
        let mut text = String::with_capacity(open.len());
        for line in open.lines().filter(|line| *line != "# EOF") {
            let mut words = line.splitn(4, ' ');
            let words = [words.next(), words.next(), words.next(), words.next()];
            match words {
                [Some("#"), Some(what), Some(name), Some(rest)] if counters.contains(&name) => {
                    text.push_str(&format!("# {what} {name}_total {rest}"));
                }
                [Some("#"), Some("TYPE"), Some(name), Some("info")] => {
                    text.push_str(&format!("# TYPE {name}_info gauge"));
                }
                [Some("#"), Some("HELP"), Some(name @ "oom_trace_build"), Some(rest)] => {
                    text.push_str(&format!("# HELP {name}_info {rest}"));
                }
                _ => text.push_str(line),
            }
            text.push('\n');
        }
        Ok(text)
    }
}

impl Place {
    fn of(victim: &Victim) -> Self {
        let text = |text: Option<&String>| text.cloned().unwrap_or_default();
        let pod = victim.pod.as_ref();
        let container = victim.container.as_ref();
        let named = pod.and_then(|pod| pod.container.as_ref());
        let named = named.or_else(|| container.and_then(|it| it.name.as_ref()));
        Self {
            unit: text(victim.unit.as_ref()),
            namespace: text(pod.and_then(|pod| pod.namespace.as_ref())),
            pod: text(pod.map(|pod| pod.name.as_ref().unwrap_or(&pod.uid))),
            container: text(named.or_else(|| container.map(|container| &container.id))),
        }
    }

    fn other() -> Self {
        let other = || OTHER.to_owned();
        Self { unit: other(), namespace: other(), pod: other(), container: other() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::compliance::{idle, records};
    use super::*;

    #[test]
    fn kills_are_counted_and_places_are_bounded() {
        let metrics = Metrics::new(1, &idle());
        records().iter().for_each(|record| metrics.count(record));
        let text = metrics.text().unwrap();
        let sum = |name: &str| -> u64 {
            let own = text.lines().filter(|line| line.starts_with(&format!("{name}{{")));
            own.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
        };
        let kills = records().iter().filter(|it| it.kind() == "oom_kill").count() as u64;
        assert_eq!(sum("oom_trace_kills_total"), kills, "{text}");
        assert_eq!(sum("oom_trace_place_kills_total"), kills, "{text}");
        let places = text.lines().filter(|line| line.starts_with("oom_trace_place_kills_total{"));
        assert_eq!(places.count(), 2, "{text}");
        assert!(text.contains("unit=\"other\""), "{text}");
        assert!(text.contains("# TYPE oom_trace_kills_total counter\n"), "{text}");
        assert!(text.contains("oom_trace_stuck_victims_total 1\n"), "{text}");
        assert!(!text.contains("# EOF"), "{text}");
        assert!(metrics.open_metrics().unwrap().ends_with("# EOF\n"));
    }
}
