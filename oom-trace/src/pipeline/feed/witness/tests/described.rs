//! Which dump of a log is whose, by logs of real kernels that were put together otherwise.

use std::time::{Duration, Instant};

use super::{Kmsg, Lines, dump};
use crate::incident::model::{OomKill, Record, Scope};
use crate::kernel_log::Machine;
use crate::pipeline::feed::witness::told;
use crate::pipeline::rehearsal::messages;

const MEMCG: &str = include_str!("../../../../../testdata/logs/6.12-memcg.kmsg");
const GLOBAL: &str = include_str!("../../../../../testdata/logs/6.12-global.kmsg");

/// The threads that run out of memory there, and are killed.
const MEMHOG: u32 = 157;
const JAVA: u32 = 169;

/// Of another thread, whose allocation has failed.
const FOREIGN: [&str; 4] = [
    "4,1,4564500,-;kworker/0:1: page allocation failure: order:0, mode:0x820(GFP_ATOMIC)",
    "4,2,4564501,-;Mem-Info:",
    "4,3,4564502,-;Node 0 DMA free:4kB boost:0kB min:4kB low:4kB high:4kB managed:4kB",
    "4,4,4564503,-;77 pages RAM",
];

fn log(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The same from a kernel that says who logs.
fn by(caller: &str, lines: Vec<String>) -> Vec<String> {
    let with = |line: String| line.replacen(",-;", &format!(",-,caller={caller};"), 1);
    lines.into_iter().map(with).collect()
}

/// The same so many seconds later.
fn later(seconds: u64, lines: Vec<String>) -> Vec<String> {
    let shift = |line: String| {
        let [level, number, us, rest] = line.splitn(4, ',').collect::<Vec<_>>().try_into().unwrap();
        let us = us.parse::<u64>().unwrap() + seconds * 1_000_000;
        format!("{level},{number},{us},{rest}")
    };
    lines.into_iter().map(shift).collect()
}

/// Others after the line that has this text.
fn put_after(text: &str, lines: Vec<String>, others: Vec<String>) -> Vec<String> {
    let place = lines.iter().position(|line| line.contains(text)).unwrap() + 1;
    [lines[..place].to_vec(), others, lines[place..].to_vec()].concat()
}

fn without(text: &str, mut lines: Vec<String>) -> Vec<String> {
    lines.retain(|line| !line.contains(text));
    lines
}

/// The line of the kill alone.
fn killed(mut lines: Vec<String>) -> Vec<String> {
    lines.retain(|line| line.contains("Killed process"));
    lines
}

fn read_into(lines: &mut Lines, log: &[String], bound: usize) {
    for line in log {
        lines.add(Kmsg::parse(line.as_bytes()).unwrap(), Instant::now(), bound);
    }
}

fn read(log: &[String]) -> Lines {
    let mut lines = Lines::default();
    read_into(&mut lines, log, dump::MOST);
    lines
}

/// What is told of the kill of `tid` that `trigger` caused.
fn told_of(lines: &mut Lines, tid: u32, trigger: u32) -> OomKill {
    let marked_ns = lines.new.iter().find(|line| line.killed.tid == tid).unwrap().stamp_ns;
    let line = lines.take(tid, marked_ns, 0).unwrap();
    *told::kill(&line, &Machine::default(), Some((trigger, trigger))).unwrap()
}

fn stat(kill: &OomKill) -> Option<u64> {
    kill.shortage.limit.as_ref()?.stat.as_ref()?.get("anon").copied()
}

fn assert_memcg(kill: &OomKill) {
    assert_eq!(stat(kill), Some(25_055_232));
    assert_eq!(kill.shortage.scope, Some(Scope::Memcg));
    let limit = kill.shortage.limit.as_ref().unwrap();
    assert_eq!((&limit.cgroup, limit.failcnt), (&Some("/web".into()), Some(78)));
    assert_eq!(kill.shortage.trigger.as_ref().unwrap().order, Some(0));
    assert_eq!(kill.chosen.as_ref().unwrap().tid, MEMHOG);
    assert_eq!(kill.candidates.as_ref().unwrap().total, 1);
    assert!(kill.system.as_ref().is_none_or(|system| system.zones.is_none()));
}

fn assert_global(kill: &OomKill) {
    assert_eq!(kill.shortage.scope, Some(Scope::Global));
    let system = kill.system.as_ref().unwrap();
    let free: Vec<_> = system.zones.iter().flatten().map(|zone| zone.free_bytes).collect();
    assert_eq!(free, [Some(3340 << 10), Some(33524 << 10)]);
    assert_eq!(system.counters.as_ref().unwrap()["ram"], 196_477);
    assert_eq!(kill.candidates.as_ref().unwrap().total, 6);
}

/// It is known who was killed, and nothing of the shortage.
fn assert_alone(kill: &OomKill) {
    assert_eq!(stat(kill), None);
    assert!(kill.shortage.trigger.is_none() && kill.chosen.is_none());
    assert!(kill.system.is_none() && kill.candidates.is_none());
    assert!(kill.victim.comm.is_some());
}

#[test]
fn two_kills_back_to_back_have_each_its_own_dump_and_then_nothing_is_kept() {
    for has_callers in [false, true] {
        let (mut first, mut second) = (log(MEMCG), log(GLOBAL));
        if has_callers {
            (first, second) = (by("T157", first), by("T169", second));
        }
        let mut lines = read(&[first, second].concat());
        // Whichever is asked for first.
        assert_global(&told_of(&mut lines, JAVA, JAVA));
        assert_memcg(&told_of(&mut lines, MEMHOG, MEMHOG));
        assert_eq!(lines.dumps.bytes(), 0);
        assert!(lines.new.is_empty());
    }
}

#[test]
fn a_kill_that_was_not_described_has_no_dump() {
    let mut lines = read(&[log(MEMCG), killed(log(GLOBAL))].concat());
    assert_alone(&told_of(&mut lines, JAVA, JAVA));
    assert_memcg(&told_of(&mut lines, MEMHOG, MEMHOG));

    // The one that was described had gone before it could be killed, and the same thread goes on.
    let gone = "3,9,4572000,-;Memory cgroup out of memory: OOM victim 157 (memhog) is already \
                exiting. Skip killing the task";
    let skipped = without("Killed process", log(MEMCG));
    let mut lines = read(&[skipped.clone(), vec![gone.to_owned()], killed(log(GLOBAL))].concat());
    assert!(lines.new[0].dump.is_none());
    assert_alone(&told_of(&mut lines, JAVA, MEMHOG));
    // Where that line was lost, the dump names another.
    let mut lines = read(&[skipped.clone(), killed(log(GLOBAL))].concat());
    assert!(lines.new[0].dump.is_some());
    assert_alone(&told_of(&mut lines, JAVA, MEMHOG));
    // Nor is it another thread's, where the log tells them apart.
    let mut lines = read(&[by("T157", skipped), by("T169", killed(log(MEMCG)))].concat());
    assert_alone(&told_of(&mut lines, MEMHOG, JAVA));
}

#[test]
fn a_dump_of_another_thread_than_the_hooks_saw_is_not_taken() {
    assert_alone(&told_of(&mut read(&log(MEMCG)), MEMHOG, JAVA));
    assert_alone(&told_of(&mut read(&by("T157", log(MEMCG))), MEMHOG, JAVA));
}

#[test]
fn foreign_lines_within_a_dump_are_told_apart_by_their_caller_or_not_at_all() {
    for (log, tid, seconds) in [(log(MEMCG), MEMHOG, 0), (log(GLOBAL), JAVA, 6)] {
        let others = later(seconds, FOREIGN.map(str::to_owned).into());
        let own = by(&format!("T{tid}"), log.clone());
        let mixed = put_after("Call Trace:", own, by("T9", others.clone()));
        let told = told_of(&mut read(&mixed), tid, tid);
        if tid == JAVA {
            assert_global(&told);
        } else {
            assert_memcg(&told);
        }
        let mixed = put_after("Call Trace:", log, others);
        assert_alone(&told_of(&mut read(&mixed), tid, tid));
    }
}

#[test]
fn a_dump_that_was_cut_tells_nothing() {
    // Its start was before the log began, or was overwritten.
    let cut = without("invoked oom-killer", log(GLOBAL));
    assert_alone(&told_of(&mut read(&cut), JAVA, JAVA));
    let (mut lines, log) = (Lines::default(), log(GLOBAL));
    let (start, rest) = log.split_at(35);
    read_into(&mut lines, start, dump::MOST);
    lines.dumps.lose();
    read_into(&mut lines, rest, dump::MOST);
    assert_alone(&told_of(&mut lines, JAVA, JAVA));
}

#[test]
fn the_kernel_is_not_silent_for_long_within_a_dump() {
    let (dump, line) = (without("Killed process", log(GLOBAL)), killed(log(GLOBAL)));
    let after = |seconds| [dump.clone(), later(seconds, line.clone())].concat();
    assert_global(&told_of(&mut read(&after(9)), JAVA, JAVA));
    assert_alone(&told_of(&mut read(&after(11)), JAVA, JAVA));
}

/// A machine with very many processes.
#[test]
fn of_a_dump_that_is_too_large_the_table_goes_first() {
    let row = log(GLOBAL).into_iter().find(|line| line.ends_with(" sleep")).unwrap();
    let rows = put_after("oom_score_adj name", log(GLOBAL), vec![row; 4000]);
    let mut lines = read(&rows);
    assert!(lines.new[0].dump.as_ref().unwrap().bytes() <= dump::MOST);
    let told = told_of(&mut lines, JAVA, JAVA);
    assert!(told.candidates.is_none());
    assert_eq!(told.system.as_ref().unwrap().zones.as_ref().map(Vec::len), Some(2));
    assert_eq!(told.chosen.as_ref().unwrap().tid, JAVA);
    // What has no table and is as large is no dump.
    let filler = format!("4,460,11001071,-; {}", "x".repeat(900));
    let filled = put_after("Call Trace:", log(GLOBAL), vec![filler; 400]);
    assert_alone(&told_of(&mut read(&filled), JAVA, JAVA));
}

#[test]
fn of_many_dumps_that_wait_the_oldest_go_first() {
    const ROOM: usize = 64 << 10;
    let mut lines = Lines::default();
    for round in 0..10 {
        read_into(&mut lines, &later(round * 20, log(GLOBAL)), ROOM);
        let dumps = lines.new.iter().filter_map(|line| line.dump.as_ref());
        let bytes: usize = dumps.map(|dump| dump.bytes()).sum();
        assert!(bytes + lines.dumps.bytes() <= ROOM, "{bytes}");
    }
    let has_dump: Vec<_> = lines.new.iter().map(|line| line.dump.is_some()).collect();
    assert_eq!(has_dump.len(), 10);
    assert!(!has_dump[0] && has_dump[9] && has_dump.is_sorted(), "{has_dump:?}");
}

#[test]
fn a_shortage_in_which_nobody_could_be_killed_is_described_too() {
    let words = "4,9,4572744,-;Out of memory and no killable processes...".to_owned();
    let dump = without("Killed process", without("oom-kill:", log(MEMCG)));
    let described = [dump, vec![words]].concat();
    let failed = |tid| {
        let dump = read(&described).dumps.failed().unwrap();
        told::failed(&dump, &Machine::default(), tid)
    };
    let told = failed(MEMHOG).unwrap();
    assert_eq!(told.shortage.limit.as_ref().unwrap().stat.as_ref().unwrap()["anon"], 25_055_232);
    assert_eq!(told.candidates.as_ref().unwrap().top[0].pid, MEMHOG);
    assert!(failed(JAVA).is_none());
    // The kill that follows has nothing of it.
    let mut lines = read(&[described, killed(log(MEMCG))].concat());
    assert_alone(&told_of(&mut lines, MEMHOG, MEMHOG));
    // Nobody asks, and it is let go of.
    let mut dumps = lines.dumps;
    dumps.forget();
    assert!(dumps.bytes() > 0);
    let mut dumps = dumps.read_before(Duration::from_secs(2));
    dumps.forget();
    assert_eq!(dumps.bytes(), 0);
}

/// A record that is made of the log alone has the dump, too.
#[test]
fn a_kill_that_no_hook_saw_has_its_dump() {
    let missed = read(&log(GLOBAL)).old(None);
    let records = told::records(&missed[0], &Machine::default(), |_| None);
    let [Record::OomKill(kill)] = &records[..] else { panic!("{records:?}") };
    assert_global(kill);
}

/// By the way that it would take.
#[test]
fn what_is_rehearsed_is_found() {
    let mut lines = Lines::default();
    messages().for_each(|message| lines.add(message, Instant::now(), dump::MOST));
    for (tid, is_described) in [(1, true), (2, false)] {
        let (_, line) = lines.look_up([(tid, 1)].into_iter(), 0);
        let kill = told::kill(&line.unwrap(), &Machine::default(), Some((1, 1))).unwrap();
        assert_eq!(kill.system.is_some_and(|it| it.zones.is_some()), is_described, "{tid}");
    }
    assert!(lines.new.is_empty());
}
