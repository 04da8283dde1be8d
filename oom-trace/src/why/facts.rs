//! What is read off a record in more than one place.

use crate::incident::model::{Candidate, Census, Memory, OomKill, Scope, Sum, System, Victim};
use crate::quote::{Quoted, TaskLabel};
use crate::text::KernelText;
use crate::units::{Age, Size};

/// A victim gives its memory back within milliseconds: what was read later is of another machine.
const SOON_MS: u64 = 10;

/// Swap of which less is free is full: the last slots wait in lists of single processors.
const FULL_PERCENT: u64 = 2;

/// A process that is younger has done little but start.
const SUDDEN_MS: u64 = 1000;

/// A machine with so much left was not short.
const PLENTY_PERCENT: u64 = 10;

/// Whether `part` is so many percent of `whole`, which is something.
pub(super) fn is_share(part: u64, whole: u64, of: u64) -> bool {
    whole > 0 && u128::from(part) * 100 >= u128::from(whole) * u128::from(of)
}

/// Whether swap is full.
pub(super) fn is_full(free: u64, total: u64) -> bool {
    total > 0 && !is_share(free, total, FULL_PERCENT)
}

/// The sum, if all are known.
pub(super) fn sum(parts: impl IntoIterator<Item = Option<u64>>) -> Option<u64> {
    parts.into_iter().try_fold(0_u64, |sum, part| Some(sum.saturating_add(part?)))
}

/// Whether one of so many holds most of what all hold together: then their average says nothing.
pub(super) fn stands_out(largest: u64, count: u64, held: u64) -> bool {
    let others = held.saturating_sub(largest);
    let each = others.checked_div(count.saturating_sub(1)).unwrap_or(0);
    largest > others && largest / 2 >= each
}

pub(super) fn is_global(kill: &OomKill) -> bool {
    kill.shortage.scope == Some(Scope::Global)
}

/// The machine, if it was what ran out of memory.
pub(super) fn short_machine(kill: &OomKill) -> Option<&System> {
    kill.system.as_deref().filter(|_| is_global(kill))
}

pub(super) fn who(victim: &Victim) -> String {
    name(victim.comm.as_ref(), "the victim")
}

pub(super) fn name(comm: Option<&KernelText>, unknown: &str) -> String {
    comm.map_or_else(|| unknown.to_owned(), |comm| Quoted::from(comm).to_string())
}

pub(super) fn task(comm: &KernelText, pid: u32) -> String {
    TaskLabel { comm: Some(comm), pid: Some(pid), tid: None }.to_string()
}

/// The task that asked, if it is not the victim.
pub(super) fn asker(kill: &OomKill) -> Option<String> {
    let trigger = kill.shortage.trigger.as_ref()?;
    let (pid, victim) = (trigger.pid?, kill.victim.pid?);
    (pid != victim).then_some(task(trigger.comm.as_ref()?, pid))
}

/// What all processes that were weighed are together; `None` unless every one is told of.
pub(super) fn all(kill: &OomKill) -> Option<Sum> {
    listed(kill).filter(|_| !is_cut(kill))
}

/// The same, of a log of those that its table has: rows may have been left out where it was copied.
pub(super) fn listed(kill: &OomKill) -> Option<Sum> {
    if let Some(census) = &kill.census {
        return Some(census.total.clone());
    }
    let candidates = kill.candidates.as_ref()?;
    let told = u64::try_from(candidates.top.len()).ok()?;
    Census::of(&candidates.top).map(|it| it.total).filter(|_| told == candidates.total)
}

/// Whether rows are missing for certain: of a machine's processes the table has few, and not the one that asked.
fn is_cut(kill: &OomKill) -> bool {
    let Some(trigger) = kill.shortage.trigger.as_ref().filter(|_| kill.source.is_kernel_log())
    else {
        return false;
    };
    let Some(Census { by_name, other_names: None, .. }) = kill.census.as_deref() else {
        return false;
    };
    let is_listed = trigger.pid.is_some() || by_name.iter().any(|it| it.comm == trigger.comm);
    is_global(kill) && trigger.comm.is_some() && !is_listed
}

/// `both processes`, `all 7 processes`, `the 7 processes in the log's table`
pub(super) fn everyone(kill: &OomKill, count: u64) -> String {
    match count {
        count if kill.source.is_kernel_log() => format!("the {count} processes in the log's table"),
        2 => "both processes".to_owned(),
        count => format!("all {count} processes"),
    }
}

/// What processes have for themselves, and are charged for where they run. Files and shared memory are
/// charged to whoever touched them first.
pub(super) fn own(all: &Sum) -> Option<u64> {
    sum([all.memory.anon_rss_bytes, Some(all.memory.pgtables_bytes.unwrap_or(0))])
}

/// What the machine has, or the part of it that the kernel weighed against.
pub(super) fn machine_bytes(kill: &OomKill) -> Option<u64> {
    kill.system.as_ref()?.total_bytes
}

/// What memory and swap of the machine are, by the share of them that the log tells for the victim: before
/// 5.1 it prints the score, which is badness in thousandths of them.
pub(super) fn by_score(kill: &OomKill) -> Option<u64> {
    let chosen = kill.chosen.as_ref().filter(|_| is_global(kill))?;
    let is_own = chosen.tid == kill.victim.tid || Some(chosen.tid) == kill.victim.pid;
    let is_plain = kill.victim.oom_score_adj == Some(0) && is_own;
    // A small score is a coarse one.
    let score = u64::from(chosen.score.filter(|score| is_plain && (100..=1000).contains(score))?);
    let held = weighed(&kill.victim.memory)?;
    held.checked_mul(1000)?.checked_div(score)
}

/// What was free at the decision: a later reading may hold what the victim gave back.
pub(super) fn free_before(kill: &OomKill, free: u64) -> u64 {
    let system = kill.system.as_ref();
    match system.and_then(|system| system.taken_after_ms) {
        Some(1..) => free.saturating_sub(kill.victim.memory.resident().unwrap_or(0)),
        _ => free,
    }
}

/// What those that are told of hold; there may be more.
pub(super) fn held_at_least(kill: &OomKill) -> Option<u64> {
    if let Some(census) = &kill.census {
        return census.total.rss_bytes;
    }
    let known = kill.candidates.as_ref()?.top.iter().filter_map(Candidate::rss);
    Some(known.fold(0, u64::saturating_add))
}

/// The largest of those that were weighed, if it is not the victim and holds more than it.
pub(super) fn larger(kill: &OomKill) -> Option<&Candidate> {
    let largest = kill.candidates.as_ref()?.largest.as_ref()?;
    let victim = weighed(&kill.victim.memory)?;
    (largest.pid != kill.victim.pid? && largest.held()? > victim).then_some(largest)
}

/// What the kernel weighs, but for page tables.
pub(super) fn weighed(memory: &Memory) -> Option<u64> {
    sum([memory.resident(), Some(memory.swap_bytes.unwrap_or(0))])
}

/// `3.1 GiB of 16.0 GiB free`
pub(super) fn free(free: Option<u64>, total: Option<u64>) -> Option<String> {
    Some(match total {
        Some(total) => format!("{} of {} free", Size(free?), Size(total)),
        None => format!("{} free", Size(free?)),
    })
}

/// Whether the machine had memory left when a limit was hit; `None` if nobody knows.
pub(super) fn has_plenty(kill: &OomKill) -> Option<bool> {
    let system = kill.system.as_deref().filter(|_| !is_global(kill))?;
    let left = free_before(kill, system.available_bytes.or(system.free_bytes)?);
    Some(is_share(left, system.total_bytes?, PLENTY_PERCENT))
}

/// The victim's age in milliseconds, if it had hardly begun to run.
pub(super) fn at_once(kill: &OomKill) -> Option<u64> {
    kill.victim.age_ms.filter(|ms| *ms < SUDDEN_MS)
}

/// What stands behind a reading that was not taken at once.
pub(super) fn later(system: &System) -> String {
    match system.taken_after_ms {
        Some(ms) if ms > SOON_MS => format!(" ({} later)", Age(ms)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata;
    use super::*;
    use crate::incident::model::Source;

    #[test]
    fn shares_of_nothing_are_none_and_of_much_do_not_overflow() {
        assert!(is_share(50, 100, 50) && !is_share(49, 100, 50) && !is_share(0, 0, 0));
        assert_eq!(sum([Some(u64::MAX), Some(1)]), Some(u64::MAX));
        assert_eq!(sum([Some(1), None]), None);
    }

    #[test]
    fn one_that_holds_most_stands_out() {
        assert!(stands_out(411, 5, 504) && stands_out(51, 3, 100) && stands_out(67, 2, 100));
        assert!(!stands_out(50, 5, 100) && !stands_out(60, 2, 100) && !stands_out(10, 10, 100));
        assert!(!stands_out(0, 0, 0) && stands_out(u64::MAX, u64::MAX, u64::MAX));
    }

    #[test]
    fn the_sum_over_all_needs_all() {
        let mut kill = testdata::of_the_machine();
        let rss = |kill: &OomKill| all(kill).and_then(|all| all.rss_bytes);
        assert_eq!(rss(&kill), None);
        let told = [testdata::candidate(7, 10), testdata::candidate(8, 20)];
        kill.candidates = Some(testdata::candidates(&told));
        assert_eq!(rss(&kill), Some(30 << 20));
        kill.candidates.as_mut().unwrap().total = 3;
        assert_eq!(rss(&kill), None);
        kill.census = Census::of(&told).map(Into::into);
        assert_eq!(rss(&kill), Some(30 << 20));
    }

    #[test]
    fn a_table_that_was_cut_is_not_all() {
        let mut kill = testdata::of_the_machine();
        let told = [testdata::candidate(7, 10), testdata::candidate(8, 20)];
        kill.census = Census::of(&told).map(Into::into);
        kill.source = Source::KernelLog;
        let trigger = |kill: &mut OomKill, pid, comm: &str| {
            let trigger = kill.shortage.trigger.as_mut().unwrap();
            (trigger.pid, trigger.comm) = (pid, Some(comm.into()));
        };
        trigger(&mut kill, None, "dockerd");
        assert_eq!((all(&kill), listed(&kill).is_some()), (None, true));
        assert_eq!(everyone(&kill, 2), "the 2 processes in the log's table");
        trigger(&mut kill, None, "task8");
        assert!(all(&kill).is_some());
        trigger(&mut kill, Some(8), "a-thread");
        assert!(all(&kill).is_some());
        // The hooks count all.
        trigger(&mut kill, None, "dockerd");
        kill.source = Source::Kprobe;
        assert!(all(&kill).is_some());
        assert_eq!(everyone(&kill, 2), "both processes");
    }

    #[test]
    fn one_that_holds_as_much_is_not_larger() {
        let mut kill = testdata::of_the_machine();
        testdata::held(&mut kill, 100);
        kill.candidates = Some(testdata::candidates(&[testdata::candidate(9, 100)]));
        assert!(larger(&kill).is_none());
        kill.candidates = Some(testdata::candidates(&[testdata::candidate(9, 101)]));
        assert_eq!(larger(&kill).unwrap().pid, 9);
    }

    #[test]
    fn a_later_reading_may_hold_what_the_victim_gave_back() {
        let mut kill = testdata::of_the_machine();
        testdata::held(&mut kill, 100);
        assert_eq!(free_before(&kill, 150 << 20), 150 << 20);
        kill.system.as_mut().unwrap().taken_after_ms = Some(5);
        assert_eq!(free_before(&kill, 150 << 20), 50 << 20);
    }
}
