//! `oom-trace verify`: what it answers, and never a "no" that nobody knows.

use std::path::Path;

use serde_json::{Value, json};

use crate::kept::{BOOT, OTHER_BOOT, WEB, agent, kill, started_here, store, watched};
use crate::{logged, run};

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

#[test]
fn a_kill_is_told_and_the_status_is_1() {
    for args in [&[][..], &["--unit", "web-4711"], &["--pid", "4711"], &["--cgroup", WEB]] {
        let (status, json, text) = verify(&watched(), &asked(args));
        assert_eq!(
            (status, json["verdict"].as_str()),
            (Some(1), Some("killed")),
            "{args:?} {text}"
        );
        assert_eq!(json["kills"][0]["victim"]["pid"], 4711);
        assert!(text.starts_with("1 OOM kill") && text.contains("(pid 4711)"), "{text}");
        assert!(text.contains("oom-trace history --store ") && text.contains(" 4711\n"), "{text}");
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
fn who_reads_the_answer_sees_what_was_asked_and_what_was_a_test() {
    let (_, json, _) = verify(&watched(), &asked(&["--unit", "db", "--pid", "4712"]));
    assert_eq!(json["filter"]["unit"], json!(["db.service"]));
    assert_eq!(json["not_found"], json!(["unit db.service"]));
    assert_eq!((&json["filter"]["pid"], &json["filter"]["comm"]), (&json!(4712), &json!([])));
    let mut records = watched();
    records[1] = kill(BOOT, 1200, 4711, "/oom-trace-trigger-4710");
    let (status, _, text) = verify(&records, &asked(&[]));
    assert!(status == Some(1) && text.contains("1 OOM kill from"), "{text}");
    assert!(text.contains(", which was a test:") && text.contains(" (a test)\n"), "{text}");
}

/// What is asked for fits no kill, as it is misspelt, or a level too high.
#[test]
fn no_name_that_nobody_knows_makes_a_no_of_a_kill_that_may_be_meant() {
    let mut records = watched();
    records[1] = kill(BOOT, 1200, 4711, "/system.slice/ci.service/job-4711");
    for args in [
        &["--unit", "job-4711"][..],
        &["--cgroup", "/job-4711"],
        &["--cgroup", "/system.slice/*"],
        &["--cgroup", "/system.slice/cii.service/job-4711"],
    ] {
        let (status, json, text) = verify(&records, &asked(args));
        assert_eq!((status, json["verdict"].as_str()), (Some(3), Some("unknown")), "{text}");
        let similar = &json["meant"][0]["similar"][0];
        assert_eq!(similar["cgroup"], "/system.slice/ci.service/job-4711", "{json}");
        assert!(text.contains("  --cgroup /system.slice/ci.service/job-4711 (1 kill)"), "{text}");
    }
    for args in [
        &["--cgroup", "job-4711"][..],
        &["--cgroup", "/system.slice/ci.service/"],
        &["--cgroup", "/sys/fs/cgroup/system.slice"],
        &["--cgroup", "*-4711"],
    ] {
        let (status, _, text) = verify(&records, &asked(args));
        assert_eq!(status, Some(1), "{args:?} {text}");
    }
    for args in
        [&["--cgroup", "job-5712"][..], &["--unit", "job-5712"], &["--cgroup", "/nowhere.slice/*"]]
    {
        let (status, _, text) = verify(&records, &asked(args));
        assert_eq!(status, Some(0), "{args:?} {text}");
        assert!(
            text.contains(" is in no record; a misspelt name would get the same answer\n"),
            "{args:?} {text}"
        );
        let here = [&records[..], &[started_here()]].concat();
        let (status, _, text) = verify(&here, &asked(args));
        let line = text.lines().find(|line| line.contains(" nor in a record")).unwrap_or_default();
        match args {
            ["--unit", _] => {
                assert_eq!(status, Some(3), "{args:?} {text}");
                assert!(line.ends_with(": --cgroup /system.slice/…"), "{text}");
                assert!(!text.contains("units with kills"), "of none: {text}");
            }
            _ => {
                assert_eq!(status, Some(0), "{args:?} {text}");
                assert!(
                    line.ends_with(" nor in a record; a misspelt name would get the same answer"),
                    "{text}"
                );
            }
        }
    }
    let here = [&watched()[..], &[started_here()]].concat();
    for args in [["--unit", "no-such-unit"], ["--cgroup", "no-such-unit.service"]] {
        let (status, _, text) = verify(&here, &asked(&args));
        assert_eq!(status, Some(3), "{args:?} {text}");
        assert!(
            text.contains("\n    units with kills in that time: web-4711.service (1 kill)\n"),
            "{text}"
        );
    }
    let by_path = ["--cgroup", "/system.slice/no-such-unit.service"];
    assert_eq!(verify(&here, &asked(&by_path)).0, Some(0));
    // Beside one that was killed.
    let (status, json, text) =
        verify(&here, &asked(&["--unit", "web-4711", "--unit", "no-such-unit"]));
    assert_eq!((status, json["verdict"].as_str()), (Some(1), Some("killed")), "{text}");
    assert!(text.starts_with("at least 1 OOM kill ") && text.contains("no-such-unit.s"), "{text}");
    records[1]["victim"]["comm"] = "shop-api".into();
    let (status, json, text) = verify(&records, &asked(&["--comm", "shop_api"]));
    assert_eq!((status, json["verdict"].as_str()), (Some(3), Some("unknown")), "{text}");
    assert_eq!(json["meant"][0]["similar"], json!([{ "comm": "shop-api", "kills": 1 }]), "{json}");
    assert!(
        text.contains(
            "process shop_api is in no record; did you mean\n    --comm shop-api (1 kill)"
        )
    );
    let (status, ..) = verify(&records, &asked(&["--comm", "nginx"]));
    assert_eq!(status, Some(0));
    let (_, _, text) =
        verify(&records, &[SPAN.as_slice(), &["--cgroup", "ci.service", "--pid", "7"]].concat());
    assert!(!text.contains("in a record") && !text.contains("in no record"), "{text}");
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
    // Of the last part of which it is certain.
    assert!(text.ends_with(" known:\n    --since \"2026-03-01 06:30:00 UTC\"\n"), "{text}");
    let ended = [agent(BOOT, 60, "started", 0), agent(BOOT, 1800, "stopped", 0)];
    let (status, _, text) = verify(&ended, &asked(&["--comm", "backup"]));
    assert!(status == Some(3), "{text}");
    assert!(text.ends_with(" known:\n    --until \"2026-03-01 06:30:00 UTC\"\n"), "{text}");
    let typed = ["--since", "2026-03-01 06:10", "--until", "2026-03-01 06:30:00 UTC"];
    assert_eq!(verify(&ended, &typed).0, Some(0));
    // The kernel's log had it, at the next start.
    let mut found = down(1);
    let mut logged = kill(BOOT, 1000, 7, WEB);
    logged["source"] = "kernel_log".into();
    found.push(logged);
    assert_eq!(verify(&found, &asked(&["--unit", "db"])).0, Some(0));
    assert_eq!(verify(&found, &asked(&["--unit", "web-4711"])).0, Some(1));
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
    assert!(
        text.contains("the machine started only then, and nothing older is recorded"),
        "{text}"
    );
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
}

/// Before the agent's start the kernel had counted many; when, nobody knows.
#[test]
fn a_count_is_told_with_the_time_it_is_of_and_what_is_known_beside_it() {
    let records = [agent(BOOT, 900, "started", 11_278), agent(BOOT, 3600, "stopped", 11_278)];
    let (status, json, text) = verify(&records, &asked(&["--comm", "backup"]));
    assert_eq!(
        (status, &json["unproven"][0]["reason"]),
        (Some(3), &"not_covered".into()),
        "{text}"
    );
    let hole = "2026-03-01 06:10:00 UTC to 2026-03-01 06:15:00 UTC: this store's agent was not running yet, and the kernel \
                counted 11278 kills that are not recorded between the boot at 2026-03-01 06:00:00 UTC and \
                2026-03-01 06:15:00 UTC; how many of them in this span is not known\n";
    assert!(text.contains(hole), "{text}");
    let known = "2026-03-01 06:15:00 UTC to 2026-03-01 06:50:00 UTC: none of backup\n";
    // Typed back, it is the "no" that can be had.
    let (_, narrower) = text.split_once(known).unwrap();
    let (_, flags) = narrower.trim_end().split_once(" known:\n    ").unwrap();
    assert_eq!(flags, "--since \"2026-03-01 06:15:00 UTC\"", "{text}");
    let typed =
        ["--comm", "backup", "--until", "2026-03-01 06:50", "--since", "2026-03-01 06:15:00 UTC"];
    assert_eq!(verify(&records, &typed).0, Some(0));
    assert_eq!(json["unproven"][0]["counted_from"], "2026-03-01T06:00:00.000000000Z");
    assert_eq!(json["proven"][0]["from"], "2026-03-01T06:15:00.000000000Z");
    assert!(json["kernel_kills"].is_null());
    // A kill that is told of beside it may not have been the only one.
    let seen =
        [records[0].clone(), kill(BOOT, 1200, 4711, WEB), agent(BOOT, 3600, "stopped", 11_279)];
    let (status, _, text) = verify(&seen, &asked(&[]));
    assert!(status == Some(1) && text.starts_with("at least 1 OOM kill "), "{text}");
    let more = text.split_once("  there may have been more:\n").unwrap().1;
    assert!(more.contains("this store's agent was not running yet"), "{text}");
}

#[test]
fn a_no_has_its_numbers() {
    let kills = (0_u32..5).map(|nth| kill(BOOT, 1200 + u64::from(nth), 40 + nth, WEB));
    let mut records = vec![agent(BOOT, 60, "started", 0)];
    records.extend(kills);
    records.push(agent(BOOT, 3600, "stopped", 5));
    let (status, json, text) = verify(&records, &asked(&["--comm", "backup"]));
    assert_eq!(status, Some(0), "{text}");
    let proof = "the kernel counted 5 kills in that time (oom_kill in /proc/vmstat), all 5 are recorded, \
                 and none was of backup\n";
    assert!(text.ends_with(proof), "{text}");
    assert_eq!((&json["kernel_kills"], &json["recorded_kills"]), (&5.into(), &5.into()));
    let early = ["--since", "2026-03-01 06:02", "--until", "2026-03-01 06:19"];
    let (_, json, text) = verify(&records, &early);
    assert!(text.contains("the kernel counted no kill in that time"), "{text}");
    assert_eq!(json["kernel_kills"], 0);
}

#[test]
fn many_kills_of_which_the_same_is_unknown_have_one_line() {
    let mut records = vec![agent(BOOT, 60, "started", 0)];
    for nth in 0_u32..30 {
        let mut bare = kill(BOOT, 1200 + u64::from(nth), 40 + nth, WEB);
        for key in ["cgroup", "unit", "slice"] {
            bare["victim"][key] = Value::Null;
        }
        bare["limit"] = Value::Null;
        records.push(bare);
    }
    records.push(agent(BOOT, 3600, "stopped", 30));
    let (status, json, text) = verify(&records, &asked(&["--unit", "backup"]));
    assert_eq!((status, json["doubtful"].as_array().unwrap().len()), (Some(3), 30));
    let line =
        "30 kills whose cgroup is unknown, 2026-03-01 06:20:00 UTC to 2026-03-01 06:20:29 UTC";
    assert!(text.contains(line) && text.lines().count() == 3, "{text}");
}

#[test]
fn a_store_is_named_by_itself_or_with_the_option_and_is_one() {
    let kept = store(&watched());
    let path = kept.path().join("records.db");
    let path = path.to_str().unwrap();
    for args in [&[path][..], &["--store", path]] {
        let output = run("verify", &[&SPAN[..], args].concat(), b"");
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(&format!("oom-trace history --store {path} 4711\n")), "{text}");
        assert!(
            run("history", args, b"").status.success() && run("report", args, b"").status.success()
        );
    }
    let folder = kept.path().to_str().unwrap();
    let log = logged("6.12-memcg.log");
    for (command, args, says) in [
        ("verify", &[&SPAN[..], &["--store", folder]].concat(), "specify a file in this directory"),
        ("verify", &[&SPAN[..], &[log.to_str().unwrap()]].concat(), "is not a store"),
        ("history", &vec![folder], "records.db"),
    ] {
        let said = run(command, args, b"").stderr;
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains(says), "{command}: {said}");
    }
}

/// However often it looks again.
#[test]
fn nothing_is_said_twice() {
    let said = run("verify", &["--since", "1h", "--comm", "nobody"], b"").stderr;
    let said = String::from_utf8(said).unwrap();
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "{said}");
}
