//! A terminal: what a program shows there, cell by cell.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::pty::{OpenptyResult, Winsize, openpty};
use rustix::io::{FdFlags, fcntl_setfd};
use vt100::{Parser, Screen};

/// More than any picture has: what is blank at the end is left out.
const ROWS: u16 = 200;

pub(crate) struct Terminal {
    columns: u16,
    parser: Parser,
}

impl Terminal {
    pub(crate) fn new(columns: u16) -> Self {
        let size = |n: u16| n.try_into().unwrap();
        Self { columns, parser: Parser::new(size(ROWS), size(columns), 0) }
    }

    /// Shows the command as it would be typed, and what it says, in a folder.
    pub(crate) fn run(&mut self, line: &str, folder: &Path) {
        self.show(format!("\x1b[32m$\x1b[m \x1b[1m{line}\x1b[m\r\n").as_bytes());
        let OpenptyResult { master, slave } = openpty(&self.size(), None).unwrap();
        fcntl_setfd(&master, FdFlags::CLOEXEC).unwrap();
        fcntl_setfd(&slave, FdFlags::CLOEXEC).unwrap();
        let program = env!("CARGO_BIN_EXE_oom-trace");
        let line = line.strip_prefix("oom-trace ").unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" {line}"), program]).current_dir(folder);
        // Whether an agent runs on this machine, and with which store, is said there.
        shell.stdin(slave.try_clone().unwrap()).stderr(Stdio::null()).stdout(slave);
        shell.env("TERM", "xterm-256color").env("TZ", "UTC").env("PAGER", "cat");
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "COLORTERM"] {
            shell.env_remove(name);
        }
        let mut child = shell.spawn().unwrap();
        // It holds our ends of the terminal as well, which would never end then.
        drop(shell);
        let (mut screen, mut bytes) = (File::from(master), [0; 4096]);
        // At its end a terminal fails.
        while let Ok(count @ 1..) = screen.read(&mut bytes) {
            self.show(&bytes[..count]);
        }
        child.wait().unwrap();
    }

    /// Shows what was printed.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        self.parser.process(bytes);
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.parser.screen()
    }

    pub(crate) fn columns(&self) -> u16 {
        self.columns
    }

    /// How many lines have something.
    pub(crate) fn rows(&self) -> u16 {
        let lines = self.screen().rows(0, self.columns);
        let used = lines.enumerate().filter(|(_, line)| !line.trim().is_empty());
        used.last().map_or(0, |(row, _)| u16::try_from(row + 1).unwrap())
    }

    fn size(&self) -> Winsize {
        Winsize { ws_row: 50, ws_col: self.columns, ws_xpixel: 0, ws_ypixel: 0 }
    }
}
