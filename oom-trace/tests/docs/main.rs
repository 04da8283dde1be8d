//! The documentation does as it says: its commands are the program's, and its settings are read.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails so")]

#[path = "../support/pages.rs"]
mod pages;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use jiff::Timestamp;
use oom_trace::cli::{Cli, RunArgs};
use oom_trace::config::Run;
use oom_trace::incident::model::Record;
use oom_trace::kernel_log::reader::{Zone, read};
use oom_trace::kernel_log::{Machine, Parser};
use oom_trace::setting::{ByteSize, ConfigDuration};
use oom_trace::store::{Retention, Store};
use tempfile::TempDir;

use self::pages::{Begun, blocks, commands};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files that the pages read, by the names that they have there; those of other folders by their last
/// part.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = root().join("oom-trace/testdata/logs/6.12-memcg.log");
    let log = fs::read(log).unwrap();
    let mut records = Vec::new();
    let zone = Zone::here(Timestamp::UNIX_EPOCH);
    let found = read(&*log, Parser::new(Machine::default()), &zone, |record| {
        records.push(Arc::new(record));
        Ok::<_, std::io::Error>(())
    });
    assert_eq!(found.unwrap().records, 1);
    let json = |record: &Arc<Record>| serde_json::to_string(&**record).unwrap() + "\n";
    let path = |name: &str| folder.path().join(name);
    for name in ["dmesg.txt", "kern.log"] {
        fs::write(path(name), &log).unwrap();
    }
    fs::write(path("db1.json"), records.iter().map(json).collect::<String>()).unwrap();
    let retention = Retention {
        max_age: ConfigDuration(Duration::from_secs(86_400)),
        max_bytes: ByteSize(1 << 20),
    };
    let mut store = Store::open(&path("records.db"), &retention).unwrap();
    store.save(1, &records, &[]).unwrap();
    folder
}

/// `oom-trace` alone; the files of other folders are those of this one.
fn ours(begun: Vec<Begun>) -> Vec<Begun> {
    let mut ours: Vec<_> = begun.into_iter().filter(|it| it.words[0] == "oom-trace").collect();
    for word in ours.iter_mut().flat_map(|it| &mut it.words) {
        if word == "/var/log/kern.log" {
            "kern.log".clone_into(word);
        }
    }
    ours
}

#[test]
fn every_command_is_one_that_the_program_takes() {
    let folder = folder();
    let ours = ours(commands(&root(), folder.path()));
    assert!(ours.len() > 40, "{}", ours.len());
    let program = Cli::command();
    for begun in ours {
        let Begun { place, words, .. } = &begun;
        if let Some(name) = begun.name(&["oom-trace"]) {
            assert!(program.find_subcommand(name).is_some(), "{place}: {name}");
        } else if let Err(error) = Cli::try_parse_from(words) {
            panic!("{place}: {words:?}: {error}");
        }
    }
}

/// Those that read files. What is not there is no wrong usage.
#[test]
fn commands_that_need_no_rights_run() {
    let folder = folder();
    let mut ran = 0;
    for begun in ours(commands(&root(), folder.path())) {
        let Begun { place, words, .. } = &begun;
        let follows = words.iter().any(|word| word == "-f");
        let command = words.get(1).map_or("", String::as_str);
        let is_name = begun.name(&["oom-trace"]).is_some();
        if is_name || follows || !["history", "explain", "report", "verify"].contains(&command) {
            continue;
        }
        let mut oom_trace = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
        let log = fs::File::open(folder.path().join("dmesg.txt")).unwrap();
        oom_trace.args(&words[1..]).current_dir(folder.path()).stdin(log);
        let output = oom_trace.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let names_files = words[1..].iter().any(|word| folder.path().join(word).is_file());
        let is_good = match output.status.code() {
            Some(0) => true,
            // Without a store that covers all of the time nobody knows.
            Some(1 | 3) => !names_files || command == "verify",
            _ => false,
        };
        assert!(is_good, "{place}: {words:?}: {}: {said}", output.status);
        ran += 1;
    }
    assert!(ran > 15, "{ran}");
    assert!(fs::read_to_string(folder.path().join("week.html")).unwrap().starts_with("<!"));
}

/// In a cgroup namespace of its own a job is at `/`, and so is all else that was killed.
#[test]
fn a_job_that_does_not_see_its_cgroup_does_not_ask_for_all() {
    const PATH: &str = "/proc/self/cgroup";
    let all = blocks(&root());
    let block = all.iter().find(|it| it.kind == "sh" && it.text.contains(PATH)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let program = |name: &str, script: &str| {
        fs::write(place(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(place(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("run-the-tests", "exit 137");
    program("oom-trace", "echo \"asked: $*\"");
    let text = block.text.replace(PATH, place("cgroup").to_str().unwrap());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let said = |cgroups: &str| {
        fs::write(place("cgroup"), cgroups).unwrap();
        let sh = Command::new("/bin/sh").args(["-uc", &text]).env("PATH", &path).output().unwrap();
        String::from_utf8(sh.stdout).unwrap()
    };
    for hidden in ["0::/\n", "4:memory:/\n0::/\n"] {
        assert!(said(hidden).starts_with("unknown"), "{}: {}", block.place, said(hidden));
    }
    let asked = said("4:memory:/job\n0::/\n");
    assert!(asked.contains(" --cgroup /job\n"), "{}: {asked}", block.place);
}

#[test]
fn every_setting_is_one_that_the_configuration_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    let mut read = 0;
    for block in blocks(&root()).into_iter().filter(|block| block.kind == "toml") {
        // Of a setting of several tables, the page shows the line.
        let is_line = block.text.lines().count() == 1 && block.text.starts_with("filter = ");
        let table = if is_line { "[console]\n" } else { "" };
        fs::write(&path, [table, &block.text].concat()).unwrap();
        let (_, mistakes) = Run::read(RunArgs::of_file(path.clone()));
        assert!(mistakes.is_empty(), "{}: {mistakes:?}", block.place);
        read += 1;
    }
    assert!(read > 10, "{read}");
}
