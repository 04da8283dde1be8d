//! How standard output looks.

use std::io::{self, IsTerminal as _};

use anstream::{AutoStream, ColorChoice};
use clap::ValueEnum;
use jiff::Timestamp;
use rustix::termios::tcgetwinsize;
use serde::Deserialize;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How a format for people looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours; without them there is no escape byte in the output.
    pub color: bool,
    /// `text`: all that is known, not only what is needed first.
    pub verbose: bool,
    /// `text`: columns of a line.
    pub width: u16,
    /// `text`: a kill that the kernel's log has from before is told apart from those that come.
    pub live_since: Option<Timestamp>,
}

impl Default for Style {
    fn default() -> Self {
        Self { color: false, verbose: false, width: Self::WIDTH, live_since: None }
    }
}

impl Style {
    /// Where there is no terminal to fit into.
    pub const WIDTH: u16 = 100;

    /// That of standard output. Whether `auto` colours is for the terminal to say, and for the variables
    /// that many programs know: `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`, `TERM`.
    #[must_use]
    pub fn of_stdout(color: Color, verbose: bool) -> Self {
        let color = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        };
        let width = width().map_or(Self::WIDTH, |it| it.clamp(LEAST, MOST));
        Self { color, verbose, width, live_since: None }
    }

    /// What is shown comes from now on, unless it is said to be older.
    #[must_use]
    pub fn live(self) -> Self {
        Self { live_since: Some(Timestamp::now()), ..self }
    }

    /// As wide as the terminal: a table is not read line by line.
    #[must_use]
    pub fn in_full_width(self) -> Self {
        Self { width: width().map_or(self.width, |it| it.max(LEAST)), ..self }
    }
}

/// A line that is shorter, or longer, cannot be read.
const LEAST: u16 = 40;
const MOST: u16 = 120;

/// Of the terminal, if standard output is one and knows.
fn width() -> Option<u16> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| tcgetwinsize(&stdout).ok()).flatten();
    size.map(|size| size.ws_col).filter(|columns| *columns > 0)
}
