//! Which kills of the log are the same as records of the store.

use crate::incident::model::OomKill;
use crate::store::{Known, Pruned, Told};

/// By how many nanoseconds the log's stamp of a kill may differ from the hooks': the log's line comes
/// after the decision, and a dump of a thousand tasks to a serial console before it.
pub(super) const APART: u64 = 10 * 1_000_000_000;

/// The log's clock is not steered as the other one is (parts of a million).
const DRIFT_PPM: u64 = 500;

/// How long, in microseconds, a group may take to be killed: its first victim is killed once more at
/// the end, on a line that names it alone.
const AGAIN_US: u64 = 60 * 1_000_000;

/// Pairs that are compared in full; beyond, the first that fits is taken.
const MOST_PAIRS: usize = 1 << 22;

/// A kill of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Logged {
    pub(super) tid: u32,
    /// By the log's clock, which does not count suspension.
    pub(super) boot_ns: u64,
    /// The stamp of the line that says so.
    pub(super) log_us: u64,
    pub(super) kills: u32,
}

impl Logged {
    /// `None` if it has no stamp.
    pub(super) fn of(kill: &OomKill) -> Option<Self> {
        Some(Self {
            tid: kill.victim.tid,
            boot_ns: kill.origin.boot_ns?,
            log_us: kill.log_us?,
            kills: kill.kill_count.unwrap_or(1),
        })
    }

    /// No two kills of a log have the same.
    pub(super) fn key(&self) -> (u32, u64) {
        (self.tid, self.log_us)
    }
}

/// How far apart in time a kill of the log and a record are if they may be the same; nothing for a
/// record that names its line of the log.
pub(super) fn same(logged: &Logged, known: &Known, slept: u64) -> Option<u64> {
    if logged.tid != known.tid {
        return None;
    }
    if let Some(log_us) = known.log_us {
        return (log_us == logged.log_us).then_some(0);
    }
    // It slept before the kill or after it, or both.
    let nearest = known.boot_ns.clamp(logged.boot_ns, logged.boot_ns.saturating_add(slept));
    let apart = nearest.abs_diff(known.boot_ns);
    let drift = known.boot_ns / 1_000_000 * DRIFT_PPM;
    (apart <= APART.saturating_add(drift)).then_some(apart)
}

/// Whether a line of the log may be of a further kill of a victim whose record names its first.
pub(super) fn is_again(logged: &Logged, known: &Known) -> bool {
    let within = |first| (1..=AGAIN_US).contains(&logged.log_us.saturating_sub(first));
    logged.tid == known.tid && known.kills > 1 && known.log_us.is_some_and(within)
}

/// Those of the log that were not told, in its order.
pub(super) fn missing(logged: impl Iterator<Item = Logged>, told: Told, slept: u64) -> Vec<Logged> {
    let mut records = Records::new(told, slept);
    let mut missing: Vec<_> = logged.filter(|logged| records.lack(logged)).collect();
    missing.extend(records.lack_in_the_end());
    order(&mut missing);
    missing
}

/// Puts them in the order of the log.
fn order(logged: &mut [Logged]) {
    logged.sort_unstable_by_key(|logged| (logged.log_us, logged.tid));
}

/// What was told. Each record is of one kill: ids of threads are used again.
pub(super) struct Records {
    /// By thread and time.
    kills: Vec<Known>,
    pruned: Pruned,
    slept: u64,
    /// Kills of the log of which one of several may have been told.
    unsure: Vec<Logged>,
}

impl Records {
    pub(super) fn new(told: Told, slept: u64) -> Self {
        let Told { kills, pruned } = told;
        Self { kills, pruned, slept, unsure: Vec::new() }
    }

    /// Whether the next kill of the log is surely missing. A record that names no line of the log may be of
    /// it or of another one: that is known in the end.
    pub(super) fn lack(&mut self, logged: &Logged) -> bool {
        if is_pruned(logged, &self.pruned) {
            return false;
        }
        let slept = self.slept;
        let known = self.of(logged.tid);
        if known.iter().any(|known| known.log_us == Some(logged.log_us)) {
            return false;
        }
        if let Some(known) = known.iter_mut().find(|known| is_again(logged, known)) {
            known.kills -= 1;
            return false;
        }
        let may_be_told = known.iter().any(|known| same(logged, known, slept).is_some());
        self.unsure.extend(may_be_told.then_some(*logged));
        !may_be_told
    }

    /// Those that are missing of which that was not sure, in the order of the log.
    pub(super) fn lack_in_the_end(mut self) -> Vec<Logged> {
        let mut unsure = std::mem::take(&mut self.unsure);
        order(&mut unsure);
        let mut missing = Vec::new();
        while let Some(tid) = unsure.first().map(|logged| logged.tid) {
            let logged = unsure.extract_if(.., |logged| logged.tid == tid).collect();
            missing.extend(unmatched(logged, self.of(tid).to_vec(), self.slept));
        }
        order(&mut missing);
        missing
    }

    /// Those of a thread's id.
    fn of(&mut self, tid: u32) -> &mut [Known] {
        let first = self.kills.partition_point(|known| known.tid < tid);
        let end = self.kills.partition_point(|known| known.tid <= tid);
        self.kills.get_mut(first..end).unwrap_or_default()
    }
}

/// Whether a record of it was let go of: what is as old as that is not told again.
fn is_pruned(logged: &Logged, pruned: &Pruned) -> bool {
    match (pruned.log_us, pruned.boot_ns) {
        (Some(log_us), _) if logged.log_us <= log_us => true,
        (None, Some(boot_ns)) => logged.boot_ns <= boot_ns.saturating_add(APART),
        _ => false,
    }
}

/// Those of one thread's id, in the order of the log: as many as can be in order of time are paired with
/// records that name no line of it, those that are nearest.
fn unmatched(logged: Vec<Logged>, mut unnamed: Vec<Known>, slept: u64) -> Vec<Logged> {
    unnamed.retain(|known| known.log_us.is_none());
    if logged.len().saturating_mul(unnamed.len()) > MOST_PAIRS {
        return first_that_fit(logged, &unnamed, slept);
    }
    // For the rest of both from each place on: how many pairs, and how far apart in all.
    let width = unnamed.len() + 1;
    let mut best = vec![(0_u32, 0_u64); (logged.len() + 1) * width];
    let get = |best: &[(u32, u64)], at: usize| best.get(at).copied().unwrap_or_default();
    let better = |a: (u32, u64), b: (u32, u64)| {
        if (b.0, std::cmp::Reverse(b.1)) > (a.0, std::cmp::Reverse(a.1)) { b } else { a }
    };
    let paired = |best: &[(u32, u64)], at: usize, apart: u64| {
        let (pairs, sum) = get(best, at + width + 1);
        (pairs + 1, sum.saturating_add(apart))
    };
    for (row, logged) in logged.iter().enumerate().rev() {
        for (column, known) in unnamed.iter().enumerate().rev() {
            let at = row * width + column;
            let without = better(get(&best, at + 1), get(&best, at + width));
            let chosen = same(logged, known, slept)
                .map_or(without, |apart| better(without, paired(&best, at, apart)));
            if let Some(place) = best.get_mut(at) {
                *place = chosen;
            }
        }
    }
    let (mut left, mut column) = (Vec::new(), 0);
    for (row, logged) in logged.into_iter().enumerate() {
        // Records before the one that it is paired with are of kills that the log lacks.
        let pair = (column..unnamed.len()).find(|column| {
            let at = row * width + column;
            get(&best, at) != get(&best, at + 1)
        });
        let is_paired = pair.filter(|column| {
            let at = row * width + column;
            get(&best, at) != get(&best, at + width)
        });
        match is_paired {
            Some(pair) => column = pair + 1,
            None => left.push(logged),
        }
    }
    left
}

fn first_that_fit(logged: Vec<Logged>, known: &[Known], slept: u64) -> Vec<Logged> {
    let mut known = known.iter().peekable();
    let is_missing = |logged: &Logged| {
        while known
            .next_if(|it| it.boot_ns < logged.boot_ns && same(logged, it, slept).is_none())
            .is_some()
        {}
        known.next_if(|it| same(logged, it, slept).is_some()).is_none()
    };
    let mut is_missing = is_missing;
    logged.into_iter().filter(|logged| is_missing(logged)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn logged(tid: u32, at: u64) -> Logged {
        Logged { tid, boot_ns: at * SECOND, log_us: at * 1_000_000 + u64::from(tid), kills: 1 }
    }

    fn known(tid: u32, at: u64) -> Known {
        Known { tid, boot_ns: at * SECOND, log_us: None, kills: 1 }
    }

    fn times(logged: &[(u32, u64)], known: Vec<Known>, slept: u64) -> Vec<u64> {
        let logged = logged.iter().map(|&(tid, at)| self::logged(tid, at));
        let told = Told { kills: known, pruned: Pruned::default() };
        let missing = missing(logged, told, slept * SECOND);
        missing.iter().map(|logged| logged.boot_ns / SECOND).collect()
    }

    #[test]
    fn a_kill_is_missed_if_no_record_is_of_its_thread_and_time() {
        for (tid, at, slept, missed) in [
            (7, 1000, 0, false),
            (7, 1002, 0, false),
            // The id was given to another process.
            (7, 2000, 0, true),
            (8, 1000, 0, true),
            // The log's clock stood still for so long.
            (7, 400, 600, false),
            (7, 400, 500, true),
        ] {
            let missing = times(&[(tid, at)], vec![known(7, 1000)], slept);
            assert_eq!(!missing.is_empty(), missed, "{tid} {at} {slept}");
        }
    }

    /// An id that comes round within seconds: each record is of one kill, the nearest.
    #[test]
    fn each_record_is_of_one_kill() {
        let log = [(7, 100), (7, 103), (7, 106)];
        assert_eq!(times(&log, vec![], 0), [100, 103, 106]);
        assert_eq!(times(&log, vec![known(7, 100)], 0), [103, 106]);
        assert_eq!(times(&log, vec![known(7, 103)], 0), [100, 106]);
        assert_eq!(times(&log, vec![known(7, 106)], 0), [100, 103]);
        assert_eq!(times(&log, vec![known(7, 99), known(7, 105)], 0), [103]);
        assert_eq!(times(&log, vec![known(7, 100), known(7, 103), known(7, 106)], 0), [0_u64; 0]);
        // As many as can be, though one could be nearer: a slow console delays all of them.
        assert_eq!(times(&[(7, 106), (7, 111)], vec![known(7, 100), known(7, 105)], 0), [0_u64; 0]);
        // Some of them the log lacks.
        assert_eq!(
            times(&[(7, 106)], vec![known(7, 100), known(7, 103), known(7, 106)], 0),
            [0_u64; 0]
        );
    }

    #[test]
    fn the_line_of_the_log_decides_where_it_is_known() {
        let named =
            |at: u64, line: u64| Known { log_us: Some(line * 1_000_000 + 7), ..known(7, at) };
        let log = [(7, 100), (7, 103)];
        // Nearer to the second, and yet the first.
        assert_eq!(times(&log, vec![named(103, 100)], 0), [103]);
        // The log has it no longer.
        assert_eq!(times(&log, vec![named(103, 99)], 0), [100, 103]);
        assert_eq!(times(&log, vec![named(100, 100), known(7, 100)], 0), [0_u64; 0]);
    }

    /// The first victim of a group, and a process with its id a minute later.
    #[test]
    fn a_further_kill_of_a_victim_is_told_by_its_record() {
        let twice = Known { log_us: Some(100_000_007), kills: 2, ..known(7, 100) };
        assert_eq!(times(&[(7, 100), (7, 101)], vec![twice], 0), [0_u64; 0]);
        assert_eq!(times(&[(7, 100), (7, 101), (7, 102)], vec![twice], 0), [102]);
        assert_eq!(times(&[(7, 100), (7, 161)], vec![twice], 0), [161]);
        let once = Known { kills: 1, ..twice };
        assert_eq!(times(&[(7, 100), (7, 101)], vec![once], 0), [101]);
    }

    #[test]
    fn what_was_let_go_of_is_not_told_again() {
        let log = || [50, 100, 103, 160].into_iter().map(|at| logged(7, at));
        let left = |pruned| {
            let missing = missing(log(), Told { kills: Vec::new(), pruned }, 0);
            missing.iter().map(|logged| logged.boot_ns / SECOND).collect::<Vec<_>>()
        };
        let until = |at: u64, log_us| Pruned { boot_ns: Some(at * SECOND), log_us, kills: 9 };
        assert_eq!(left(until(100, Some(100_000_007))), [103, 160]);
        assert_eq!(left(until(100, None)), [160]);
    }

    /// By another way: all ways to pair them are tried.
    #[test]
    fn no_other_way_to_pair_them_is_better() {
        fn all(logged: &[Logged], known: &[Known]) -> (u32, std::cmp::Reverse<u64>) {
            let ([first, rest @ ..], [one, others @ ..]) = (logged, known) else {
                return (0, std::cmp::Reverse(0));
            };
            let without = all(rest, known).max(all(logged, others));
            same(first, one, 0).map_or(without, |apart| {
                let (pairs, std::cmp::Reverse(sum)) = all(rest, others);
                without.max((pairs + 1, std::cmp::Reverse(sum + apart)))
            })
        }
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..2000 {
            let mut some =
                |all: u64| -> Vec<u64> { (0..rng.u64(0..all)).map(|_| rng.u64(0..40)).collect() };
            let (mut log, mut records) = (some(6), some(6));
            log.sort_unstable();
            log.dedup();
            records.sort_unstable();
            let log: Vec<_> = log.into_iter().map(|at| logged(7, at)).collect();
            let records: Vec<_> = records.into_iter().map(|at| known(7, at)).collect();
            let (pairs, apart) = all(&log, &records);
            let left = unmatched(log.clone(), records.clone(), 0);
            assert_eq!(log.len() - left.len(), pairs as usize, "{log:?} {records:?}");
            let paired: Vec<_> = log.into_iter().filter(|it| !left.contains(it)).collect();
            assert_eq!(all(&paired, &records), (pairs, apart), "{left:?} {records:?}");
            let first = first_that_fit(paired.clone(), &records, 0);
            assert!(first.len() <= paired.len());
        }
    }
}
