//! `oom-trace verify`: its answer against what was done.

use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use crate::cgroup::Cgroup;
use crate::fire::post::Post;
use crate::fire::victim::Victim;
use crate::rungs::{far_below, fill_the_log, more_than_the_ring_holds};
use crate::scenario::{Machine, Scenario};
use crate::support::agent::oom_trace;
use crate::sys::steer;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("verify_tells_a_kill_and_proves_a_no", kill_and_no).on_each_kernel(),
    Scenario::new("verify_knows_when_nobody_can_say", nobody_can_say),
    Scenario::new("verify_knows_that_the_logs_clock_is_not_steered", steered),
    Scenario::new("verify_trusts_no_more_records_than_the_kernel_counted", counts_disagree),
];

/// After them the kernel's log has nothing of the kills before.
pub(crate) const OVERFLOWS: &[Scenario] = &[
    Scenario::new("verify_knows_what_ring_and_log_lost", ring_and_log_overflow),
    Scenario::new("verify_answers_where_hooks_are_refused", hooks_refused).on(Machine::Lockdown),
];

const LIMIT: u64 = 4 << 20;

/// Its status, and what it says.
pub(crate) fn verify(post: &Post, since: Timestamp, args: &[&str]) -> (i32, Value) {
    let (store, since) = (post.folder.path().join("records.db"), since.to_string());
    let mut command = oom_trace(&["verify", "--json", "--since", &since]);
    let output = command.arg("--store").arg(store).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer = serde_json::from_slice(&output.stdout);
    (output.status.code().unwrap(), answer.unwrap_or_else(|error| panic!("{error}: {said}")))
}

fn kill_and_no() {
    let [cgroup, other] = ["verify", "other"].map(|name| Cgroup::limited(name, LIMIT));
    let mut post = Post::new().with_store().start();
    let since = Timestamp::now();
    let (status, answer) = verify(&post, since, &[]);
    assert_eq!(status, 0, "{answer:#}");
    let pid = Victim::growing("hog", &cgroup).dies();
    // Asked at once, as a job does whose exit status is 137.
    let (status, answer) = verify(&post, since, &["--pid", &pid.to_string()]);
    assert_eq!((status, &answer["kills"][0]["victim"]["pid"]), (1, &pid.into()), "{answer:#}");
    for (args, expected) in [
        (["--cgroup", &cgroup.path()], 1),
        (["--cgroup", &other.path()], 0),
        (["--comm", "h?g"], 1),
        (["--comm", "dog"], 0),
        (["--pid", "1"], 0),
    ] {
        let (status, answer) = verify(&post, since, &args);
        assert_eq!(status, expected, "{args:?}: {answer:#}");
    }
    let (status, answer) = verify(&post, Timestamp::now(), &[]);
    assert_eq!(status, 0, "{answer:#}");
    post.stop();
}

/// Killed, it misses a kill; the next one finds it in the kernel's log.
fn nobody_can_say() {
    let cgroup = Cgroup::limited("verify", LIMIT);
    let mut post = Post::new().with_store().start();
    let since = Timestamp::now();
    post.kill();
    // It is gone, and nothing was killed: the kernel's count says so.
    let (status, answer) = verify(&post, since, &[]);
    assert_eq!(status, 0, "{answer:#}");
    let pid = Victim::growing("hog", &cgroup).dies();
    let (status, answer) = verify(&post, since, &["--pid", "1"]);
    assert_eq!((status, &answer["unproven"][0]["kills_missing"]), (3, &1.into()), "{answer:#}");
    post.start_again();
    post.recovered();
    let (status, answer) = verify(&post, since, &["--pid", "1"]);
    assert_eq!(status, 0, "{answer:#}");
    let (status, answer) = verify(&post, since, &["--comm", "hog"]);
    assert_eq!((status, &answer["kills"][0]["victim"]["tid"]), (1, &pid.into()), "{answer:#}");
    post.stop();
}

/// By how much `CLOCK_BOOTTIME` goes ahead of the clock of the kernel's log.
const AHEAD: Duration = Duration::from_secs(1);

/// It is steered, by as much as the kernel allows.
struct Steered;

impl Steered {
    const USUAL: i64 = 10_000;

    fn ahead() -> Self {
        Self::by(11_000);
        Self
    }

    fn by(tick: i64) {
        let raw = || Duration::try_from(clock_gettime(ClockId::MonotonicRaw)).unwrap();
        let steered = || Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap();
        let ahead = || steered().saturating_sub(raw());
        let before = ahead();
        steer(tick).unwrap();
        while ahead().abs_diff(before) < AHEAD {
            thread::sleep(Duration::from_millis(100));
        }
        steer(Self::USUAL).unwrap();
    }
}

impl Drop for Steered {
    fn drop(&mut self) {
        Self::by(9000);
    }
}

/// Without a store the kernel's log has to tell, by a clock that is a second behind: of a moment between
/// the kill and that second before it nobody can say whether the kill was before or after it.
fn steered() {
    let cgroup = Cgroup::limited("steered", LIMIT);
    let mut post = Post::new().start();
    let _steered = Steered::ahead();
    Victim::growing("hog", &cgroup).dies();
    let told = post.await_kills(1);
    post.stop();
    let kill: Timestamp = told.kills[0]["time"].as_str().unwrap().parse().unwrap();
    for (since, expected) in [(kill - AHEAD / 2, 3), (kill - 2 * AHEAD, 1), (kill + AHEAD, 0)] {
        let mut command = oom_trace(&["verify", "--json", "--since", &since.to_string()]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(expected), "{since}: {said}");
    }
    let output = oom_trace(&["history", "--log", "--format", "json", "-n", "1"]).output().unwrap();
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let logged: Timestamp = record["time"].as_str().unwrap().parse().unwrap();
    let apart = logged.duration_since(kill).unsigned_abs();
    assert!(apart < AHEAD / 2, "{logged} by the log, {kill} by the hooks");
}

/// Of kills that are lost to it, which the answer must say.
fn assert_lost(post: &Post, since: Timestamp, kills: u64) {
    for args in [["--comm", "nobody"], ["--pid", "1"]] {
        let (status, answer) = verify(post, since, &args);
        let told = answer["recorded_kills"].as_u64().unwrap();
        let missing = answer["unproven"].as_array().unwrap().iter();
        let missing: u64 = missing.filter_map(|span| span["kills_missing"].as_u64()).sum();
        assert!(status == 3 && missing > 0, "{answer:#}");
        assert_eq!(told + missing, kills, "{answer:#}");
    }
}

/// The agent may not run, for more kills than the ring and the log have room for.
fn ring_and_log_overflow() {
    let (cgroups, kills) = (far_below(), more_than_the_ring_holds());
    let mut post = Post::new().with_store().with(&["--attach", "kprobe"]).start();
    let since = Timestamp::now();
    let (status, answer) = verify(&post, since, &[]);
    assert_eq!(status, 0, "{answer:#}");
    post.signal(Signal::STOP);
    Victim::growing("hog", &cgroups[0]).die(kills);
    fill_the_log();
    drop(cgroups);
    let kills = kills as u64;
    assert_lost(&post, since, kills);
    post.signal(Signal::CONT);
    post.stop();
    let told = post.told();
    let known = told.times();
    assert_eq!(told.gaps(), kills - known, "{:#?}", told.agent);
    let totals = &told.events("stopped").next().unwrap()["totals"];
    assert!(totals["ring_lost"].as_u64().unwrap() > 0, "{totals:#}");
    assert_eq!((&totals["kernel_kills"], &totals["kills"]), (&kills.into(), &known.into()));
    assert_lost(&post, since, kills);
    let (status, answer) = verify(&post, since, &["--comm", "hog"]);
    assert_eq!(status, 1, "the ring had some: {answer:#}");
}

/// A kill is recorded twice, under other names: then one of another kind may be missing as well.
fn counts_disagree() {
    let cgroup = Cgroup::limited("verify", LIMIT);
    let mut post = Post::new().with_store().start();
    let since = Timestamp::now();
    Victim::growing("hog", &cgroup).dies();
    post.await_kills(1);
    post.stop();
    let (status, answer) = verify(&post, since, &["--comm", "nobody"]);
    assert_eq!(status, 0, "{answer:#}");
    let store = Connection::open(post.folder.path().join("records.db")).unwrap();
    let twice = "
        INSERT INTO records (id, time_ns, json, incident, source)
            SELECT id || '-2', time_ns,
                json_set(json, '$.id', id || '-2', '$.boot_ns', (json ->> '$.boot_ns') + 1000000),
                incident, source
            FROM records WHERE json ->> '$.type' = 'oom_kill' ORDER BY number DESC LIMIT 1;
        INSERT INTO moments
            SELECT last_insert_rowid(), boot, boot_ns + 1000000, tid, NULL, kills
            FROM moments WHERE kills IS NOT NULL ORDER BY number DESC LIMIT 1;";
    store.execute_batch(twice).unwrap();
    let (status, answer) = verify(&post, since, &["--comm", "nobody"]);
    let reason = &answer["unproven"][0]["reason"];
    assert_eq!((status, reason), (3, &"counts_disagree".into()), "{answer:#}");
}

/// With the kernel's log alone: what it has is told, and a "no" is one as long as it has all.
fn hooks_refused() {
    const KILLS: usize = 20;
    let [cgroup, other] = ["verify", "other"].map(|name| Cgroup::limited(name, LIMIT));
    let mut post = Post::new().with_store().start();
    assert!(post.says("attached by log", Duration::ZERO), "{:#?}", post.said());
    let since = Timestamp::now();
    let pid = Victim::growing("hog", &cgroup).dies();
    post.await_kills(1);
    for (args, expected) in [
        (["--pid", &pid.to_string()], 1),
        (["--cgroup", &cgroup.path()], 1),
        (["--cgroup", &other.path()], 0),
        (["--comm", "nobody"], 0),
    ] {
        let (status, answer) = verify(&post, since, &args);
        assert_eq!(status, expected, "{args:?}: {answer:#}");
    }
    post.signal(Signal::STOP);
    Victim::growing("hog", &cgroup).die(KILLS);
    fill_the_log();
    post.signal(Signal::CONT);
    post.stop();
    assert_lost(&post, since, KILLS as u64 + 1);
}
