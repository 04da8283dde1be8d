use std::env::current_exe;
use std::io::Read as _;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use rustix::io::{FdFlags, fcntl_setfd};

use super::*;

/// Says to this test that it is the process that panics.
const PANICS: &str = "OOM_TRACE_PANICS_ON_A_TERMINAL";
const REASON: &str = "the view fell over";

/// Whatever goes wrong: what was on the screen is there again, keys are shown again, and the reason can be read.
#[test]
fn a_panic_gives_the_terminal_back_before_it_says_why() {
    if var_os(PANICS).is_some() {
        let mut screen = Screen::take().unwrap();
        let state = tcgetattr(stdin()).unwrap();
        assert!(!state.local_flags.contains(LocalFlags::ECHO), "it was not taken");
        screen.draw(|_| panic!("{REASON}")).unwrap();
    }
    let pty = openpty(None, None).unwrap();
    for end in [&pty.master, &pty.slave] {
        fcntl_setfd(end, FdFlags::CLOEXEC).unwrap();
    }
    let before = tcgetattr(&pty.slave).unwrap();
    let mut command = Command::new(current_exe().unwrap());
    command.args(["--exact", "--nocapture", "--test-threads=1"]);
    command.arg("top::terminal::tests::a_panic_gives_the_terminal_back_before_it_says_why");
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    command.env(PANICS, "1").stdin(end()).stdout(end()).stderr(end());
    let status = command.status().unwrap();
    drop(command);
    assert!(!status.success());
    assert_eq!(tcgetattr(&pty.slave).unwrap(), before);
    drop(pty.slave);
    let (mut screen, mut shown) = (File::from(pty.master), Vec::new());
    // A terminal that nobody has fails at its end.
    let _ = screen.read_to_end(&mut shown);
    let shown = String::from_utf8_lossy(&shown);
    let at = |what: &str| shown.find(what).unwrap_or_else(|| panic!("no {what:?} in {shown:?}"));
    assert!(
        at("\x1b[?1049h") < at("\x1b[?25h") && at("\x1b[?25h") < at("\x1b[?1049l"),
        "{shown:?}"
    );
    assert!(at("\x1b[?1049l") < at(REASON), "{shown:?}");
}
