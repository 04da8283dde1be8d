//! What `oom-trace explain` promises: no kill is passed over in silence.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{logged, records, run};

const KILLED: &str = "[    1.000001] Out of memory: Killed process 7 (a) total-vm:8kB, anon-rss:4kB, \
                      file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:4kB oom_score_adj:0\n";
const HEADER: &str =
    "[    2.000001] b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n";

fn explain(args: &[&str], stdin: &str) -> (Option<i32>, String, String) {
    let output = run("explain", args, stdin.as_bytes());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn standard_input_is_read_without_a_file_and_text_is_the_format() {
    let (status, told, said) = explain(&[], KILLED);
    assert_eq!((status, &*said), (Some(0), ""));
    assert!(told.contains("OOM KILL  a (process 7)"), "{told}");
}

#[test]
fn what_is_empty_is_not_a_log_without_a_kill() {
    let (status, _, said) = explain(&["-"], "");
    assert_eq!((status, &*said), (Some(1), "oom-trace: standard input is empty\n"));
}

/// What people paste may be what this program told them.
#[test]
fn its_own_words_are_not_a_log_without_a_kill() {
    for format in ["text", "compact"] {
        let (_, told, _) = explain(&["--format", format], KILLED);
        let (status, _, said) = explain(&["-"], &told);
        assert_eq!(status, Some(1), "{told} {said}");
        assert!(said.contains("what oom-trace prints for people"), "{said}");
        // Beside the kernel's own of the same kill it is nothing new.
        let (status, _, said) = explain(&["-"], &(KILLED.to_owned() + &told));
        assert_eq!((status, &*said), (Some(0), ""), "{told}");
    }
}

#[test]
fn a_store_that_is_named_so_is_one() {
    let log = tempfile::NamedTempFile::new().unwrap();
    fs::write(log.path(), KILLED).unwrap();
    for command in ["history", "report"] {
        let output = run(command, &["--store", log.path().to_str().unwrap()], b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("it is not a store"), "{said}");
    }
}

/// One that was read from belongs to the loop that this runs in; into a pipe that somebody left open, as ssh does,
/// nothing may come.
#[test]
fn history_reads_a_file_from_its_beginning_and_a_pipe_into_which_somebody_writes() {
    let mut log = tempfile::tempfile().unwrap();
    write!(log, "{KILLED}{KILLED}").unwrap();
    let of_file = |from: u64, log: &mut fs::File| {
        log.seek(SeekFrom::Start(from)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
        command.args(["history", "--format", "json"]).stdin(log.try_clone().unwrap());
        let output = command.output().unwrap();
        (output.stdout.len(), log.stream_position().unwrap())
    };
    let (told, at) = of_file(0, &mut log);
    assert!(told > 0 && at > 0);
    let (_, at) = of_file(KILLED.len() as u64, &mut log);
    assert_eq!(at, KILLED.len() as u64, "a loop's input was taken");
    assert_eq!(records(&run("history", &["--format", "json"], KILLED.as_bytes())).len(), 1);
    let mut silent = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
    silent.args(["history", "--format", "json"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut silent = silent.spawn().unwrap();
    // Nothing is written, and the pipe stays open.
    let pipe = silent.stdin.take();
    silent.wait().unwrap();
    drop(pipe);
    assert_eq!(records(&run("history", &["--format", "json", "-"], KILLED.as_bytes())).len(), 1);
}

#[test]
fn a_file_that_is_not_there_may_be_the_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("kern.log"), KILLED).unwrap();
    let (meant, typed) = (folder.path().join("kern.log"), folder.path().join("kern.lgo"));
    let output = run("explain", &[typed.to_str().unwrap()], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    let hint = format!("(os error 2); did you mean {}?", meant.display());
    assert!(said.trim_end().ends_with(&hint), "{said}");
}

#[test]
fn a_word_that_is_no_file_may_be_a_process() {
    let output = run("history", &["jobx"], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("cannot open jobx: ")
            && said.contains("did you mean --comm jobx, --unit jobx or --cgroup jobx?"),
        "{said}"
    );
}

#[test]
fn one_line_that_is_no_log_is_told_of_as_one() {
    let (status, _, said) = explain(&[], "hello\n");
    assert_eq!(status, Some(1));
    assert!(said.contains("its only line is in none of the formats of dmesg"), "{said}");
}

#[test]
fn a_line_that_is_in_no_record_is_shown_with_its_number_and_fails_though_others_were_told() {
    let (status, told, said) = explain(&["--format", "compact"], &format!("{KILLED}{HEADER}"));
    assert_eq!((status, told.lines().count()), (Some(1), 1));
    assert!(
        said.contains("line 2 mentions an OOM kill") && said.contains(": b invoked oom-killer"),
        "{said}"
    );
    let other = "Nov 23 06:00:01 db1 app[1]: Out of memory: Killed process 9 (a)\n";
    let (status, _, said) = explain(&[], other);
    assert!(status == Some(1) && said.contains("line 1 mentions an OOM kill"), "{said}");
    // What another program repeats is told.
    let copy = "Nov 23 06:00:01 db1 app[1]: Out of memory: Killed process 7 (a)\n";
    let (status, _, said) = explain(&[], &format!("Nov 23 06:00:01 db1 kernel: {KILLED}{copy}"));
    assert_eq!((status, &*said), (Some(0), ""));
}

#[test]
fn a_kill_right_after_another_may_have_come_too_soon() {
    let second = KILLED.replace("1.000001", "1.500001").replace("process 7 (a)", "process 9 (b)");
    let (_, told, _) = explain(&["--format", "json"], &format!("{KILLED}{second}"));
    let kills: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hints = |at: usize| kills[at]["why"]["hints"].to_string();
    assert!(hints(1).contains("the 4.0 KiB of a (process 7) may not have been free yet"), "{told}");
    assert!(!hints(0).contains("free yet"), "{told}");
}

#[test]
fn who_has_it_from_the_kernel_is_no_kernel() {
    let line = "Nov 23 06:00:01 h systemd[1]: a.service: A process of this unit has been killed by the OOM killer.\n";
    let (status, told, said) = explain(&[], line);
    assert_eq!((status, &*told), (Some(1), ""));
    assert!(said.contains("line 1 says ") && said.contains("journalctl -k"), "{said}");
}

#[test]
fn one_bad_file_does_not_end_the_others() {
    let good = logged("6.12-memcg.log");
    let args = ["--format", "json", "/no/such/file", good.to_str().unwrap()];
    let (status, told, said) = explain(&args, "");
    assert_eq!((status, told.lines().count()), (Some(1), 1));
    assert!(said.contains("/no/such/file"), "{said}");
}

#[test]
fn of_several_files_each_record_says_which_it_is_from_and_each_without_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let files = [path("a.log"), path("b.log"), path("c.log"), path("d.log"), path("again.log")];
    let other = KILLED.replace("process 7 (a)", "process 9 (b)");
    let quiet = "[    1.000001] eth0: link up\n";
    for (file, text) in files.iter().zip([KILLED, quiet, &other, quiet, KILLED]) {
        fs::write(file, text).unwrap();
    }
    let args: Vec<_> = files.iter().map(String::as_str).collect();
    let [a, b, c, d, again] = args.as_slice() else { panic!() };
    let (status, told, said) = explain(&args, "");
    assert_eq!(status, Some(0), "{said}");
    let lines: Vec<_> = told.lines().filter_map(|it| it.strip_prefix("  file       ")).collect();
    assert_eq!(lines, [*a, *c], "{told}");
    assert_eq!(said, format!("oom-trace: no OOM kill in {b}, {d}\n"));
    assert!(!said.contains(again), "what it has is told: {said}");
    let (_, told, _) = explain(&[&["--format", "compact"], &args[..]].concat(), "");
    let ends = |line: &str, file: &str| line.ends_with(&format!(" file={file}"));
    let lines: Vec<_> = told.lines().collect();
    assert!(lines.len() == 2 && ends(lines[0], a) && ends(lines[1], c), "{told}");
    let output = run("history", &[&["--table"], &args[..]].concat(), b"");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains(" FILE") && table.contains("a.log"), "{table}");
    // One file alone needs no name.
    let (_, told, _) = explain(&[a], "");
    assert!(!told.contains("a.log"), "{told}");
    // Why it has none.
    let (_, _, said) = explain(&["--comm", "a", a, c], "");
    assert_eq!(said, format!("oom-trace: no OOM kill in {c} (1 that the filters leave out)\n"));
}

#[test]
fn the_same_log_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = logged("7.3-oomgroup.log");
    let text = fs::read(&log).unwrap();
    let packed = folder.path().join("kern.log.1.gz");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&text).unwrap();
    fs::write(&packed, gz.finish().unwrap()).unwrap();
    let files = [log.to_str().unwrap(), packed.to_str().unwrap(), log.to_str().unwrap()];
    let output = run("explain", &[&["--format", "json"], &files[..]].concat(), b"");
    assert_eq!(records(&output).len(), 5);
}

#[test]
fn what_was_no_kernel_kill_is_named() {
    let line = "Jun 12 06:39:16 host earlyoom[397]: sending SIGTERM to process 696 uid 1001 \"ipfs\": badness 757, VmRSS 637 MiB\n";
    let (status, told, said) = explain(&["--format", "json"], line);
    assert_eq!(status, Some(0));
    let record: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&record["type"], &record["by"]), (&"user_kill".into(), &"earlyoom".into()));
    assert!(said.contains("no OOM kill by the kernel in standard input"), "{said}");
}

#[test]
fn colours_are_for_who_asks_for_them() {
    let log = logged("6.12-memcg.log");
    let is_coloured = |args: &[&str], vars: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.arg("explain").args(args).arg(&log).envs(vars.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty());
        output.stdout.contains(&b'\x1b')
    };
    let forced = ("CLICOLOR_FORCE", "1");
    assert!(!is_coloured(&[], &[]), "a pipe");
    assert!(is_coloured(&[], &[forced]));
    assert!(!is_coloured(&[], &[forced, ("NO_COLOR", "1")]));
    assert!(!is_coloured(&["--color", "never"], &[forced]));
    assert!(is_coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
}

#[test]
fn one_clock_reads_and_shows() {
    let log = format!("Nov 23 06:00:01 h kernel: {KILLED}");
    let (_, told, _) =
        explain(&["--utc", "--since", "2020-01-01T00:00:00", "--format", "text"], &log);
    assert!(told.contains("-11-23 06:00:01 UTC (zone and year guessed)"), "{told}");
}

/// Far more than what is of interest, and none of it is lost.
#[test]
fn a_long_log_is_told_by_line() {
    let noise = "Nov 23 06:00:01 db1 app[1]: nothing to see here\n".repeat(50_000);
    let dump = fs::read_to_string(logged("6.12-memcg.log")).unwrap();
    let log = format!("{noise}{dump}{noise}{HEADER}{noise}{KILLED}");
    let (status, told, said) = explain(&["--format", "json"], &log);
    let records: Vec<Value> =
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((status, records.len()), (Some(1), 2), "{said}");
    assert_eq!(records[0]["limit"]["stat"]["active_anon"], 25_055_232);
    assert_eq!(records[0]["candidates"]["total"], 1);
    let line = 100_000 + dump.lines().count() + 1;
    assert!(
        said.contains(&format!("line {line} mentions an OOM kill")) && said.contains(": b invoked"),
        "{said}"
    );
}
