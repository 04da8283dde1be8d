//! `oom-trace verify`: what it answers, and never a "no" that nobody knows.

use std::path::Path;

use serde_json::{Value, json};

use crate::kept::{BOOT, OTHER_BOOT, kill, place, store};
use crate::run;

/// What the agent said of itself, and the kernel's count then.
fn agent(boot: &str, second: u64, event: &str, count: u64) -> Value {
    let mut agent = json!({
        "schema": 1, "type": "agent", "version": "0.1.0", "event": event, "message": event,
        "hooks": [], "missing": [], "kernel_kills_since_boot": count,
        "totals": {
            "kills": 0, "kernel_kills": 0, "records": 0, "ring_lost": 0, "malformed": 0, "sink_lost": 0
        },
    });
    place(&mut agent, boot, second);
    agent
}

/// Its status, its JSON, and its text.
fn verify(records: &[Value], args: &[&str]) -> (Option<i32>, Value, String) {
    let store = store(records);
    let path = store.path().join("records.db");
    let args = [&["--utc", "--store", path.to_str().unwrap()], args].concat();
    let output = run("verify", &args, b"");
    let text = String::from_utf8(output.stdout).unwrap();
    let json = run("verify", &[&["--json"], &args[..]].concat(), b"");
    assert_eq!(json.status.code(), output.status.code());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!text.is_empty(), "{said}");
    (output.status.code(), serde_json::from_slice(&json.stdout).unwrap(), text)
}

/// From ten to fifty minutes after six, on the first of March.
const SPAN: [&str; 4] = ["--since", "2026-03-01 06:10", "--until", "2026-03-01 06:50"];

fn asked(args: &[&'static str]) -> Vec<&'static str> {
    [&SPAN, args].concat()
}

const WEB: &str = "/system.slice/web.service";

/// An agent that ran for an hour and saw one kill, after twenty minutes.
fn watched() -> Vec<Value> {
    vec![
        agent(BOOT, 60, "started", 0),
        kill(BOOT, 1200, 4711, WEB),
        agent(BOOT, 3600, "stopped", 1),
    ]
}

#[test]
fn a_kill_is_told_and_the_status_is_1() {
    for args in [&[][..], &["--unit", "web"], &["--pid", "4711"], &["--cgroup", WEB]] {
        let (status, json, text) = verify(&watched(), &asked(args));
        assert_eq!(
            (status, json["verdict"].as_str()),
            (Some(1), Some("killed")),
            "{args:?} {text}"
        );
        assert_eq!(json["kills"][0]["victim"]["pid"], 4711);
        assert!(text.starts_with("1 OOM kill") && text.contains("(pid 4711)"), "{text}");
        assert!(text.contains("oom-trace history 4711"), "{text}");
    }
}

#[test]
fn a_no_is_proven_by_the_kernels_count() {
    for args in [&["--unit", "db"][..], &["--pid", "4712"], &["--cgroup", "/system.slice/db*"]] {
        let (status, json, text) = verify(&watched(), &asked(args));
        assert_eq!((status, json["verdict"].as_str()), (Some(0), Some("none")), "{args:?} {text}");
        assert!(text.contains("no OOM kill ") && text.contains("/proc/vmstat"), "{text}");
    }
    let before = ["--since", "2026-03-01 06:02", "--until", "2026-03-01 06:19"];
    assert_eq!(verify(&watched(), &before).0, Some(0));
}

#[test]
fn a_kill_that_is_counted_and_not_told_of_makes_a_no_impossible() {
    let mut records = watched();
    records[2] = agent(BOOT, 3600, "stopped", 2);
    let (status, json, text) = verify(&records, &asked(&["--unit", "db"]));
    assert_eq!((status, json["verdict"].as_str()), (Some(3), Some("unknown")), "{text}");
    assert_eq!(json["unproven"][0]["reason"], "missed");
    assert_eq!(json["unproven"][0]["kills_missing"], 1);
    assert!(text.contains("the kernel counted 1 kill that is not recorded"), "{text}");
}

#[test]
fn while_the_agent_was_down_only_the_count_tells() {
    let down = |count| {
        vec![
            agent(BOOT, 60, "started", 0),
            agent(BOOT, 900, "stopped", 0),
            agent(BOOT, 1800, "started", count),
            agent(BOOT, 3600, "stopped", count),
        ]
    };
    let (status, _, text) = verify(&down(0), &asked(&[]));
    assert_eq!(status, Some(0), "{text}");
    let (status, json, text) = verify(&down(1), &asked(&[]));
    assert_eq!((status, &json["unproven"][0]["reason"]), (Some(3), &"agent_not_running".into()));
    assert!(text.contains("2026-03-01 06:15:00 UTC to 2026-03-01 06:30:00 UTC"), "{text}");
    // The kernel's log had it, at the next start.
    let mut found = down(1);
    let mut logged = kill(BOOT, 1000, 7, WEB);
    logged["source"] = "kernel_log".into();
    found.push(logged);
    assert_eq!(verify(&found, &asked(&["--unit", "db"])).0, Some(0));
    assert_eq!(verify(&found, &asked(&["--unit", "web"])).0, Some(1));
}

#[test]
fn a_restart_and_the_time_before_the_first_record_are_not_known() {
    let mut records = watched();
    records.push(agent(OTHER_BOOT, 60, "started", 0));
    records.push(agent(OTHER_BOOT, 3600, "stopped", 0));
    let args = ["--since", "2026-03-01 06:30", "--until", "2026-03-02 06:30"];
    let (status, json, text) = verify(&records, &args);
    assert_eq!((status, &json["unproven"][0]["reason"]), (Some(3), &"restarted".into()), "{text}");
    assert_eq!(json["unproven"][0]["until"], "2026-03-02T06:00:00.000000000Z");
    let args = ["--since", "2026-02-28", "--until", "2026-03-01 06:15"];
    let (status, json, text) = verify(&records, &args);
    assert_eq!((status, &json["unproven"][0]["reason"]), (Some(3), &"no_record".into()), "{text}");
    assert!(text.contains("nothing is recorded of that time"), "{text}");
}

#[test]
fn a_record_that_does_not_tell_where_it_was_is_no_no() {
    let mut records = watched();
    let mut bare = kill(BOOT, 1300, 9, WEB);
    for key in ["cgroup", "unit", "slice"] {
        bare["victim"][key] = Value::Null;
    }
    bare["limit"] = Value::Null;
    records.insert(2, bare);
    records[3] = agent(BOOT, 3600, "stopped", 2);
    let (status, json, text) = verify(&records, &asked(&["--unit", "db"]));
    assert_eq!((status, &json["doubtful"][0]["unknown"]), (Some(3), &"who".into()), "{text}");
    assert!(text.contains("does not tell whether it ran there"), "{text}");
    // Who asks by what it does tell gets a no.
    assert_eq!(verify(&records, &asked(&["--pid", "8"])).0, Some(0));
}

#[test]
fn a_mark_of_a_process_that_was_exiting_is_no_kill() {
    let mut records = watched();
    records[1]["outcome"] = "already_exiting".into();
    records[1]["kill_count"] = 0.into();
    records[2] = agent(BOOT, 3600, "stopped", 0);
    assert_eq!(verify(&records, &asked(&[])).0, Some(0));
}

#[test]
fn what_goes_wrong_is_no_answer() {
    let gone = Path::new("/no/such/records.db");
    let args = [&SPAN[..], &["--store", gone.to_str().unwrap()]].concat();
    let output = run("verify", &args, b"");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot say: there is no store"));
    let usage = run("verify", &["--since", "last night"], b"");
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("2 hours ago"));
    let future = run("verify", &["--since", "tomorrow"], b"");
    assert_eq!(future.status.code(), Some(3));
}
