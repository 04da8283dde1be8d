//! `oom-trace report`: what a saved log comes to, on the terminal and as a page.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use crate::kept::{BOOT, kill, shown, started_here, store, watched};
use crate::{failure, history, logged, run};

const LOGS: [&str; 2] = ["7.3-oomgroup.log", "5.10-global.kmsg"];

fn paths() -> [String; 2] {
    LOGS.map(|name| logged(name).to_str().unwrap().to_owned())
}

fn text(output: &Output) -> &str {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn saved_logs_are_summed_up() {
    let [first, second] = paths();
    let output = run("report", &[&first, &second], b"");
    let told = text(&output);
    assert!(told.starts_with("2 OOM kills"), "{told}");
    assert!(told.contains("What to do first") && told.contains("By limit"), "{told}");
}

#[test]
fn a_page_is_whole_and_of_json_the_same_as_of_the_log() {
    let [first, second] = paths();
    let page = run("report", &["--html", "-", &first, &second], b"");
    let page = text(&page);
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    let json = history(&["--format", "json", &first, &second], b"");
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("records.jsonl");
    fs::write(&saved, text(&json)).unwrap();
    let again = run("report", &["--html", "-", saved.to_str().unwrap()], b"");
    assert!(text(&again) == page);
}

#[test]
fn a_file_gets_the_page_and_stderr_how_large_it_is() {
    let [first, _] = paths();
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.html");
    let output = run("report", &["--html", page.to_str().unwrap(), &first], b"");
    assert_eq!(text(&output), "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("page.html: 1 incident, ") && said.contains(" KiB"), "{said}");
    assert!(fs::read_to_string(&page).unwrap().contains("<article id=\"k-"));
    // It says as much as the store, which not everybody may read.
    assert_eq!(fs::metadata(&page).unwrap().permissions().mode() & 0o777 & !0o640, 0);
    // The next one takes its place.
    let output = run("report", &["--html", page.to_str().unwrap(), &first], b"");
    assert_eq!((text(&output), fs::read_dir(dir.path()).unwrap().count()), ("", 1));
    let nowhere = run("report", &["--html", "/no/such/folder/page.html", &first], b"");
    assert!(failure(&nowhere).contains("cannot write /no/such/folder/page.html"));
}

/// The page's name is easily forgotten: what stands in its place is what was to be read.
#[test]
fn what_is_no_page_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let [log, store] = ["x.log", "records.db"].map(|name| dir.path().join(name));
    fs::copy(logged(LOGS[0]), &log).unwrap();
    let kept = crate::kept::store(&[kill(BOOT, 60, 7, "/system.slice/web.service")]);
    fs::copy(kept.path().join("records.db"), &store).unwrap();
    for path in [&log, &store] {
        let before = fs::read(path).unwrap();
        let path = path.to_str().unwrap();
        for args in [&["--html", path][..], &["--html", path, path], &[path, "--html", path]] {
            let said = failure(&run("report", args, b""));
            assert!(said.contains(&format!("--html page.html {path}")), "{said}");
            assert!(fs::read(path).unwrap() == before, "{args:?}");
        }
    }
    let empty = dir.path().join("empty.html");
    fs::write(&empty, "").unwrap();
    text(&run("report", &["--html", empty.to_str().unwrap(), log.to_str().unwrap()], b""));
}

/// A page that is handed on must not look like an all-clear that nobody can give.
#[test]
fn the_kernels_count_is_held_against_what_is_recorded() {
    let told = |records: &[serde_json::Value], args: &[&str]| {
        let store = store(records);
        let path = store.path().join("records.db");
        let args = [&["--utc", "--store", path.to_str().unwrap()], args].concat();
        let page = run("report", &[&["--html", "-"], &args[..]].concat(), b"");
        let flat =
            text(&run("report", &args, b"")).split_whitespace().collect::<Vec<_>>().join(" ");
        (flat, text(&page).to_owned())
    };
    let quiet = ["--since", "2026-03-01 06:30", "--until", "2026-03-01 06:50"];
    let here = [watched(), vec![started_here()]].concat();
    let (whole, page) = told(&here, &quiet);
    assert!(whole.starts_with("No OOM kill on "), "{whole}");
    assert!(whole.contains(", 2026-03-01 06:30 to 2026-03-01 06:50 UTC "), "{whole}");
    assert!(whole.contains(" the last before that was at 2026-03-01 06:20 "), "{whole}");
    let proof = "An agent watched all of that time. By the kernel's own count, no kill is missing.";
    assert!(whole.contains(proof) && page.contains(&proof.replace('\'', "&#39;")), "{whole}");

    // What is behind the end of a store, nobody knows.
    for since in ["2026-03-01 06:30", "2026-03-02"] {
        let (behind, _) = told(&watched(), &["--since", since]);
        assert!(behind.starts_with("No OOM kill recorded"), "{behind}");
        assert!(behind.contains("Nobody knows whether there were kills from"), "{behind}");
    }
    let (of_none, _) = told(&[], &["--since", "2026-03-01"]);
    assert!(of_none.starts_with("No OOM kill recorded"), "{of_none}");

    let mut lost = watched();
    lost[2]["kernel_kills_since_boot"] = 4.into();
    let (told_of_lost, page) = told(&lost, &["--until", "2026-03-01 07:00"]);
    assert!(told_of_lost.starts_with("1 OOM kill"), "{told_of_lost}");
    for text in [&told_of_lost, &page.replace("The kernel", "the kernel")] {
        let missing = "the kernel counted 3 kills between 2026-03-01 06:01:00 and \
                       2026-03-01 07:00:00 UTC that are not recorded";
        assert!(text.contains(missing), "{text}");
    }
    // Also who pipes the list is told.
    let kept = store(&lost);
    let (list, said) = shown(&["--until", "2026-03-01 07:00"], &kept.path().join("records.db"));
    assert!(list[0].starts_with("TIME (UTC)") && list[1].contains("(4711)"), "{list:#?}");
    assert!(said.contains("07:00:00 UTC that are not recorded"), "{said}");
    let (nothing, _) = told(&lost, &quiet);
    assert!(nothing.starts_with("No OOM kill recorded (up to 3 missing), "), "{nothing}");
    assert!(
        nothing.contains(
            "that are not recorded; how many of them in the period asked for is not known"
        ),
        "{nothing}"
    );

    // Of a period that begins before the agent did, the part that is certain; typed back, it is whole.
    let mut later = watched();
    later[0]["kernel_kills_since_boot"] = 3287.into();
    later[2]["kernel_kills_since_boot"] = 3288.into();
    let early = ["--since", "2026-03-01 06:00:59.5", "--until", "2026-03-01 06:50"];
    let (in_part, page) = told(&later, &early);
    let headline = "1 OOM kill recorded (up to 3287 missing, all before 2026-03-01 06:01:00) on ";
    assert!(in_part.starts_with(headline) && page.contains(headline), "{in_part}");
    let narrower = " With --since \"2026-03-01 06:01:00 UTC\", no kill is missing. ";
    assert!(in_part.contains(narrower), "{in_part}");
    let typed = ["--since", "2026-03-01 06:01:00 UTC", "--until", "2026-03-01 06:50"];
    let (certain, _) = told(&later, &typed);
    assert!(certain.starts_with("1 OOM kill on "), "{certain}");
    assert!(certain.contains(proof), "{certain}");

    let (filtered, _) = told(&watched(), &["--unit", "db"]);
    assert!(filtered.starts_with("No OOM kill in db.service, "), "{filtered}");
    assert!(filtered.contains("no kill matches --unit db.service"), "{filtered}");
    let (unwatched, _) =
        told(&watched(), &["--since", "2026-03-01 08:00", "--until", "2026-03-01 09:00"]);
    assert!(!unwatched.contains("no kill is missing"), "{unwatched}");
    let mut fleet = watched();
    fleet.push(kill(BOOT, 1300, 4712, "/system.slice/web.service"));
    fleet[3]["host"] = "db2".into();
    let (of_two, _) = told(&fleet, &["--until", "2026-03-01 07:00"]);
    assert!(of_two.starts_with("2 OOM kills on 2 hosts"), "{of_two}");
    assert!(!of_two.contains("not recorded") && !of_two.contains("no kill is missing"), "{of_two}");
    let (of_two, page) = told(&fleet, &["--until", "2999-01-01"]);
    assert!(!of_two.contains("2999") && !page.contains("2999"), "{of_two}");
    let kept = kept.path().join("records.db");
    for command in ["report", "history"] {
        let output = run(command, &["--since", "tomorrow", "--store", kept.to_str().unwrap()], b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{output:?}");
        assert!(said.contains("--since is in the future"), "{said}");
    }
}
