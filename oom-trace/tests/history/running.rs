//! What is read beside an agent that runs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::kept::{store, three};
use crate::programs::is_there;

/// Has the lock in this folder, and the store or nothing as its standard input.
fn agent(runtime: &TempDir, stdin: Stdio) -> Agent {
    let mut agent = Command::new("flock");
    agent.arg("--no-fork").arg(runtime.path().join("lock")).args(["sleep", "600"]);
    let agent = agent.stdin(stdin).spawn().unwrap();
    while !fs::read_to_string("/proc/locks").unwrap().contains(&format!(" {} ", agent.id())) {}
    Agent(agent)
}

/// Ends with the test, whichever way that ends.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(runtime: &TempDir, command: &mut Command) -> String {
    let command = command.env("RUNTIME_DIRECTORY", runtime.path()).stdin(Stdio::null());
    String::from_utf8(command.output().unwrap().stderr).unwrap()
}

/// It would be taken for all there is.
#[test]
fn the_store_of_the_agent_that_runs_is_read() {
    if !is_there("flock") {
        return;
    }
    let runtime = tempfile::tempdir().unwrap();
    let store = store(&three());
    let path = store.path().join("records.db");
    let said =
        |args: &[&str]| said(&runtime, Command::new(env!("CARGO_BIN_EXE_oom-trace")).args(args));
    let running = agent(&runtime, File::open(&path).unwrap().into());
    let service = Path::new("/var/lib/oom-trace/records.db");
    let hint = format!(
        "this reads {}, the store of the running agent (pid {}); to read the service's store, add: --store {}",
        path.display(),
        running.0.id(),
        service.display()
    );
    for args in [&["history"][..], &["report"], &["verify", "--since", "1h", "--comm", "nobody"]] {
        assert_eq!(said(args).contains(&hint), service.exists(), "{args:?}: {}", said(args));
    }
    let none = said(&["history", "--comm", "nobody"]);
    assert!(none.contains(&format!("no OOM kill in {}", path.display())), "{none}");
    assert!(!said(&["history", path.to_str().unwrap()]).contains("running agent"));
    drop(running);
    let running = agent(&runtime, Stdio::null());
    let history = said(&["history"]);
    assert_eq!(history.contains("keeps no records"), !service.exists(), "{history}");
    drop(running);
    assert!(!said(&["history"]).contains("keeps"));
}

/// Of a process of root's nobody else sees which files it has open.
#[test]
fn an_agent_that_may_not_be_looked_at_is_not_said_to_keep_nothing() {
    assert!(rustix::process::geteuid().is_root(), "it becomes another user");
    if !is_there("flock") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tempfile::tempdir().unwrap();
    for folder in [&folder, &runtime] {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    }
    // Where cargo built it, nobody may be allowed to look.
    let program = folder.path().join("oom-trace");
    fs::copy(env!("CARGO_BIN_EXE_oom-trace"), &program).unwrap();
    let store = store(&three());
    let _running = agent(&runtime, File::open(store.path().join("records.db")).unwrap().into());
    let told = said(&runtime, Command::new(program).arg("history").uid(65_534).gid(65_534));
    assert!(told.contains("the kernel's log is read"), "{told}");
    assert!(!told.contains("keeps no records"), "{told}");
}
