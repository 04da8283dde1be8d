use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use super::super::compliance::{self, Bench};
use super::*;
use crate::setting::inline_table;

/// A script, and where it may leave something.
struct Script(TempDir);

impl Script {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script");
        fs::write(&path, format!("#!/bin/sh\ncd {}\n{text}\n", dir.path().display())).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn sink(&self, more: &str) -> Box<dyn Sink> {
        sink(&format!("{{ command = [{:?}, \"an argument\"]{more} }}", self.path("script")))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

fn sink(table: &str) -> Box<dyn Sink> {
    compliance::open::<ExecConfig>(table).unwrap()
}

fn record() -> [Arc<Record>; 1] {
    let [record, ..] = compliance::records();
    [record]
}

#[test]
fn complies() {
    let script = Script::new("cat >> records");
    let working = script.sink("");
    let mut seen = 0;
    compliance::check(Bench {
        working,
        arrived: Box::new(move |_| {
            let all = script.read("records");
            let new = compliance::lines(&all.as_bytes()[seen..]);
            seen = all.len();
            new
        }),
        broken: Some(sink("{ command = [\"/nonexistent\"] }")),
    });
}

#[test]
fn the_command_has_what_it_needs_and_is_not_spared_by_the_oom_killer() {
    let script =
        Script::new("env > env; cat /proc/self/oom_score_adj > adj; echo \"$1\" > argument");
    let mut sink = script.sink(", env = { TOKEN = \"abc\" }");
    let [record] = record();
    sink.deliver(&[Arc::clone(&record)]).unwrap();
    let env = script.read("env");
    for line in [
        format!("OOM_TRACE_ID={}", record.id()),
        format!("OOM_TRACE_INCIDENT={}", record.incident().unwrap()),
        "OOM_TRACE_TYPE=oom_kill".to_owned(),
        "TOKEN=abc".to_owned(),
    ] {
        assert!(env.lines().any(|is| is == line), "{line}: {env}");
    }
    assert!(!env.contains("CARGO"), "{env}");
    assert_eq!(script.read("adj"), "0\n");
    assert_eq!(script.read("argument"), "an argument\n");
}

#[test]
fn how_it_fails_is_told_in_its_own_words() {
    for (text, says, is_final) in [
        ("echo first >&2; echo last words >&2; exit 75", "exit status: 75: last words", false),
        ("echo no such thing >&2; exit 65", "exit status: 65: no such thing", true),
        ("exit 1", "exit status: 1", false),
        ("kill -9 $$", "signal: 9 (SIGKILL)", false),
    ] {
        let error = Script::new(text).sink("").deliver(&record()).unwrap_err();
        assert_eq!(error.disposition() == Disposition::Refused, is_final, "{error}");
        assert!(error.to_string().ends_with(says), "{error}");
    }
}

#[test]
fn one_that_reads_nothing_or_says_much_does_not_hold_us() {
    Script::new("exec 0<&-; exit 0").sink("").deliver(&record()).unwrap();
    let much =
        Script::new("i=0; while [ $i -lt 300 ]; do printf '%01000d\\n' $i >&2; i=$((i+1)); done");
    much.sink("").deliver(&record()).unwrap();
}

#[test]
fn one_that_takes_too_long_is_killed_with_all_that_it_started() {
    let script = Script::new("sleep 600 & echo $! > child; wait");
    let mut sink = script.sink(", timeout = \"1s\"");
    let error = sink.deliver(&record()).unwrap_err().to_string();
    assert!(error.ends_with("it took longer than 1s"), "{error}");
    let child = script.read("child");
    let stat = || fs::read_to_string(format!("/proc/{}/stat", child.trim()));
    // It dies when it is next on a processor, and whoever takes care of orphans comes later.
    let start = Instant::now();
    while stat().is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", stat());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn one_that_closes_its_error_output_does_not_keep_us_busy() {
    let busy = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let script = Script::new("exec 2>&-; sleep 1");
    let mut sink = script.sink("");
    let before = busy();
    sink.deliver(&record()).unwrap();
    let spent = busy() - before;
    assert!(spent < Duration::from_millis(300), "{spent:?}");
}

#[test]
fn several_run_at_once() {
    // Each waits for the other two.
    let text = "touch $$.here; while [ $(ls *.here | wc -l) -lt 3 ]; do sleep 0.01; done";
    let script = Script::new(text);
    let mut sink = script.sink(", concurrency = 3, timeout = \"20s\"");
    assert_eq!(sink.batch(), 3);
    let [one, two, three, ..] = compliance::records();
    sink.deliver(&[one, two, three]).unwrap();
}

#[test]
fn what_cannot_be_is_told() {
    for (table, says) in [
        ("{ command = [\"notify\"] }", "such as \"/usr/local/bin/notify\""),
        ("{ command = [] }", "no program given"),
        ("{ command = \"/bin/true\" }", "expected a list, in [ ]"),
        ("{ command = [\"/bin/true\"], concurrency = 0 }", "1 or more"),
        ("{ }", "missing key `command`"),
    ] {
        let error = inline_table::<ExecConfig>(table).unwrap_err().to_string();
        assert!(error.contains(says), "{table}: {error}");
    }
    let mut absent = sink("{ command = [\"/nonexistent\"] }");
    assert!(absent.probe().unwrap_err().to_string().contains("cannot run /nonexistent"));
}
