//! Boots, counts and kills, and what is proven of a span.

use super::*;
use crate::incident::model::AgentEvent;

const STARTED: Sign = Sign::Agent(AgentEvent::Started);
const STOPPED: Sign = Sign::Agent(AgentEvent::Stopped);

/// Seconds of a wall clock that stood at 1,000 when the boot began.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn boot(start: i64, points: &[(u64, u64, Sign)], kills: &[(u64, Option<u32>)]) -> Boot {
    let s = 1_000_000_000;
    let point = |&(at, count, sign)| Point { ns: at * s, count: Some(count), sign };
    let kill = |&(at, kills)| Counted { ns: at * s, earliest: at * s, kills };
    Boot {
        id: format!("boot-{start}"),
        start: at(start),
        points: points.iter().map(point).collect(),
        kills: kills.iter().map(kill).collect(),
        pruned: None,
    }
}

fn spans(boots: &[Boot], since: i64, until: i64) -> Vec<(i64, i64, Why)> {
    let found = Ledger::new(boots.to_vec()).unproven(at(since), at(until)).into_iter();
    found.map(|it| (it.from.as_second(), it.until.as_second(), it.why)).collect()
}

/// An agent that started ten seconds after boot and runs still, a hundred seconds after it.
fn running(count: u64, kills: &[(u64, Option<u32>)]) -> Boot {
    boot(1000, &[(0, 0, Sign::Boot), (10, 0, STARTED), (100, count, Sign::Now)], kills)
}

#[test]
fn a_count_that_did_not_rise_proves_that_nothing_was_killed() {
    assert_eq!(spans(&[running(0, &[])], 1020, 1100), []);
    assert_eq!(spans(&[running(0, &[])], 1000, 1005), []);
}

#[test]
fn kills_that_are_told_of_account_for_the_count() {
    assert_eq!(spans(&[running(3, &[(30, Some(2)), (40, Some(1))])], 1020, 1100), []);
    let missing = Why::Missing { kills: 1, agent: AgentThen::Began };
    assert_eq!(spans(&[running(3, &[(30, Some(2))])], 1020, 1100), [(1020, 1100, missing)]);
}

#[test]
fn a_loss_before_the_agents_start_does_not_spoil_what_it_saw() {
    // Two kills before it, of which nobody tells.
    let lost = boot(1000, &[(0, 0, Sign::Boot), (10, 2, STARTED), (100, 2, Sign::Now)], &[]);
    assert_eq!(spans(std::slice::from_ref(&lost), 1010, 1100), []);
    let missing = Why::Missing { kills: 2, agent: AgentThen::Unheard };
    assert_eq!(spans(std::slice::from_ref(&lost), 1005, 1100), [(1005, 1010, missing)]);
    // They may have been at any time since the boot.
    let [hole] =
        <[Unproven; 1]>::try_from(Ledger::new(vec![lost]).unproven(at(1005), at(1100))).unwrap();
    assert_eq!((hole.counted, hole.is_open), ((at(1000), at(1010)), false));
}

#[test]
fn while_no_agent_ran_the_count_tells_and_the_log_may_have_told() {
    let points = [
        (0, 0, Sign::Boot),
        (10, 0, STARTED),
        (50, 0, STOPPED),
        (80, 1, STARTED),
        (100, 1, Sign::Now),
    ];
    let missing = Why::Missing { kills: 1, agent: AgentThen::Stopped };
    assert_eq!(spans(&[boot(1000, &points, &[])], 1020, 1100), [(1050, 1080, missing)]);
    assert_eq!(spans(&[boot(1000, &points, &[])], 1082, 1100), []);
    assert_eq!(spans(&[boot(1000, &points, &[])], 1020, 1045), []);
    // The next start found it in the kernel's log.
    assert_eq!(spans(&[boot(1000, &points, &[(60, Some(1))])], 1020, 1100), []);
}

#[test]
fn an_agent_that_was_killed_says_no_goodbye() {
    let points = [(0, 0, Sign::Boot), (10, 0, STARTED), (80, 1, STARTED), (100, 1, Sign::Now)];
    let missing = Why::Missing { kills: 1, agent: AgentThen::Vanished };
    assert_eq!(spans(&[boot(1000, &points, &[])], 1020, 1100), [(1020, 1080, missing)]);
    let quiet = [(0, 0, Sign::Boot), (10, 0, STARTED), (80, 0, STARTED), (100, 0, Sign::Now)];
    assert_eq!(spans(&[boot(1000, &quiet, &[])], 1020, 1100), []);
}

#[test]
fn between_two_boots_nobody_counts() {
    let first = boot(1000, &[(0, 0, Sign::Boot), (10, 0, STARTED), (50, 0, STOPPED)], &[]);
    let second = boot(1080, &[(0, 0, Sign::Boot), (10, 0, STARTED), (90, 0, Sign::Now)], &[]);
    let both = [second.clone(), first.clone()];
    let restarted = |stopped| Why::Restarted { stopped };
    assert_eq!(spans(&both, 1020, 1150), [(1050, 1080, restarted(true))]);
    assert_eq!(spans(&both, 1081, 1150), []);
    assert_eq!(spans(&both, 1020, 1050), []);
    // The power went: what was after its last word nobody knows.
    let cut = Boot { points: first.points[..2].to_vec(), ..first };
    assert_eq!(spans(&[cut, second], 1005, 1150), [(1010, 1080, restarted(false))]);
}

#[test]
fn before_the_first_record_and_after_the_last_nobody_knows() {
    let only = boot(1000, &[(10, 0, STARTED), (50, 0, STOPPED)], &[]);
    assert_eq!(
        spans(std::slice::from_ref(&only), 900, 1100),
        [(900, 1010, Why::NoRecord), (1050, 1100, Why::Ended { stopped: true })]
    );
    assert_eq!(spans(&[], 900, 1100), [(900, 1100, Why::NoRecord)]);
    assert_eq!(spans(&[only], 900, 950), [(900, 950, Why::NoRecord)]);
    assert_eq!(spans(&[running(0, &[])], 900, 1100), [(900, 1000, Why::BeforeBoot)]);
}

#[test]
fn what_was_let_go_of_is_not_known_and_counts_all_the_same() {
    let mut pruned = running(3, &[(30, Some(1))]);
    pruned.pruned = Some((20_000_000_000, 2));
    pruned.points.insert(2, Point { ns: 25_000_000_000, count: Some(2), sign: STARTED });
    assert_eq!(spans(&[pruned.clone()], 1026, 1100), []);
    assert_eq!(spans(&[pruned.clone()], 1012, 1100), [(1012, 1025, Why::Pruned)]);
    pruned.kills.clear();
    let missing = Why::Missing { kills: 1, agent: AgentThen::Began };
    assert_eq!(spans(&[pruned], 1026, 1100), [(1026, 1100, missing)]);
}

#[test]
fn records_that_may_be_of_no_kill_prove_nothing() {
    let unsure = Why::Unsure { records: 1 };
    assert_eq!(spans(&[running(0, &[(30, None)])], 1020, 1100), [(1020, 1100, unsure)]);
    // And do not make up for one that is missing.
    let missing = Why::Missing { kills: 1, agent: AgentThen::Began };
    assert_eq!(spans(&[running(1, &[(30, None)])], 1020, 1100), [(1020, 1100, missing)]);
    let surplus = Why::Surplus { kills: 1 };
    assert_eq!(spans(&[running(0, &[(30, Some(1))])], 1020, 1100), [(1020, 1100, surplus)]);
}

#[test]
fn a_kill_under_way_at_a_point_spoils_nothing_around_it() {
    // Counted before the agent said that it started, and told of as of later.
    let points = [(0, 0, Sign::Boot), (10, 1, STARTED), (100, 1, Sign::Now)];
    assert_eq!(spans(&[boot(1000, &points, &[(11, Some(1))])], 1020, 1100), []);
}

/// A start found it in the log of a machine that had slept: by that clock it was before the agent had stopped.
#[test]
fn a_kill_of_which_nobody_knows_when_it_was_is_told_of_and_makes_up_for_no_other() {
    let points = [
        (0, 0, Sign::Boot),
        (10, 0, STARTED),
        (30, 1, Sign::Agent(AgentEvent::Gap)),
        (50, 1, STOPPED),
        (80, 2, STARTED),
        (100, 2, Sign::Now),
    ];
    let s = 1_000_000_000;
    let vague = |latest| Counted { ns: latest, earliest: 20 * s, kills: Some(1) };
    let of = |kills: &[Counted]| Boot { kills: kills.to_vec(), ..boot(1000, &points, &[]) };
    let seen = Counted { ns: 25 * s, earliest: 25 * s, kills: Some(1) };
    let whole = of(&[vague(80 * s), seen]);
    assert_eq!(spans(std::slice::from_ref(&whole), 1011, 1100), []);
    // Without the one that was seen, it must not look as if that had been this one.
    let missing = Why::Missing { kills: 1, agent: AgentThen::Stopped };
    assert_eq!(spans(&[of(&[vague(80 * s)])], 1011, 1049), [(1011, 1049, missing)]);
    assert_eq!(spans(&[of(&[vague(80 * s)])], 1081, 1100), []);
    // Where it is not known which start it was, it was before now.
    assert_eq!(spans(&[of(&[vague(u64::MAX), seen])], 1005, 1100), []);
    let ledger = Ledger::new(vec![whole]);
    let recorded = |since, until| ledger.recorded(at(since), at(until));
    assert_eq!([recorded(1000, 1100), recorded(1000, 1060), recorded(1022, 1100)], [2, 1, 1]);
}

#[test]
fn an_older_agent_left_no_count() {
    let mut old = running(0, &[]);
    old.points[1].count = None;
    assert_eq!(spans(&[old.clone()], 1020, 1100), []);
    old.points.remove(0);
    old.points.remove(1);
    assert_eq!(spans(&[old], 1020, 1100), [(1020, 1100, Why::NoRecord)]);
}

#[test]
fn what_lies_between_the_holes_is_proven() {
    let lost = Ledger::new(vec![boot(
        1000,
        &[(0, 0, Sign::Boot), (10, 2, STARTED), (100, 3, Sign::Now)],
        &[(30, Some(1))],
    )]);
    let of = |since, until| {
        let holes = lost.unproven(at(since), at(until));
        let parts = lost.proven(&holes, at(since), at(until));
        parts.map(|(from, to)| (from.as_second(), to.as_second())).collect::<Vec<_>>()
    };
    assert_eq!(of(1005, 1090), [(1010, 1090)]);
    assert_eq!(of(1020, 1090), [(1020, 1090)]);
    assert_eq!(of(1001, 1009), []);
    assert_eq!((lost.recorded(at(1010), at(1090)), lost.recorded(at(1031), at(1090))), (1, 0));
}

#[test]
fn the_time_without_an_agent_is_counted_within_the_span() {
    let points = [
        (0, 0, Sign::Boot),
        (10, 0, STARTED),
        (40, 0, STOPPED),
        (85, 0, STARTED),
        (100, 0, Sign::Now),
    ];
    let ledger = Ledger::new(vec![boot(1000, &points, &[])]);
    let of = |since, until| ledger.unwatched(at(since), at(until)).as_secs();
    assert_eq!([of(1000, 1100), of(1050, 1060), of(1085, 1100), of(900, 1005)], [55, 10, 0, 5]);
}

/// Spans with an agent, and those between them with whether it said goodbye.
type Watched = (Vec<(i64, i64)>, Vec<(i64, i64, bool)>);

fn watched(boots: &[Boot], since: i64, until: i64, runs_now: bool) -> Watched {
    let watch = Ledger::new(boots.to_vec()).watch(at(since), at(until), runs_now);
    let seconds = |(from, until): &(Timestamp, Timestamp)| (from.as_second(), until.as_second());
    let spans = watch.spans.iter().map(seconds).collect();
    let gaps = watch.gaps.iter();
    let gaps = gaps.map(|it| (it.from.as_second(), it.until.as_second(), it.is_sure)).collect();
    (spans, gaps)
}

#[test]
fn an_agent_watches_from_where_it_started_until_it_stopped_or_now() {
    let points = [
        (0, 0, Sign::Boot),
        (10, 0, STARTED),
        (40, 0, STOPPED),
        (70, 0, STARTED),
        (80, 0, Sign::Agent(AgentEvent::Gap)),
        (100, 0, Sign::Now),
    ];
    let boots = [boot(1000, &points, &[])];
    let gap = (1040, 1070, true);
    assert_eq!(watched(&boots, 1000, 1100, true), (vec![(1010, 1040), (1070, 1100)], vec![gap]));
    // One that no longer runs had not said so.
    assert_eq!(watched(&boots, 1000, 1100, false), (vec![(1010, 1040), (1070, 1080)], vec![gap]));
    assert_eq!(watched(&boots, 1045, 1065, true), (vec![], vec![]));
    assert_eq!(watched(&boots, 1075, 1090, true), (vec![(1075, 1090)], vec![]));
}

#[test]
fn between_boots_nobody_watched_and_whether_the_agent_had_stopped_is_told() {
    let second = boot(1080, &[(0, 0, Sign::Boot), (10, 0, STARTED), (90, 0, Sign::Now)], &[]);
    let told = |last| {
        let first = boot(1000, &[(0, 0, Sign::Boot), (10, 0, STARTED), (50, 0, last)], &[]);
        watched(&[second.clone(), first], 1000, 1170, true).1
    };
    assert_eq!(told(STOPPED), [(1050, 1090, true)]);
    assert_eq!(told(Sign::Agent(AgentEvent::Gap)), [(1050, 1090, false)]);
}
