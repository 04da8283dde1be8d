use super::*;
use crate::wire::{Level, Printed, Usage};

const BOUND: usize = 1 << 20;

fn start(id: u64) -> Event {
    Event::Incident(Box::new(wire::Incident { id, ..Default::default() }))
}

fn mark(id: u64, pid: u32) -> wire::Victim {
    let outcome = Outcome::Killed;
    wire::Victim { incident: id, boot_ns: id, pid: Some(pid), outcome, ..Default::default() }
}

fn victim(id: u64, pid: u32) -> Event {
    Event::Victim(Box::new(mark(id, pid)))
}

fn end(id: u64) -> Event {
    Event::End(id)
}

fn run(events: impl IntoIterator<Item = Event>) -> (Assembler, Vec<Incident>) {
    let mut assembler = Assembler::new(BOUND);
    let done = events.into_iter().filter_map(|event| assembler.push(event)).collect();
    (assembler, done)
}

/// Its id, whether its start is known, and its victims with how often they were killed.
type Summary = (u64, bool, Vec<(u32, Option<u32>)>);

fn summary(incidents: &[Incident]) -> Vec<Summary> {
    incidents
        .iter()
        .map(|incident| {
            let victims =
                incident.victims.iter().map(|v| (v.mark.pid.unwrap(), v.kill_count())).collect();
            (incident.id, incident.start.is_some(), victims)
        })
        .collect()
}

#[test]
fn a_group_kill_is_one_incident_with_its_first_victim_killed_twice() {
    let (_, done) = run([start(7), victim(7, 10), victim(7, 10), victim(7, 11), end(7)]);
    assert_eq!(summary(&done), [(7, true, vec![(10, Some(2)), (11, Some(1))])]);
}

#[test]
fn a_missed_end_is_made_good_by_the_next_start_or_by_the_caller() {
    let (mut assembler, done) = run([start(1), victim(1, 10), start(2), victim(2, 11)]);
    assert_eq!(summary(&done), [(1, true, vec![(10, Some(1))])]);
    assert!(done[0].is_complete);
    assert_eq!(assembler.waiting().map(|open| open.id), Some(2));
    let rest: Vec<_> = assembler.give_up(false).into_iter().collect();
    assert_eq!(summary(&rest), [(2, true, vec![(11, Some(1))])]);
    assert!(!rest[0].is_complete);
    assert!(assembler.waiting().is_none());
}

/// It was in its kill before the agent was there: its own end is not that of the next one.
#[test]
fn the_end_of_another_incident_ends_none() {
    let (assembler, done) = run([start(2), victim(2, 11), end(1)]);
    assert!(done.is_empty());
    assert!(assembler.waiting().is_some());
}

#[test]
fn a_process_is_one_victim_whichever_of_its_threads_is_marked() {
    let thread = |tid: u32, boot_ns: u64| {
        let start_boottime = Some(5);
        Event::Victim(Box::new(wire::Victim { tid, boot_ns, start_boottime, ..mark(7, 10) }))
    };
    let (_, done) = run([start(7), thread(10, 8), thread(12, 9), victim(7, 11), end(7)]);
    assert_eq!(summary(&done), [(7, true, vec![(10, Some(2)), (11, Some(1))])]);
    assert_eq!(done[0].victims[0].marks().collect::<Vec<_>>(), [(10, 8), (12, 9)]);
}

#[test]
fn a_path_that_is_told_once_is_that_of_all_that_follow() {
    let place = |pid: u32, path: Option<&str>| {
        let path = path.map_or(Path::Same, |path| Path::Told(path.into()));
        Event::Victim(Box::new(wire::Victim { path, ..mark(7, pid) }))
    };
    let told = [(10, Some("/a")), (11, None), (10, Some("/a")), (12, Some("/b")), (13, None)];
    let marks = told.map(|(pid, path)| place(pid, path));
    let (_, done) = run([start(7)].into_iter().chain(marks).chain([end(7)]));
    let paths = done[0].victims.iter().map(|victim| victim.cgroup.clone().unwrap());
    assert_eq!(paths.collect::<Vec<_>>(), ["/a", "/a", "/b", "/b"].map(KernelText::from));
}

#[test]
fn details_go_before_kills_and_no_kill_is_lost_for_want_of_memory() {
    let command = |pid: u32| {
        let arguments = Some(vec![b'x'; 4096]);
        Event::Command(Box::new(Command { incident: 1, pid, arguments, ..Default::default() }))
    };
    let mut assembler = Assembler::new(64 << 10);
    let mut done: Vec<_> = assembler.push(start(1)).into_iter().collect();
    let pids = 100..1500;
    for pid in pids.clone() {
        done.extend(assembler.push(victim(1, pid)));
        done.extend(assembler.push(command(pid)));
        assert!(assembler.weight <= assembler.bound, "{}", assembler.weight);
    }
    done.extend(assembler.push(end(1)));
    let told: Vec<_> =
        done.iter().flat_map(|part| &part.victims).filter_map(|it| it.mark.pid).collect();
    assert_eq!(told, pids.collect::<Vec<_>>());
    let mut before = 0;
    for part in &done {
        assert!(part.lacks == DETAILS && part.start.is_some());
        assert_eq!(part.before, before);
        before += part.victims.len();
    }
    assert!(done.len() > 1, "{}", done.len());
}

#[test]
fn a_flush_before_the_first_victim_forgets_nothing() {
    let (mut assembler, _) = run([start(1)]);
    assert!(assembler.give_up(false).is_none());
    let done: Vec<_> =
        [victim(1, 10), end(1)].into_iter().filter_map(|event| assembler.push(event)).collect();
    assert_eq!(summary(&done), [(1, true, vec![(10, Some(1))])]);
}

#[test]
fn the_limit_stands_as_it_was_printed() {
    let usage = |memory, swap| Usage { memory, swap, ..Default::default() };
    let level = Level { usage: usage(None, Some(1)), high: Some(3), ..Default::default() };
    let start = wire::Incident { id: 1, levels: vec![level], ..Default::default() };
    let printed = Event::Printed(Printed { incident: 1, usage: usage(Some(7), None) });
    let (_, done) = run([Event::Incident(Box::new(start)), printed, victim(1, 10), end(1)]);
    let limit = Level { usage: usage(Some(7), None), ..level };
    assert_eq!(done[0].start.as_ref().unwrap().levels, [limit]);
}

#[test]
fn a_victim_whose_start_was_lost_is_not() {
    let (_, done) = run([start(1), victim(1, 10), victim(3, 12), end(3)]);
    assert_eq!(summary(&done), [(1, true, vec![(10, Some(1))]), (3, false, vec![(12, Some(1))])]);
}

#[test]
fn an_incident_that_found_nobody_is_none() {
    let (assembler, done) = run([start(1), end(1)]);
    assert!(done.is_empty());
    assert!(assembler.waiting().is_none());
}
