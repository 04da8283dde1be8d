//! `oom-trace history` over what was kept: a store, and records of many machines.

use std::io::Write as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use oom_trace::incident::model::Record;
use oom_trace::setting::{ByteSize, ConfigDuration};
use oom_trace::store::{Retention, Store};
use serde_json::{Value, json};

use crate::{history, logged, records};

pub(crate) const BOOT: &str = "11111111-0000-4000-8000-000000000001";
pub(crate) const OTHER_BOOT: &str = "22222222-0000-4000-8000-000000000002";

/// A kill by a limit of its own cgroup, that long after its boot began. That was at six o'clock, on the
/// first of March for `BOOT` and on the second for the other.
pub(crate) fn kill(boot: &str, second: u64, pid: u32, cgroup: &str) -> Value {
    let log = logged("6.12-memcg.log");
    let found = records(&history(&["--format", "json", log.to_str().unwrap()], b""));
    let [mut kill] = <[Value; 1]>::try_from(found).unwrap();
    place(&mut kill, boot, second);
    kill["incident"] = format!("{}-{}", boot.get(..8).unwrap(), second * 1_000_000_000).into();
    kill["log_us"] = (second * 1_000_000).into();
    kill["kill_count"] = 1.into();
    kill["source"] = "kprobe".into();
    (kill["victim"]["pid"], kill["victim"]["tid"]) = (pid.into(), pid.into());
    kill["victim"]["cgroup"] = json!({ "path": cgroup, "id": null });
    let unit = cgroup.rsplit('/').next().unwrap();
    kill["victim"]["unit"] = unit.ends_with(".service").then_some(unit).into();
    kill["limit"]["cgroup"] = cgroup.into();
    kill
}

pub(crate) fn place(record: &mut Value, boot: &str, second: u64) {
    let day = if boot == BOOT { "2026-03-01" } else { "2026-03-02" };
    let start: jiff::Timestamp = format!("{day}T06:00:00Z").parse().unwrap();
    let time = start + Duration::from_secs(second);
    record["time"] = format!("{time:.9}").into();
    record["time_guessed"] = Value::Null;
    record["boot_ns"] = (second * 1_000_000_000).into();
    record["boot_id"] = boot.into();
    record["host"] = "db1".into();
    record["kernel"] = "6.12.0".into();
}

/// The end of a victim, so many milliseconds later.
pub(crate) fn end(kill: &Value, after_ms: u64) -> Value {
    let mut end = json!({
        "schema": 1, "type": "oom_exit", "incident": kill["incident"], "source": "kprobe",
        "pid": kill["victim"]["pid"], "tid": kill["victim"]["tid"], "comm": kill["victim"]["comm"],
        "state": "freed", "freed_after_ms": after_ms, "stuck_for_ms": null, "by": "exit", "left": null,
    });
    for key in ["time", "time_guessed", "boot_ns", "boot_id", "host", "kernel"] {
        end[key] = kill[key].clone();
    }
    end
}

pub(crate) fn store(records: &[Value]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let retention = Retention {
        max_age: ConfigDuration(Duration::from_secs(100 * 365 * 86_400)),
        max_bytes: ByteSize(1 << 30),
    };
    let mut store = Store::open(&directory.path().join("records.db"), &retention).unwrap();
    let parsed = records.iter().map(|it| serde_json::from_value::<Record>(it.clone()).unwrap());
    let parsed: Vec<_> = parsed.map(Arc::new).collect();
    store.save(1, &parsed, &[]).unwrap();
    directory
}

fn lines(records: &[Value]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for record in records {
        let record: Record = serde_json::from_value(record.clone()).unwrap();
        writeln!(file, "{}", serde_json::to_string(&record).unwrap()).unwrap();
    }
    file
}

pub(crate) fn shown(args: &[&str], path: &Path) -> (Vec<String>, String) {
    let Output { stdout, stderr, .. } =
        history(&[&["--utc"], args, &[path.to_str().unwrap()]].concat(), b"");
    let text = String::from_utf8(stdout).unwrap();
    (text.lines().map(str::to_owned).collect(), String::from_utf8(stderr).unwrap())
}

/// Three kills of two services, in another order than they were saved in.
pub(crate) fn three() -> [Value; 4] {
    let web = kill(BOOT, 200, 4711, "/system.slice/web.service");
    let freed = end(&web, 35);
    [
        web,
        freed,
        kill(BOOT, 300, 4712, "/system.slice/web.service"),
        kill(BOOT, 100, 47, "/system.slice/db.service"),
    ]
}

#[test]
fn the_table_has_a_line_for_each_kill_the_newest_last() {
    let store = store(&three());
    let path = store.path().join("records.db");
    let (table, said) = shown(&["--table"], &path);
    assert_eq!(table.len(), 4, "{table:#?}");
    assert!(
        said.starts_with("oom-trace: RSS above LIMIT: ") && said.lines().count() == 1,
        "{said}"
    );
    assert!(table[0].starts_with("TIME (UTC)") && table[0].contains("KILLED"), "{table:#?}");
    for (line, pid, place, nth) in [
        (&table[1], "(47)", "db.service", "1st"),
        (&table[2], "(4711)", "web.service", "1st"),
        (&table[3], "(4712)", "web.service", "2nd"),
    ] {
        assert!(line.contains(pid) && line.contains(place) && line.ends_with(nth), "{line}");
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(table[2].contains("35 ms") && !table[3].contains(" ms"), "{table:#?}");
    let (newest, _) = shown(&["--table", "-n", "1"], &path);
    assert!(newest.len() == 2 && newest[1].contains("(4712)"), "{newest:#?}");
    // It counts those that are not shown.
    assert!(newest[1].ends_with("2nd"), "{newest:#?}");
    let (reversed, _) = shown(&["--table", "-r"], &path);
    assert!(reversed[1].contains("(4712)") && reversed[3].contains("(47)"), "{reversed:#?}");
}

#[test]
fn a_misspelt_name_is_told_with_the_one_that_may_be_meant() {
    let store = store(&three());
    let path = store.path().join("records.db");
    for (flag, word, meant) in [
        ("--unit", "wep", "no kill matches --unit wep.service; did you mean --unit web.service?"),
        ("--cgroup", "/system.slice/dbb", "did you mean --cgroup /system.slice/db.service?"),
        ("--comm", "nosuch", "no kill matches --comm nosuch\n"),
    ] {
        let (told, said) = shown(&["--table", flag, word], &path);
        assert!(told.is_empty() && said.contains(meant), "{said}");
    }
    let (told, said) = shown(&["--table", "--unit", "web"], &path);
    assert!(told.len() == 3 && !said.contains("no kill matches"), "{said}");
}

#[test]
fn the_table_has_what_is_asked_for_whatever_its_type() {
    let records = [&three()[..], &[agent(BOOT, 50, "started", 0), agent(BOOT, 150, "gap", 1)]];
    let store = store(&records.concat());
    let path = store.path().join("records.db");
    let (table, said) = shown(&["--table", "--type", "agent"], &path);
    assert_eq!((table.len(), &*said), (3, ""), "{table:#?}");
    assert!(table[0].contains("EVENT") && table[0].contains("MESSAGE"), "{table:#?}");
    assert!(table[1].contains("started") && table[2].contains("gap"), "{table:#?}");
    let (table, _) = shown(&["--table", "--type", "oom_exit"], &path);
    assert!(table.len() == 2 && table[1].contains("(4711)"), "{table:#?}");
    assert!(table[1].ends_with("35 ms"), "{table:#?}");
    let (table, _) = shown(&["--table", "--type", "oom_kill", "--type", "agent"], &path);
    assert!(table.len() == 6 && table[1].contains("started"), "{table:#?}");
    // Who asks for kills gets kills.
    let (table, _) = shown(&["--table"], &path);
    assert!(table.len() == 4 && !table[0].contains("EVENT"), "{table:#?}");
}

#[test]
fn the_newest_of_any_format_and_its_end() {
    let store = store(&three());
    let path = store.path().join("records.db");
    let (told, _) = shown(&["--format", "compact", "-n", "2"], &path);
    let events: Vec<_> = told.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(events, ["OOM-KILL", "OOM-EXIT", "OOM-KILL"], "{told:#?}");
    let (told, _) = shown(&["--format", "compact", "-r", "--type", "oom_kill"], &path);
    assert!(told.len() == 3 && told[0].contains("pid=4712"), "{told:#?}");
}

#[test]
fn one_kill_is_named_by_its_process_or_the_beginning_of_its_id() {
    let store = store(&three());
    let path = store.path().join("records.db");
    let [pid, id, start] = [&["4711"][..], &["11111111-200000000us-4711"], &["11111111-2000"]];
    for args in [pid, id, start, &["--pid", "4711"]] {
        let (told, said) = shown(args, &path);
        assert!(told[0].contains("(pid 4711)"), "{args:?}: {told:#?} {said}");
        assert!(told.iter().any(|line| line.contains("memory released")), "{told:#?}");
        assert_eq!(told.iter().filter(|line| line.contains("OOM KILL")).count(), 1);
    }
    let (told, _) = shown(&["4711"], &path);
    assert!(
        told.contains(
            &"after: 1 OOM kill recorded at this limit, the next 1m 40s later".to_owned()
        )
    );
    let (told, _) = shown(&["4712"], &path);
    assert!(told.contains(
        &"before: 1 OOM kill recorded at this limit, the last 1m 40s earlier".to_owned()
    ));
    let (told, said) = shown(&["11111111"], &path);
    assert!(told.is_empty() && said.contains("names 3 kills; which one?"), "{said}");
    assert!(said.contains("11111111-300000000us-4712") && said.contains("web.service"), "{said}");
    let (told, said) = shown(&["4799"], &path);
    assert!(told.is_empty() && said.contains("has the pid or id 4799"), "{said}");
}

#[test]
fn a_number_in_the_name_of_a_place_is_no_pid_and_may_be_meant() {
    let store = store(&[kill(BOOT, 60, 12, "/jobs/job-4799")]);
    let (_, said) = shown(&["4799"], &store.path().join("records.db"));
    assert!(said.contains("; did you mean --cgroup /jobs/job-4799?"), "{said}");
}

#[test]
fn filters_are_those_of_the_sinks() {
    let store = store(&three());
    let path = store.path().join("records.db");
    let count = |args: &[&str]| {
        let args = [&["--format", "json", "--type", "oom_kill"], args].concat();
        shown(&args, &path).0.len()
    };
    for (args, expected) in [
        (&[][..], 3),
        (&["--unit", "web"], 2),
        (&["--unit", "web", "--unit", "db"], 3),
        (&["--cgroup", "/system.slice/d*"], 1),
        (&["--cgroup", "/*"], 0),
        (&["--comm", "nobody"], 0),
        (&["--scope", "memcg"], 3),
        (&["--scope", "global"], 0),
        (&["--outcome", "already_exiting"], 0),
        (&["--since", "2026-03-01 06:02", "--until", "2026-03-01 06:04"], 1),
    ] {
        assert_eq!(count(args), expected, "{args:?}");
    }
    let (_, said) = shown(&["--since", "2026-03-01 07:00", "--until", "2026-03-02"], &path);
    assert!(said.contains("no OOM kill in") && said.contains("3 before, the last on"), "{said}");
    // Also who pipes the table is told what its last column counts from.
    let (_, said) = shown(&["--since", "2026-03-01 06:02"], &path);
    assert!(said.contains("NTH counts from --since on: 1 kill before"), "{said}");
    let (_, said) = shown(&["--comm", "nobody"], &path);
    assert!(said.contains("3 that the filters leave out"), "{said}");
    let (_, said) = shown(&["--comm", "nobody", "--since", "2026-03-01 06:02"], &path);
    // The one before is none that is asked for.
    assert!(!said.contains(" before") && said.contains("2 that the filters leave out"), "{said}");
}

#[test]
fn records_of_many_machines_are_one_list() {
    let mut others: Vec<_> = three().into();
    others.iter_mut().for_each(|it| it["host"] = "db2".into());
    others.iter_mut().for_each(|it| it["boot_id"] = OTHER_BOOT.into());
    let (one, other) = (lines(&three()), lines(&others));
    let store = store(&three());
    let paths = [one.path(), other.path(), &store.path().join("records.db")];
    let paths = paths.map(|path| path.to_str().unwrap().to_owned());
    let args: Vec<_> =
        ["--table", "--utc"].into_iter().chain(paths.iter().map(|it| &**it)).collect();
    let output = history(&args, b"");
    let table = String::from_utf8(output.stdout).unwrap();
    // What the store has is in the first file, too.
    assert_eq!(table.lines().count(), 7, "{table}");
    assert!(table.contains("HOST") && table.contains("db1") && table.contains("db2"), "{table}");
    assert_eq!(table.matches("2nd").count(), 2, "{table}");
}

#[test]
fn a_line_that_is_no_record_is_said_and_the_others_are_shown() {
    let mut file = lines(&three());
    writeln!(file, "{{\"schema\":2,\"type\":\"oom_kill\"}}").unwrap();
    write!(file, "{{\"schema\":1,\"type\":\"oom_k").unwrap();
    let path = file.path().to_str().unwrap();
    let output = history(&["--format", "json", path], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 4);
    assert!(said.contains("line 5 is not a record: it is of schema 2"), "{said}");
    assert!(said.contains("line 6 is not a record: it is cut off"), "{said}");
}

/// What an agent delivered and could not save, the next one tells again; the second kill of a victim as a
/// kill of its own, where the log does not say that its two threads were one process.
#[test]
fn what_was_delivered_twice_is_shown_once() {
    let mut first = kill(BOOT, 200, 4711, "/system.slice/web.service");
    first["kill_count"] = 2.into();
    first["killed_again"] = json!([{ "tid": 4790, "log_us": 200_000_100 }]);
    let mut again = first.clone();
    (again["source"], again["kill_count"]) = ("kernel_log".into(), 1.into());
    again["killed_again"] = json!([]);
    let mut second = again.clone();
    (second["log_us"], second["victim"]["tid"]) = (200_000_100.into(), 4790.into());
    second["victim"]["anon_rss_bytes"] = 4096.into();
    let other = kill(BOOT, 300, 4712, "/system.slice/web.service");
    let file = lines(&[first, again, second, other]);
    let (told, said) = shown(&["--format", "json"], file.path());
    let told: Vec<Value> = told.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tids: Vec<_> = told.iter().map(|it| it["victim"]["tid"].as_u64().unwrap()).collect();
    assert_eq!(tids, [4711, 4712], "{said}");
}

/// What the agent said of itself, and the kernel's count then.
pub(crate) fn agent(boot: &str, second: u64, event: &str, count: u64) -> Value {
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

/// On no machine, whose own count would be asked.
pub(crate) const WEB: &str = "/system.slice/web-4711.service";

/// An agent that ran for an hour and saw one kill, after twenty minutes.
pub(crate) fn watched() -> Vec<Value> {
    vec![
        agent(BOOT, 60, "started", 0),
        kill(BOOT, 1200, 4711, WEB),
        agent(BOOT, 3600, "stopped", 1),
    ]
}

/// The word of an agent that runs on this machine now: with it a store is this machine's.
pub(crate) fn started_here() -> Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let up: f64 = read("/proc/uptime").split(' ').next().unwrap().parse().unwrap();
    let mut word = agent(BOOT, 0, "started", 0);
    word["boot_id"] = read("/proc/sys/kernel/random/boot_id").trim().into();
    word["boot_ns"] = u64::try_from(Duration::from_secs_f64(up).as_nanos()).unwrap().into();
    word["time"] = format!("{:.9}", jiff::Timestamp::now()).into();
    word["host"] = read("/proc/sys/kernel/hostname").trim().into();
    word["kernel_kills_since_boot"] = Value::Null;
    word
}
