//! The records that are in memory: numbered, weighed and bounded.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::incident::model::{Record, Weight};

/// A record's number. Over restarts they go on where the store has them from.
pub(crate) type Number = u64;

/// No record counts as less, so that the bound also bounds how many there are, and room for as many
/// can be reserved.
pub(in crate::delivery) const LEAST: usize = 1024;

/// Records with numbers that follow one another.
#[derive(Debug)]
pub(super) struct Held {
    entries: VecDeque<Entry>,
    /// The number of the first of them.
    front: Number,
    /// Bytes that they may take together.
    bound: usize,
    used: usize,
    /// Before this number, there is nothing left to let go of but whole records.
    shrunk_to: Number,
    /// Records that lost details.
    shrunk: u64,
}

#[derive(Debug)]
struct Entry {
    record: Arc<Record>,
    own: usize,
    /// What it shares with other records, where the one before it does not count that already.
    shared: usize,
}

impl Held {
    pub(super) fn new(bound: usize, next: Number) -> Self {
        let entries = VecDeque::with_capacity(most(bound));
        Self { entries, front: next, bound, used: 0, shrunk_to: next, shrunk: 0 }
    }

    pub(super) fn front(&self) -> Number {
        self.front
    }

    pub(super) fn next(&self) -> Number {
        self.front + self.entries.len() as Number
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn shrunk(&self) -> u64 {
        self.shrunk
    }

    pub(super) fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
        if most(bound) > self.entries.capacity() {
            // To reserve more would copy all the room there was, and so touch it.
            let mut entries = VecDeque::with_capacity(most(bound));
            entries.append(&mut self.entries);
            self.entries = entries;
        }
    }

    /// Adds a record. Makes no room for it.
    pub(super) fn push(&mut self, record: Arc<Record>) {
        self.entries.push_back(Entry { record, own: 0, shared: 0 });
        self.weigh(self.entries.len() - 1);
    }

    /// Keeps to the bound. What is before `saved` goes first: it can be read elsewhere. Then details
    /// go, then the oldest records. One record stays in any case.
    pub(super) fn make_room(&mut self, saved: Number) {
        while self.used > self.bound {
            let has_more = self.entries.len() > 1;
            if self.front < saved && has_more {
                self.pop();
            } else if self.shrunk_to < self.next() {
                self.shrink_next();
            } else if has_more {
                self.pop();
            } else {
                break;
            }
        }
    }

    /// Lets go of all before a number: everybody has it.
    pub(super) fn release(&mut self, before: Number) {
        while self.front < before && !self.entries.is_empty() {
            self.pop();
        }
    }

    /// Some, from a number on.
    pub(super) fn from(&self, first: Number, most: usize) -> Vec<Arc<Record>> {
        let skip = usize::try_from(first.saturating_sub(self.front)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).take(most).map(|it| Arc::clone(&it.record)).collect()
    }

    fn pop(&mut self) {
        let Some(Entry { record, own, mut shared }) = self.entries.pop_front() else { return };
        if let Some(next) = self.entries.front_mut()
            && next.record.shares_with(&record)
        {
            next.shared = std::mem::take(&mut shared);
        }
        self.used -= own + shared;
        self.front += 1;
    }

    fn shrink_next(&mut self) {
        self.shrunk_to = self.shrunk_to.max(self.front);
        let at = usize::try_from(self.shrunk_to - self.front).unwrap_or(usize::MAX);
        self.shrunk_to += 1;
        let before = at.checked_sub(1).and_then(|before| self.entries.get(before));
        let before = before.map(|before| Arc::clone(&before.record));
        let Some(entry) = self.entries.get_mut(at) else { return };
        let Some(less) = entry.record.shrunk(before.as_deref()) else { return };
        entry.record = Arc::new(less);
        self.shrunk += 1;
        self.weigh(at);
        self.weigh(at + 1);
    }

    /// Weighs what is there, once more if it has changed.
    fn weigh(&mut self, at: usize) {
        let before = at.checked_sub(1).and_then(|before| self.entries.get(before));
        let Some(entry) = self.entries.get(at) else { return };
        let shares = before.is_some_and(|before| entry.record.shares_with(&before.record));
        let Weight { own, shared } = entry.record.weight();
        let (own, shared) = (own.max(LEAST), if shares { 0 } else { shared });
        if let Some(entry) = self.entries.get_mut(at) {
            self.used = self.used + own + shared - entry.own - entry.shared;
            (entry.own, entry.shared) = (own, shared);
        }
    }
}

/// The most records that a bound has room for, and the one that comes before room is made.
fn most(bound: usize) -> usize {
    bound / LEAST + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::OomKill;
    use crate::render::fixtures;

    /// The victims of a group, of whom each has arguments of its own.
    fn group(victims: u32) -> Vec<Arc<Record>> {
        let all = fixtures::all();
        let kill = all.into_iter().find_map(|(name, record)| match record {
            Record::OomKill(kill) if name == "everything" => Some(kill),
            _ => None,
        });
        let kill = kill.unwrap();
        let victim = |tid| {
            let mut kill: OomKill = (*kill).clone();
            kill.victim.tid = tid;
            kill.victim.argv = Some(vec!["x".repeat(2000).into()]);
            Arc::new(Record::OomKill(Box::new(kill)))
        };
        (0..victims).map(victim).collect()
    }

    /// One of an incident of its own.
    fn single(incident: u64) -> Arc<Record> {
        let [record] = group(1).try_into().unwrap();
        let Record::OomKill(mut kill) = (*record).clone() else { panic!() };
        kill.incident = format!("7c6e5a0c-{incident:010}");
        Arc::new(Record::OomKill(kill))
    }

    fn full(records: &[Arc<Record>]) -> Held {
        let mut held = Held::new(1 << 24, 1);
        records.iter().for_each(|record| held.push(Arc::clone(record)));
        held
    }

    fn own(record: &Record) -> usize {
        record.weight().own.max(LEAST)
    }

    #[test]
    fn what_is_shared_counts_once_while_any_record_has_it() {
        let records = group(3);
        let Weight { shared, .. } = records[0].weight();
        let own: Vec<_> = records.iter().map(|record| own(record)).collect();
        let mut held = Held::new(1 << 20, 1);
        records.iter().for_each(|record| held.push(Arc::clone(record)));
        assert_eq!(held.used(), own.iter().sum::<usize>() + shared);
        held.release(2);
        assert_eq!(held.used(), own[1] + own[2] + shared);
        held.release(3);
        assert_eq!(held.used(), own[2] + shared);
        held.release(9);
        assert_eq!((held.used(), held.front(), held.next()), (0, 4, 4));
    }

    #[test]
    fn what_is_saved_goes_first_then_details_then_the_oldest() {
        let records: Vec<_> = (0..6).map(single).collect();
        let Weight { own, shared } = records[0].weight();
        let whole = own + shared;
        let less = records[0].shrunk(None).unwrap().weight();
        let thin = less.own.max(LEAST) + less.shared;
        let mut held = Held::new(6 * whole, 1);
        records.iter().for_each(|record| held.push(Arc::clone(record)));
        held.make_room(4);
        assert_eq!((held.front(), held.used(), held.shrunk()), (1, 6 * whole, 0));
        // What the store has goes, no more of it than must.
        held.set_bound(4 * whole);
        held.make_room(4);
        assert_eq!((held.front(), held.used(), held.shrunk()), (3, 4 * whole, 0));
        held.set_bound(2 * whole + thin);
        held.make_room(4);
        assert_eq!((held.front(), held.used(), held.shrunk()), (4, 2 * whole + thin, 1));
        held.set_bound(3 * thin);
        held.make_room(4);
        assert_eq!((held.front(), held.used(), held.shrunk()), (4, 3 * thin, 3));
        held.set_bound(3 * thin - 1);
        held.make_room(4);
        assert_eq!((held.front(), held.used(), held.shrunk()), (5, 2 * thin, 3));
        held.set_bound(0);
        held.make_room(4);
        assert_eq!((held.front(), held.next(), held.used()), (6, 7, thin));
        // Room again: what comes is whole.
        held.set_bound(6 * whole);
        held.push(single(6));
        held.make_room(4);
        assert_eq!((held.used(), held.shrunk()), (thin + whole, 3));
        let kept: Vec<_> =
            held.from(6, 9).iter().map(|it| it.kill().unwrap().shrunk.len()).collect();
        assert_eq!(kept, [6, 0]);
    }

    /// As long as one of a group has the details, they take room; the last one's loss gives it back.
    #[test]
    fn the_victims_of_a_group_are_shrunk_together() {
        let records = group(100);
        let less = records[0].shrunk(None).unwrap();
        let sum = |own: usize, shared: usize| 100 * own + shared;
        let mut held = Held::new(sum(own(&less), less.weight().shared), 1);
        records.iter().for_each(|record| held.push(Arc::clone(record)));
        let Weight { shared, .. } = records[0].weight();
        assert_eq!(held.used(), sum(own(&records[0]), shared));
        held.make_room(1);
        assert_eq!((held.front(), held.shrunk()), (1, 100));
        assert_eq!(held.used(), sum(own(&less), less.weight().shared));
    }

    #[test]
    fn the_account_is_what_is_there_whatever_happened() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let mut held = Held::new(rng.usize(0..100_000), 1);
            for _ in 0..rng.usize(1..40) {
                match rng.u8(0..5) {
                    0 => held.set_bound(rng.usize(0..100_000)),
                    1 => held.release(rng.u64(held.front()..=held.next())),
                    2 => held.push(single(rng.u64(..))),
                    _ => group(rng.u32(1..9)).into_iter().for_each(|record| held.push(record)),
                }
                held.make_room(rng.u64(1..=held.next()));
                let records = held.from(0, usize::MAX);
                assert_eq!(full(&records).used, held.used);
                assert!(held.used <= held.bound || records.len() == 1);
            }
        }
    }

    #[test]
    fn to_push_takes_no_room_that_was_not_reserved() {
        let bound = 64 * LEAST;
        let mut held = Held::new(bound, 1);
        let room = held.entries.capacity();
        for _ in 0..500 {
            let exit = fixtures::all().into_iter().find(|(name, _)| *name == "exit_unknown");
            held.push(Arc::new(exit.unwrap().1));
            held.make_room(1);
        }
        assert_eq!((held.entries.capacity(), held.entries.len()), (room, 64));
    }
}
