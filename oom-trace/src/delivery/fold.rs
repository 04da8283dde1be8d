//! Kills that repeat themselves, for a sink that tells people: the first at a place at once, and how
//! many more there were when a while is over.
//!
//! What is counted here and not told yet is not done with: the store has the sink go on there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::backlog::Number;
use crate::incident::model::{Record, RecordType};
use crate::sink::{Place, Repeats};

/// Places that are told apart; the kills at others are taken for those of one. Names are chosen by
/// processes, and each place keeps a record.
const PLACES: usize = 64;

/// Where the others are.
const ELSEWHERE: &str = "other places";

/// The places that were told of lately.
#[derive(Debug)]
pub(super) struct Fold {
    window: Duration,
    by_pod: bool,
    places: Vec<Told>,
}

/// A place that was told of.
#[derive(Debug)]
struct Told {
    place: Place,
    at: Instant,
    /// When what came since is told.
    ends: Instant,
    /// The time of the record that was told of.
    time: Option<Timestamp>,
    since: Option<Since>,
}

/// What came since.
#[derive(Debug)]
struct Since {
    first: Number,
    more: u64,
    last: Arc<Record>,
}

/// What is to be told of a place.
#[derive(Debug)]
pub(super) struct Due {
    place: Place,
    pub(super) last: Arc<Record>,
    pub(super) repeats: Repeats,
}

impl Fold {
    /// `by_pod` is [`crate::sink::Choice::by_pod`].
    pub(super) fn new(window: Duration, by_pod: bool) -> Self {
        Self { window, by_pod, places: Vec::new() }
    }

    /// Whether a record is told with others later; else it is to be told now.
    pub(super) fn takes(&mut self, number: Number, record: &Arc<Record>, now: Instant) -> bool {
        let place = if self.by_pod { Place::by_pod(record) } else { Place::of(record) };
        let Some(place) = place else { return false };
        let place = self.known_as(place);
        if let Some(told) = self.places.iter_mut().find(|told| told.place == place) {
            let since = told.since.get_or_insert_with(|| Since {
                first: number,
                more: 0,
                last: Arc::clone(record),
            });
            since.more += 1;
            since.last = Arc::clone(record);
            return true;
        }
        let time = record.origin().time;
        self.places.push(Told { place, at: now, ends: now + self.window, time, since: None });
        false
    }

    /// The place itself, or where all are that there is no room for.
    fn known_as(&self, place: Place) -> Place {
        let is_known = self.places.iter().any(|told| told.place == place);
        if is_known || self.places.len() < PLACES {
            return place;
        }
        Place { kind: RecordType::OomKill, name: ELSEWHERE.to_owned() }
    }

    /// When there is something to do next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.places.iter().map(|told| told.ends).min()
    }

    /// Something to be told whose while is over by then; with `None` anything that was not told.
    /// Places where nothing came since are forgotten.
    pub(super) fn due(&mut self, now: Option<Instant>) -> Option<Due> {
        let is_over = |told: &Told| now.is_none_or(|now| told.ends <= now);
        self.places.retain(|told| told.since.is_some() || !is_over(told));
        let told = self.places.iter().find(|told| told.since.is_some() && is_over(told))?;
        let since = told.since.as_ref()?;
        let lasted =
            told.time.zip(since.last.origin().time).map(|(from, to)| to.duration_since(from));
        let within = lasted.and_then(|lasted| Duration::try_from(lasted).ok());
        // Records that do not say when they were.
        let since_told = || told.at.elapsed();
        Some(Due {
            place: told.place.clone(),
            last: Arc::clone(&since.last),
            repeats: Repeats {
                more: since.more,
                within: within.unwrap_or_else(since_told),
                at: told.place.name.clone(),
            },
        })
    }

    /// That was told: from here on it is counted anew.
    pub(super) fn told(&mut self, due: &Due, now: Instant) {
        if let Some(told) = self.places.iter_mut().find(|told| told.place == due.place) {
            told.since = None;
            told.time = due.last.origin().time;
            (told.at, told.ends) = (now, now + self.window);
        }
    }

    /// How many records are not told.
    pub(super) fn untold(&self) -> u64 {
        self.places.iter().filter_map(|told| told.since.as_ref()).map(|since| since.more).sum()
    }

    /// The first of them.
    pub(super) fn first_untold(&self) -> Option<Number> {
        self.places.iter().filter_map(|told| told.since.as_ref()).map(|since| since.first).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    const WINDOW: Duration = Duration::from_secs(600);

    /// A kill of this name, so many seconds after the others.
    fn kill(comm: &str, seconds: i64) -> Arc<Record> {
        let mut kill = fixtures::global();
        kill.victim.comm = Some(comm.into());
        let time = kill.origin.time.unwrap();
        kill.origin.time = time.checked_add(jiff::SignedDuration::from_secs(seconds)).ok();
        Arc::new(Record::OomKill(Box::new(kill)))
    }

    #[test]
    fn the_first_at_a_place_is_told_at_once_and_the_others_when_the_while_is_over() {
        let (mut fold, start) = (Fold::new(WINDOW, false), Instant::now());
        assert!(!fold.takes(1, &kill("java", 0), start));
        for number in 2..19 {
            let seconds = i64::try_from(number).unwrap();
            assert!(fold.takes(number, &kill("java", seconds), start));
        }
        assert!(!fold.takes(19, &kill("node", 0), start));
        assert_eq!((fold.first_untold(), fold.next()), (Some(2), Some(start + WINDOW)));
        assert!(fold.due(Some(start)).is_none());
        let due = fold.due(Some(start + WINDOW)).unwrap();
        let at = "process java".to_owned();
        assert_eq!(due.repeats, Repeats { more: 17, within: Duration::from_secs(18), at });
        assert_eq!(fold.untold(), 17);
        assert_eq!(due.last, kill("java", 18));
        fold.told(&due, start + WINDOW);
        assert_eq!(fold.first_untold(), None);
        // It is told of once in a while for as long as it lasts, and forgotten after that.
        assert!(fold.takes(20, &kill("java", 700), start + WINDOW));
        assert!(!fold.takes(21, &kill("node", 700), start + WINDOW));
        let due = fold.due(Some(start + 2 * WINDOW)).unwrap();
        assert_eq!((due.repeats.more, due.repeats.within), (1, Duration::from_secs(682)));
        fold.told(&due, start + 2 * WINDOW);
        assert!(fold.due(Some(start + 3 * WINDOW)).is_none());
        assert_eq!(fold.next(), None);
        assert!(!fold.takes(22, &kill("java", 0), start + 3 * WINDOW));
    }

    #[test]
    fn pods_below_one_limit_are_told_apart_where_that_is_wanted() {
        let kills = ["web-1", "web-2"].map(|name| {
            let mut kill = fixtures::memcg();
            kill.victim.pod = Some(fixtures::pod("shop", name));
            Arc::new(Record::OomKill(Box::new(kill)))
        });
        for (by_pod, later) in [(false, [false, true]), (true, [false, false])] {
            let mut fold = Fold::new(WINDOW, by_pod);
            assert_eq!(kills.each_ref().map(|kill| fold.takes(1, kill, Instant::now())), later);
        }
    }

    #[test]
    fn at_the_end_all_is_told_that_was_not() {
        let (mut fold, start) = (Fold::new(WINDOW, false), Instant::now());
        for comm in ["java", "node"] {
            assert!(!fold.takes(1, &kill(comm, 0), start));
            assert!(fold.takes(2, &kill(comm, 1), start));
        }
        let mut told = Vec::new();
        while let Some(due) = fold.due(None) {
            fold.told(&due, start);
            told.push(due.repeats.more);
        }
        assert_eq!(told, [1, 1]);
    }

    #[test]
    fn what_is_no_kill_is_told_as_it_comes() {
        let (mut fold, start) = (Fold::new(WINDOW, false), Instant::now());
        for (name, record) in fixtures::all() {
            if matches!(record, Record::OomPanic(_) | Record::OomExit(_) | Record::Agent(_)) {
                assert!(!fold.takes(1, &Arc::new(record), start), "{name}");
            }
        }
        assert_eq!(fold.next(), None);
    }

    #[test]
    fn places_without_number_take_no_more_room_and_none_is_lost() {
        let (mut fold, start) = (Fold::new(WINDOW, false), Instant::now());
        let at_once =
            (1..=200).filter(|number| !fold.takes(*number, &kill(&format!("p{number}"), 0), start));
        assert_eq!(at_once.count(), PLACES + 1);
        let repeats = fold.due(None).unwrap().repeats;
        assert_eq!((repeats.more, repeats.at.as_str()), (199 - PLACES as u64, ELSEWHERE));
    }
}
