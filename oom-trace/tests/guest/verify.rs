//! `oom-trace verify`: its answer against what was done.

use jiff::Timestamp;
use serde_json::Value;

use crate::cgroup::Cgroup;
use crate::fire::post::Post;
use crate::fire::victim::Victim;
use crate::scenario::Scenario;
use crate::support::agent::oom_trace;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("verify_tells_a_kill_and_proves_a_no", kill_and_no).on_each_kernel(),
    Scenario::new("verify_knows_when_nobody_can_say", nobody_can_say),
];

const LIMIT: u64 = 4 << 20;

/// Its status, and what it says.
fn verify(post: &Post, since: Timestamp, args: &[&str]) -> (i32, Value) {
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
