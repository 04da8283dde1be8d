use std::time::{Duration, Instant};

use super::dump;
use super::lines::{Known, Lines, push, signed};
use crate::incident::assemble::Logged;
use crate::incident::model::{KilledAgain, Memory};
use crate::kernel_log::reader::Kmsg;

mod described;

const S: u64 = 1_000_000_000;

fn lines(kills: &[(u32, u64)]) -> Lines {
    let mut lines = Lines::default();
    for &(tid, us) in kills {
        let text = format!(
            "3,{tid},{us},-;Memory cgroup out of memory: Killed process {tid} (hog) \
             total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:4kB, UID:0 pgtables:4kB \
             oom_score_adj:0\n"
        );
        lines.add(Kmsg::parse(text.as_bytes()).unwrap(), Instant::now(), dump::MOST);
    }
    lines
}

#[test]
fn a_kill_is_named_by_the_stamp_of_its_line() {
    let mut lines = lines(&[(7, 1_000_100), (8, 1_000_200), (7, 1_000_300)]);
    // The first victim of a group, killed twice.
    let (found, line) = lines.look_up([(7, S), (7, S + 250_000)].into_iter(), 0);
    let message = Some("Memory cgroup out of memory");
    let again = vec![KilledAgain { tid: 7, log_us: Some(1_000_300) }];
    let kib = |kib: u64| Some(kib << 10);
    let memory = Memory {
        total_vm_bytes: kib(8),
        anon_rss_bytes: kib(4),
        file_rss_bytes: kib(0),
        shmem_rss_bytes: kib(4),
        swap_bytes: None,
        pgtables_bytes: kib(4),
    };
    let memory = vec![Some(memory); 2];
    assert_eq!(found, Logged::Killed { us: Some(1_000_100), uid: Some(0), again, memory, message });
    assert_eq!(line.unwrap().stamp_ns, 1_000_100_000);
    assert_eq!(lines.look_up([(9, S)].into_iter(), 0).0, Logged::Unknown);
    assert_eq!(lines.new.len(), 1);
}

/// The thread id came again.
#[test]
fn a_line_of_another_time_is_another_kill() {
    let mut lines = lines(&[(7, 1_000_100), (8, 500_000_000), (7, 1_000_000_000)]);
    let line = lines.take(8, signed(500 * S), 0).unwrap();
    assert_eq!(line.stamp_ns, signed(500 * S));
    let (found, _) = lines.look_up([(7, 1000 * S)].into_iter(), 0);
    assert!(matches!(found, Logged::Killed { us: Some(1_000_000_000), .. }), "{found:?}");
    // What is left no hook saw.
    let missed = lines.old(None);
    assert_eq!(missed.iter().map(|line| line.killed.tid).collect::<Vec<_>>(), [7]);
    assert!(lines.known(&missed[0], 0).is_none());
}

/// An hour of sleep before the second, which are looked up after it, or each in its time.
#[test]
fn the_logs_clock_stands_still_while_the_machine_sleeps() {
    let hour = signed(3600 * S);
    for slept_by_then in [0, hour] {
        let mut lines = lines(&[(7, 1_000_100), (8, 2_000_100), (9, 3_000_100)]);
        assert!(lines.take(7, signed(S), slept_by_then).is_some());
        assert!(lines.take(8, signed(2 * S) + hour, hour).is_some());
        assert!(lines.take(9, signed(3 * S) + hour, hour).is_some(), "{slept_by_then}");
        // As long again: nobody's.
        assert!(lines.take(9, signed(3 * S) + 2 * hour, hour).is_none());
    }
}

#[test]
fn a_kill_from_before_a_sleep_is_known_after_it() {
    let hour = signed(3600 * S);
    let mut lines = lines(&[(7, 1_000_100), (8, 2_000_100)]);
    assert!(lines.take(7, signed(S), 0).is_some());
    push(&mut lines.unlogged, (8, signed(2 * S)));
    let late = lines.old(None);
    assert!(matches!(lines.known(&late[0], hour), Some(Known::Told)));
}

/// One that was throttled before it logged its kill says nothing of the clocks.
#[test]
fn after_a_line_that_was_late_the_next_one_is_found() {
    let mut lines = lines(&[(7, 1_000_100), (8, 42_000_000), (9, 43_000_000)]);
    assert!(lines.take(7, signed(S), 0).is_some());
    assert!(lines.take(8, signed(2 * S), 0).is_some());
    assert!(lines.take(9, signed(43 * S), 0).is_some());
}

#[test]
fn a_second_line_of_a_victim_that_was_told_of_is_no_other_victim() {
    let mut lines = lines(&[(7, 1_000_100), (7, 1_000_300)]);
    assert!(lines.take(7, signed(S), 0).is_some());
    let rest = lines.old(None);
    assert!(matches!(lines.known(&rest[0], 0), Some(Known::Again)));
}

/// It was throttled for minutes before it came to log its kill.
#[test]
fn a_line_that_comes_late_is_not_told_again() {
    let mut lines = lines(&[(7, 200_000_000)]);
    assert_eq!(lines.look_up([(7, 5 * S)].into_iter(), 0).0, Logged::Unknown);
    push(&mut lines.unlogged, (7, signed(5 * S)));
    let late = lines.old(None);
    assert!(matches!(lines.known(&late[0], 0), Some(Known::Told)));
    assert!(lines.known(&late[0], 0).is_none());
}

#[test]
fn what_the_log_has_of_before_an_incident_comes_no_more() {
    let mut lines = lines(&[(7, 1_000_000), (8, 20_000_000), (9, 30_000_000)]);
    let before = lines.before(signed(30 * S), 0);
    assert_eq!(before.iter().map(|line| line.killed.tid).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(lines.new.len(), 1);
}

#[test]
fn a_line_that_was_just_read_may_have_its_record_on_the_way() {
    let mut lines = lines(&[(7, 1_000_100)]);
    let before = Instant::now().checked_sub(Duration::from_secs(1));
    assert!(before.is_some() && lines.old(before).is_empty());
    assert_eq!(lines.old(None).len(), 1);
}
