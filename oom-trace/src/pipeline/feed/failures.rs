//! Shortages in which nobody could be killed: told once, and counted while they go on.
//!
//! A task that may not die and has no page for its own memory comes back to the same page fault, and
//! to this, some hundred times a second for as long as it lives.

use std::time::{Duration, Instant};

use super::Fed;
use crate::enrich::failed::Failures;
use crate::incident::model::{OomFailed, Record, System};
use crate::say::say;
use crate::text::KernelText;
use crate::units::Counted;
use crate::wire::Incident;

/// A limit is told of no more often than this, in nanoseconds.
const AGAIN_AFTER_NS: u64 = 60_000_000_000;

/// How long the kernel may take from the start of its dump to the end.
const DUMP_WITHIN: Duration = Duration::from_secs(1);

/// Limits that are kept in mind.
const MOST: usize = 64;

/// What goes on.
#[derive(Debug, Default)]
pub(super) struct Ongoing(Vec<Episode>);

/// Shortages with one limit, less than a minute apart.
#[derive(Debug)]
struct Episode {
    limit: Option<KernelText>,
    last_ns: u64,
    /// When it was told of, the last time.
    told_ns: Option<u64>,
    /// What has not been told.
    untold: Option<Untold>,
}

#[derive(Debug)]
struct Untold {
    failures: Failures,
    since: Instant,
}

impl Ongoing {
    /// Takes one more. How the machine stands is asked for the first of an episode alone.
    pub(super) fn add(&mut self, incident: Box<Incident>, system: impl FnOnce() -> System) {
        let (limit, now) = (incident.limit_path.clone(), incident.id);
        self.0.retain(|it| !it.is_over(now));
        let place = self.0.iter().position(|it| it.limit == limit);
        let place = place.unwrap_or_else(|| {
            if self.0.len() == MOST {
                self.0.remove(0).say_untold();
            }
            self.0.push(Episode { limit, last_ns: now, told_ns: None, untold: None });
            self.0.len() - 1
        });
        let Some(episode) = self.0.get_mut(place) else { return };
        episode.last_ns = now;
        match &mut episode.untold {
            Some(untold) => {
                untold.failures.count += 1;
                untold.failures.last_ns = now;
            }
            None => {
                let system = episode.told_ns.is_none().then(system);
                let failures =
                    Failures { first: incident, system, described: None, count: 1, last_ns: now };
                episode.untold = Some(Untold { failures, since: Instant::now() });
            }
        }
    }

    /// Takes out what is to be told at this moment, and asks the kernel's log of it by the thread that
    /// it happened to; `None` if that has not told yet. What is not told by then is told without.
    pub(super) fn due(
        &mut self,
        now_ns: u64,
        mut log: impl FnMut(u32) -> Option<OomFailed>,
    ) -> Vec<Failures> {
        let mut due = Vec::new();
        for episode in self.0.iter_mut().filter(|it| it.is_due(now_ns)) {
            let Some(untold) = &mut episode.untold else { continue };
            untold.failures.described = log(untold.failures.first.trigger.tid);
            let is_told = untold.failures.described.is_some();
            if !is_told && untold.since.elapsed() < DUMP_WITHIN {
                continue;
            }
            episode.told_ns = Some(now_ns);
            due.extend(episode.untold.take().map(|untold| untold.failures));
        }
        due
    }

    /// Whether something is to be told as soon as the log has it.
    pub(super) fn is_waiting(&self, now_ns: u64) -> bool {
        self.0.iter().any(|it| it.untold.is_some() && it.is_due(now_ns))
    }

    /// Whether nothing has to be told.
    pub(super) fn is_quiet(&self) -> bool {
        self.0.iter().all(|it| it.untold.is_none())
    }

    /// How long until more is due than is waited for already; `None` if nothing will be.
    pub(super) fn until_due(&self, now_ns: u64) -> Option<Duration> {
        let untold = self.0.iter().filter(|it| it.untold.is_some() && !it.is_due(now_ns));
        let at = untold.filter_map(|it| it.told_ns).min()?.saturating_add(AGAIN_AFTER_NS);
        Some(Duration::from_nanos(at.saturating_sub(now_ns)))
    }

    /// There is no more: takes out what was told of never.
    pub(super) fn finish(&mut self) -> Vec<Failures> {
        let mut rest = Vec::new();
        for mut episode in self.0.drain(..) {
            if episode.told_ns.is_none() {
                rest.extend(episode.untold.take().map(|untold| untold.failures));
            }
            episode.say_untold();
        }
        rest
    }
}

/// The same of records that were made of the log alone: what comes within the minute is held back, and
/// added to what comes after it.
#[derive(Debug, Default)]
pub(super) struct HeldBack(Vec<Told>);

#[derive(Debug)]
struct Told {
    limit: Option<KernelText>,
    told_ns: u64,
    /// How many were held back, since when.
    more: Option<(u64, u64)>,
}

impl HeldBack {
    /// Hands on records, of these as they are due.
    pub(super) fn tell(&mut self, records: Vec<Record>, mut each: impl FnMut(Fed)) {
        for record in records {
            let due = match record {
                Record::OomFailed(failed) => {
                    self.take(*failed).map(|failed| Record::OomFailed(Box::new(failed)))
                }
                record => Some(record),
            };
            due.into_iter().map(Fed::Record).for_each(&mut each);
        }
    }

    /// Takes a record, and gives it back if it is due.
    fn take(&mut self, mut failed: OomFailed) -> Option<OomFailed> {
        let Some(now) = failed.origin.boot_ns else { return Some(failed) };
        let limit = failed.shortage.limit.as_ref().and_then(|limit| limit.cgroup.clone());
        let is_due = |told: &Told| now.saturating_sub(told.told_ns) >= AGAIN_AFTER_NS;
        self.0.retain(|told| told.more.is_some() || !is_due(told));
        let Some(told) = self.0.iter_mut().find(|told| told.limit == limit) else {
            if self.0.len() == MOST {
                self.0.remove(0).say_untold();
            }
            self.0.push(Told { limit, told_ns: now, more: None });
            return Some(failed);
        };
        if !is_due(told) {
            let (count, _) = told.more.get_or_insert((0, now));
            *count += failed.failures;
            return None;
        }
        told.told_ns = now;
        if let Some((count, since)) = told.more.take() {
            failed.failures += count;
            let before_ms = now.saturating_sub(since) / 1_000_000;
            failed.lasted_ms = failed.lasted_ms.map(|lasted_ms| lasted_ms + before_ms);
        }
        Some(failed)
    }

    /// There is no more.
    pub(super) fn finish(&mut self) {
        self.0.drain(..).for_each(|told| told.say_untold());
    }
}

impl Told {
    fn say_untold(&self) {
        if let Some((count, _)) = self.more {
            say_untold(count);
        }
    }
}

fn say_untold(count: u64) {
    say(format_args!(
        "since its last oom_failed record nobody could be killed {}",
        Counted(count, "more time")
    ));
}

impl Episode {
    /// Whether a shortage at this moment is of another.
    fn is_over(&self, now_ns: u64) -> bool {
        self.untold.is_none() && now_ns.saturating_sub(self.last_ns) > AGAIN_AFTER_NS
    }

    fn is_due(&self, now_ns: u64) -> bool {
        self.told_ns.is_none_or(|told| now_ns.saturating_sub(told) >= AGAIN_AFTER_NS)
    }

    /// It was told of, and these few are no news.
    fn say_untold(&self) {
        if let Some(Untold { failures, .. }) = &self.untold {
            say_untold(failures.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn failure(limit: &str, at_ns: u64) -> Box<Incident> {
        let limit_path = Some(KernelText::from(limit));
        Box::new(Incident { id: at_ns, limit_path, ..Incident::default() })
    }

    fn logged() -> OomFailed {
        let clock = crate::enrich::clock::Clock::now();
        let host = crate::enrich::host::Host::here().unwrap();
        OomFailed {
            schema: 1,
            kind: crate::incident::model::OomFailedType::OomFailed,
            incident: String::new(),
            origin: host.origin(0, clock),
            source: crate::incident::model::Source::KernelLog,
            message: "".into(),
            failures: 1,
            lasted_ms: None,
            shortage: crate::incident::model::Shortage::default(),
            candidates: None,
            census: None,
            system: None,
            why: None,
        }
    }

    /// How many shortages each that is told stands for.
    fn told(ongoing: &mut Ongoing, now_ns: u64) -> Vec<(String, u64)> {
        let due = ongoing.due(now_ns, |_| Some(logged()));
        let limit = |it: &Failures| it.first.limit_path.as_ref().unwrap().to_string();
        due.iter().map(|it| (limit(it), it.count)).collect()
    }

    #[test]
    fn a_limit_is_told_of_at_once_and_then_once_a_minute_with_all_that_came_between() {
        let mut ongoing = Ongoing::default();
        let mut all = Vec::new();
        for second in 0..150 {
            ongoing.add(failure("/spin", second * S), System::default);
            if second == 30 {
                ongoing.add(failure("/other", second * S), System::default);
            }
            all.extend(told(&mut ongoing, second * S));
        }
        let spin = |count| ("/spin".to_owned(), count);
        assert_eq!(all, [spin(1), ("/other".to_owned(), 1), spin(60), spin(60)]);
        // What came since waits for its minute, whether there is more or not.
        assert_eq!(ongoing.until_due(149 * S), Some(Duration::from_secs(31)));
        assert_eq!(told(&mut ongoing, 180 * S), [spin(29)]);
        assert!(ongoing.is_quiet() && ongoing.until_due(180 * S).is_none());
        // Another time.
        ongoing.add(failure("/spin", 300 * S), System::default);
        assert_eq!(told(&mut ongoing, 300 * S), [spin(1)]);
        assert!(ongoing.finish().is_empty());
    }

    #[test]
    fn what_the_log_has_not_told_is_waited_for_but_not_for_long() {
        let mut ongoing = Ongoing::default();
        ongoing.add(failure("/spin", S), System::default);
        assert!(ongoing.due(S, |_| None).is_empty() && ongoing.is_waiting(S));
        ongoing.add(failure("/spin", 2 * S), System::default);
        let untold = ongoing.0[0].untold.as_mut().unwrap();
        untold.since = untold.since.checked_sub(DUMP_WITHIN).unwrap();
        let due = ongoing.due(2 * S, |_| None);
        assert_eq!((due.len(), due[0].count, due[0].last_ns), (1, 2, 2 * S));
        assert!(due[0].system.is_some());
        assert!(!ongoing.is_waiting(2 * S));
    }

    #[test]
    fn of_the_log_alone_a_limit_is_told_of_as_often() {
        let mut held_back = HeldBack::default();
        let mut all = Vec::new();
        for second in 0..130 {
            let mut failed = logged();
            (failed.failures, failed.lasted_ms) = (10, Some(900));
            failed.origin.boot_ns = Some(second * S);
            all.extend(held_back.take(failed).map(|it| (second, it.failures, it.lasted_ms)));
        }
        let told = [(0, 10, Some(900)), (60, 600, Some(59_900)), (120, 600, Some(59_900))];
        assert_eq!(all, told);
    }

    #[test]
    fn at_the_end_only_what_was_never_told_is_told() {
        let mut ongoing = Ongoing::default();
        ongoing.add(failure("/one", S), System::default);
        told(&mut ongoing, S);
        ongoing.add(failure("/one", 2 * S), System::default);
        ongoing.add(failure("/two", 2 * S), System::default);
        let rest = ongoing.finish();
        let limits: Vec<_> = rest.iter().map(|it| it.first.limit_path.clone().unwrap()).collect();
        assert_eq!(limits, [KernelText::from("/two")]);
    }
}
