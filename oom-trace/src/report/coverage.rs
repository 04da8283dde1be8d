//! What the report can know of: from when to when an agent watched, and which kills logs alone tell of.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::when::When;
use crate::incident::model::{Record, Source};

/// What records are from.
#[derive(Debug, Clone, Default)]
pub(super) struct Coverage {
    /// The first and the last record that an agent made as it watched.
    watched: Option<(Timestamp, Timestamp)>,
    /// Kills that it saw.
    seen: usize,
    /// Kills that are read from logs.
    logged: usize,
}

impl Coverage {
    /// A kill.
    pub(super) fn kill(&mut self, record: &Record) {
        let source = record.kill().map(|kill| kill.source);
        if source.is_some_and(|source| source.is_kernel_log() || source == Source::Log) {
            self.logged += 1;
        } else {
            self.seen += 1;
            self.watched_at(record.origin().time);
        }
    }

    /// It was there at this moment.
    pub(super) fn watched_at(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let (first, last) = self.watched.unwrap_or((time, time));
        self.watched = Some((first.min(time), last.max(time)));
    }

    /// In sentences; nothing where there is nothing to say.
    pub(super) fn told(&self, zone: &TimeZone) -> Option<String> {
        let Self { watched, seen, logged } = *self;
        let minute = |time| When { time: Some(time), boot_ns: None, zone };
        let watched = watched.map(|(first, last)| {
            format!(
                "An agent watched from {:#} to {:#}, by its first and last record.",
                minute(first),
                minute(last)
            )
        });
        let logged = match (seen, logged) {
            (_, 0) => None,
            (0, _) => {
                Some("All kills are from kernel logs: one that is not in them is missing.".into())
            }
            (_, 1) => Some(format!("1 of {} kills is from kernel logs.", seen + logged)),
            _ => Some(format!("{logged} of {} kills are from kernel logs.", seen + logged)),
        };
        let told: Vec<String> = watched.into_iter().chain(logged).collect();
        (!told.is_empty()).then(|| told.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{at, kill, record};
    use super::*;

    #[test]
    fn what_an_agent_saw_is_told_from_what_logs_tell() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.told(&TimeZone::UTC), None);
        let of = |source, minutes| {
            let mut kill = kill("db1", "app.service", minutes);
            kill.source = source;
            record(kill)
        };
        coverage.kill(&of(Source::KernelLog, 0));
        let all = "All kills are from kernel logs: one that is not in them is missing.";
        assert_eq!(coverage.told(&TimeZone::UTC).unwrap(), all);
        coverage.kill(&of(Source::Kprobe, 60));
        coverage.watched_at(Some(at(120)));
        assert_eq!(
            coverage.told(&TimeZone::UTC).unwrap(),
            "An agent watched from 2026-11-01 01:30 to 2026-11-01 02:30, by its first and last record. \
             1 of 2 kills is from kernel logs."
        );
    }
}
