//! `oom-trace top` as a user runs it: on a terminal, which is as it was afterwards, and without one.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails so")]

mod badness;
mod cost;

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::pty::{OpenptyResult, Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

/// However slow a machine is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes the screen, and gives it back.
const TAKES: &str = "\x1b[?1049h";
const GIVES_BACK: &str = "\x1b[?1049l";
const SHOWS_CURSOR: &str = "\x1b[?25h";

fn top(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oom-trace"));
    command.arg("top").args(args).env("TERM", "xterm-256color").env("TZ", "UTC");
    command
}

/// The view on a terminal of its own.
struct View {
    child: Child,
    /// Our end of the terminal.
    screen: Option<File>,
    terminal: OwnedFd,
    before: Termios,
    shown: String,
}

impl View {
    fn start(args: &[&str]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        // A child that had our end of a terminal would keep it open.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
        fcntl_setfd(&master, FdFlags::CLOEXEC).unwrap();
        fcntl_setfd(&slave, FdFlags::CLOEXEC).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = top(args).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        Self { child, screen: Some(master.into()), terminal: slave, before, shown: String::new() }
    }

    /// Waits until this is drawn.
    fn until(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown.contains(wanted) {
            assert!(Instant::now() < deadline, "no {wanted:?} in {:?}", self.shown);
            self.read(Duration::from_secs(1));
        }
    }

    fn read(&mut self, wait: Duration) {
        let screen = self.screen.as_mut().unwrap();
        let wait = Timespec::try_from(wait).unwrap();
        let mut place = [PollFd::from_borrowed_fd(screen.as_fd(), PollFlags::IN)];
        if poll(&mut place, Some(&wait)).unwrap() > 0 {
            let mut bytes = [0; 4096];
            match screen.read(&mut bytes) {
                Ok(count) => self.shown.push_str(&String::from_utf8_lossy(&bytes[..count])),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Other, "{error}"),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.screen.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, and for the terminal to be as it was.
    fn ends(mut self) {
        self.until(GIVES_BACK);
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {:?}", self.shown);
        assert!(self.shown.contains(SHOWS_CURSOR), "{:?}", self.shown);
        self.is_as_it_was();
    }

    fn is_as_it_was(&self) {
        assert_eq!(tcgetattr(&self.terminal).unwrap(), self.before);
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_draws_and_leaves_the_terminal_as_it_was() {
    for keys in ["q", "\x1b[21~", "\x03", "?\x03", "/x\x03"] {
        let mut view = View::start(&[]);
        view.until(TAKES);
        view.until("NEXT TO DIE");
        let raw = tcgetattr(&view.terminal).unwrap();
        assert!(!raw.local_flags.contains(LocalFlags::ECHO));
        view.press(keys);
        view.ends();
    }
}

#[test]
fn each_signal_that_ends_it_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let mut view = View::start(&[]);
        view.until("NEXT TO DIE");
        view.send(signal);
        view.ends();
    }
}

#[test]
fn half_a_key_keeps_it_from_nothing() {
    let mut view = View::start(&[]);
    view.until("NEXT TO DIE");
    view.press("\x1b[");
    view.send(Signal::TERM);
    view.ends();
}

#[test]
fn it_stops_and_goes_on() {
    let mut view = View::start(&[]);
    view.until("NEXT TO DIE");
    view.press("\x1a");
    view.until(GIVES_BACK);
    view.is_as_it_was();
    view.shown.clear();
    // Until it has stopped, it may be too early.
    let deadline = Instant::now() + PATIENCE;
    while !view.shown.contains("NEXT TO DIE") {
        assert!(Instant::now() < deadline, "{:?}", view.shown);
        view.send(Signal::CONT);
        view.read(Duration::from_millis(100));
    }
    view.shown.clear();
    view.press("q");
    view.ends();
}

#[test]
fn a_closed_terminal_ends_it() {
    let mut view = View::start(&[]);
    view.until("NEXT TO DIE");
    view.screen = None;
    let deadline = Instant::now() + PATIENCE;
    while view.child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it goes on without a terminal");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let mut view = View::start(&[]);
    view.until("NEXT TO DIE");
    view.shown.clear();
    let size = rustix::termios::Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&view.terminal, size).unwrap();
    // Nobody is the terminal's own group here: the kernel does not tell it.
    view.send(Signal::WINCH);
    // The last line, which was the 24th.
    view.until("\x1b[40;1H");
    view.press("q");
    view.ends();
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let output = run(&mut top(&[]));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("standard output is not a terminal"), "{told}");
    assert!(told.contains("oom-trace top --once"), "{told}");
}

#[test]
fn once_is_text() {
    let output = run(&mut top(&["--once", "-d", "0.1", "--log"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in ["oom-trace top", "memory ", "CGROUPS", "NEXT TO DIE if the machine", "KILLS"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");
    assert!(!text.contains("every "), "one picture has no pace: {text}");
}

#[test]
fn a_cgroup_that_is_not_there_is_not_one_without_a_limit() {
    for pattern in ["/oom-trace-nosuch", "oom-trace-nosuch", "/oom-trace-nosuch/*"] {
        let output = run(&mut top(&["--once", "-d", "3600", "--log", "--cgroup", pattern]));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{told}");
        assert!(told.contains("there is no") && told.contains("oom-trace-nosuch"), "{told}");
    }
    let mut view = View::start(&["--cgroup", "/oom-trace-nosuch"]);
    view.until("there is no");
    assert_eq!(view.child.wait().unwrap().code(), Some(1), "{}", view.shown);
    view.is_as_it_was();
}

#[test]
fn wrong_values_are_wrong_usage() {
    for args in [["--interval", "0"], ["--interval", "soon"], ["--cgroup", "/a[b"], ["--sort", "x"]]
    {
        assert_eq!(run(&mut top(&args)).status.code(), Some(2), "{args:?}");
    }
}
