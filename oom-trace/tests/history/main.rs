//! `oom-trace history` as a user runs it, on saved logs.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails so")]

mod explain;
mod forms;
mod gallery;
mod hostile;
mod kept;
mod large;
mod programs;
mod report;
mod running;
mod usage;
mod verify;
#[path = "../support/forms.rs"]
mod written;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn logged(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/logs").join(name)
}

fn history(args: &[&str], stdin: &[u8]) -> Output {
    run("history", args, stdin)
}

fn run(command: &str, args: &[&str], stdin: &[u8]) -> Output {
    let name = command;
    let mut command = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
    command.arg(name).args(args).env("TZ", "UTC").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    // It may end before it has read all.
    let _ = input.write_all(stdin);
    drop(input);
    child.wait_with_output().unwrap()
}

fn records(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A real log in another form: what stands before each message is replaced.
fn rewritten(name: &str, before: impl Fn(&str) -> String) -> String {
    let log = std::fs::read_to_string(logged(name)).unwrap();
    let lines = log.lines().map(|line| {
        let (stamp, text) = line.split_once("] ").unwrap();
        format!("{}{text}\n", before(stamp.trim_start_matches(['[', ' '])))
    });
    lines.collect()
}

#[test]
fn several_files_are_read_in_turn() {
    let [first, second] = ["7.3-oomgroup.log", "5.10-global.kmsg"].map(logged);
    let files = [first.to_str().unwrap(), second.to_str().unwrap()];
    let records = records(&history(&[&["--format", "json"], &files[..]].concat(), b""));
    let comms: Vec<_> = records.iter().map(|it| it["victim"]["comm"].as_str().unwrap()).collect();
    assert_eq!(comms, ["worker", "worker", "worker", "worker", "worker", "java"]);
}

/// Whatever program kept it, the kill is the same; each form adds what it knows.
#[test]
fn every_form_of_a_log_gives_the_same_kill() {
    let plain =
        records(&history(&["--format", "json", logged("6.12-memcg.log").to_str().unwrap()], b""));
    let forms: [(&str, &str, String); 7] = [
        (
            "short",
            "2026-11-23T06:00:01.000000000Z",
            rewritten("6.12-memcg.log", |_| "Nov 23 06:00:01 db1 kernel: ".into()),
        ),
        (
            "short-iso",
            "2026-11-23T06:00:01.000000000Z",
            rewritten("6.12-memcg.log", |_| "2026-11-23T06:00:01+0000 db1 kernel: ".into()),
        ),
        (
            "rsyslog",
            "2026-11-23T06:00:01.250000000Z",
            rewritten("6.12-memcg.log", |at| {
                format!("2026-11-23T06:00:01.25+00:00 db1 kernel: [{at}] ")
            }),
        ),
        (
            "RFC 5424",
            "2026-11-23T06:00:01.000000000Z",
            rewritten("6.12-memcg.log", |_| "<4>1 2026-11-23T06:00:01Z db1 kernel - - - ".into()),
        ),
        (
            "dmesg -T",
            "2026-11-23T06:00:01.000000000Z",
            rewritten("6.12-memcg.log", |_| "[Mon Nov 23 06:00:01 2026] ".into()),
        ),
        ("dmesg -x", "", rewritten("6.12-memcg.log", |at| format!("kern  :warn  : [{at}] "))),
        ("json", "2026-11-23T06:00:01.000000000Z", rewritten("6.12-memcg.log", |_| String::new())),
    ];
    let part = |record: &Value| {
        [&record["victim"], &record["limit"], &record["trigger"], &record["stack"]]
            .map(Clone::clone)
    };
    for (form, time, log) in forms {
        let log = if form == "json" {
            let entry = |line: &str| {
                let entry = serde_json::json!({
                    "__REALTIME_TIMESTAMP": "1795413601000000",
                    "_SOURCE_MONOTONIC_TIMESTAMP": "3504669",
                    "_BOOT_ID": "7c6e5a0c0f0b4f0e9d0a6d1b0c9f2a11",
                    "_HOSTNAME": "db1",
                    "_TRANSPORT": "kernel",
                    "MESSAGE": line,
                });
                format!("{entry}\n")
            };
            log.lines().map(entry).collect()
        } else {
            log
        };
        let found = records(&history(&["--format", "json", "-"], log.as_bytes()));
        let [record] = found.as_slice() else { panic!("{form}: {found:#?}") };
        assert_eq!(part(record), part(&plain[0]), "{form}");
        match time {
            "" => assert!(record["time"].is_null(), "{form}"),
            _ => assert_eq!(record["time"], time, "{form}"),
        }
        let host = if form.starts_with("dmesg") { Value::Null } else { "db1".into() };
        assert_eq!(record["host"], host, "{form}");
        if form == "json" {
            assert_eq!(record["boot_id"], "7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11");
            assert_eq!(record["incident"], "7c6e5a0c-3504669000");
        }
    }
}

/// 4.18 has no `oom-kill:` line, and says the rest in other words.
#[test]
fn a_log_of_4_18_is_read() {
    let log = "\
[  101.000001] java invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null), order=0, oom_score_adj=0
[  101.000002] java cpuset=web mems_allowed=0-1
[  101.000003] CPU: 1 PID: 812 Comm: java Not tainted 4.18.0-80.el8.x86_64 #1
[  101.000004] Call Trace:
[  101.000005]  dump_stack+0x5c/0x80
[  101.000006]  oom_kill_process.cold.30+0xb/0x1d6
[  101.000007]  out_of_memory+0x1a5/0x430
[  101.000008]  mem_cgroup_out_of_memory+0x49/0x80
[  101.000009] Task in /web/app killed as a result of limit of /web
[  101.000010] memory: usage 24576kB, limit 24576kB, failcnt 34
[  101.000011] memory+swap: usage 24580kB, limit 9007199254740988kB, failcnt 0
[  101.000012] kmem: usage 512kB, limit 9007199254740988kB, failcnt 0
[  101.000013] Memory cgroup stats for /web: cache:0KB rss:0KB
[  101.000014] Memory cgroup stats for /web/app: cache:0KB rss:24064KB
[  101.000015] [ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[  101.000016] [  812]  1000   811     6415     6233    86016        1             0 java
[  101.000017] Memory cgroup out of memory: Kill process 812 (java) score 1015 or sacrifice child
[  101.000018] Killed process 812 (java) total-vm:25660kB, anon-rss:24224kB, file-rss:4kB, shmem-rss:704kB
";
    let [record] =
        <[Value; 1]>::try_from(records(&history(&["--format", "json", "-"], log.as_bytes())))
            .unwrap();
    assert_eq!(record["kernel"], "4.18.0-80.el8.x86_64");
    assert_eq!(record["scope"], "memcg");
    assert_eq!(record["message"], "Memory cgroup out of memory");
    assert_eq!(record["page_size_bytes"], 4096);
    assert_eq!(record["trigger"]["cpuset"], "web");
    assert_eq!(record["trigger"]["mems_allowed"], "0-1");
    assert_eq!(record["trigger"]["pid"], 811);
    assert_eq!(record["limit"]["cgroup"], "/web");
    assert_eq!(record["limit"]["failcnt"], 34);
    assert_eq!(record["limit"]["memsw_usage_bytes"], 24580 * 1024);
    assert!(record["limit"]["memsw_max_bytes"].is_null());
    assert_eq!(record["limit"]["kmem_usage_bytes"], 512 * 1024);
    assert_eq!(record["chosen"]["cgroup"], "/web/app");
    let victim = &record["victim"];
    assert_eq!(
        (&victim["pid"], &victim["tid"], &victim["uid"]),
        (&811.into(), &812.into(), &1000.into())
    );
    assert_eq!(victim["oom_score_adj"], 0);
    assert_eq!(victim["memory"]["swap_bytes"], 4096);
    assert!(victim["memory"]["pgtables_bytes"].is_null());
    assert_eq!(victim["cgroup"]["path"], "/web/app");
    assert_eq!(record["stack"][0], "out_of_memory+0x1a5/0x430");
}

/// The first releases of 5.4 print bytes and say kB.
#[test]
fn page_tables_of_5_4_are_not_taken_for_more_than_they_are() {
    let killed = "Out of memory: Killed process 7 (a) total-vm:40kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:86016kB oom_score_adj:0\n";
    let [record] =
        <[Value; 1]>::try_from(records(&history(&["--format", "json", "-"], killed.as_bytes())))
            .unwrap();
    assert!(record["victim"]["memory"]["pgtables_bytes"].is_null());
}

#[test]
fn a_panic_is_a_record_of_its_own() {
    let log = "\
[   91.000001] java invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO), order=0, oom_score_adj=0
[   91.000003] CPU: 1 UID: 0 PID: 812 Comm: java Not tainted 6.18.15 #1 PREEMPT(lazy) 
[   91.000018] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled
";
    let [record] =
        <[Value; 1]>::try_from(records(&history(&["--format", "json", "-"], log.as_bytes())))
            .unwrap();
    assert_eq!(record["type"], "oom_panic");
    assert_eq!(record["scope"], "global");
    assert_eq!(record["trigger"]["tid"], 812);
}

#[test]
fn since_leaves_out_what_is_older_and_says_what_has_no_time() {
    let log = rewritten("6.12-memcg.log", |_| "2026-11-23T06:00:01+00:00 db1 kernel: ".into());
    let count = |since: &str, log: &str| {
        let output = history(&["--format", "json", "--since", since, "-"], log.as_bytes());
        (records(&output).len(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(count("2026-11-23T06:00:00Z", &log).0, 1);
    let (none, said) = count("2026-11-23T06:00:02Z", &log);
    assert!(none == 0 && said.contains("no OOM kill"), "{said}");
    let timeless = std::fs::read_to_string(logged("6.12-memcg.log")).unwrap();
    let (none, said) = count("1h", &timeless);
    assert!(none == 0 && said.contains("1 record without a time left out"), "{said}");
}

#[test]
fn what_is_no_log_is_said() {
    let text = failure(&history(&["-"], b"hello\nworld\n"));
    assert!(text.contains("standard input is not a kernel log"), "{text}");
    let text = failure(&history(&["-"], b"LPKSHHRH\0"));
    assert!(text.contains("journalctl"), "{text}");
    let text = failure(&history(&["-"], b"\x1f\x8b\x08\0"));
    assert!(text.contains("cannot read standard input"), "{text}");
    let text = failure(&history(&["/no/such/file"], b""));
    assert!(text.contains("/no/such/file"), "{text}");
    let quiet = history(&["-"], b"[    1.000000] eth0: link up\n");
    assert!(quiet.status.success() && quiet.stdout.is_empty());
    assert!(String::from_utf8_lossy(&quiet.stderr).contains("no OOM kill in standard input"));
}
