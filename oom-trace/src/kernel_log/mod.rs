//! The kernel's own log of its OOM kills, read back into the public model.
//!
//! `read` takes a saved log in any of its formats, or `/dev/kmsg`'s records, apart into
//! [`Entry`]s; [`Parser`] puts the messages of one incident together. A record made here holds
//! what the log says and nothing that had to be guessed: what is lost, cut off or ambiguous is
//! `None`, and two shortages whose lines cannot be told apart share nothing.

mod begun;
mod candidates;
pub mod device;
mod dump;
pub(crate) mod log_clock;
mod memory;
mod message;
mod open;
mod parser;
pub(crate) mod pstore;
pub mod reader;
mod record;
mod scan;
mod skim;
pub mod this_boot;
mod told;
mod untold;

pub use parser::Parser;
pub use scan::Names;
pub(crate) use scan::has;
pub use untold::{Mention, Untold};

use jiff::Timestamp;

use crate::incident::model::{Guess, Memory};

/// A message of the log and what came with it.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// When it was logged.
    pub stamp: Stamp,
    /// Who logged it, where the kernel says so (`CONFIG_PRINTK_CALLER`).
    pub caller: Option<Caller>,
    /// The machine, as the log names it.
    pub host: Option<&'a str>,
    /// Its boot, as `/proc/sys/kernel/random/boot_id` has it.
    pub boot_id: Option<&'a str>,
    /// Whether names are as the kernel holds them.
    pub names: Names,
    /// Whether the end may be missing.
    pub cut: bool,
    /// The text.
    pub text: &'a [u8],
}

impl<'a> Entry<'a> {
    /// A message as the kernel holds it.
    pub(crate) fn held(boot_ns: u64, caller: Option<Caller>, text: &'a [u8]) -> Self {
        let stamp = Stamp { boot_ns: Some(boot_ns), ..Stamp::default() };
        Self { caller, names: Names::Exact, text, ..Self::at(stamp) }
    }

    /// A message of which only this is known.
    fn at(stamp: Stamp) -> Self {
        Self {
            stamp,
            caller: None,
            host: None,
            boot_id: None,
            names: Names::Printed,
            cut: false,
            text: b"",
        }
    }
}

/// When a message was logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp {
    /// By the kernel's log: nanoseconds since boot, without suspension.
    pub boot_ns: Option<u64>,
    /// By the wall clock.
    pub time: Option<Timestamp>,
    /// What of `time` the log does not say.
    pub guessed: Guesses,
}

/// What of a time is a guess.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Guesses {
    pub(crate) zone: bool,
    pub(crate) year: bool,
    pub(crate) second: bool,
    pub(crate) collected: bool,
}

impl Guesses {
    /// As records have it.
    fn told(self) -> Option<Vec<Guess>> {
        let all = [
            (self.zone, Guess::Zone),
            (self.year, Guess::Year),
            (self.second, Guess::Second),
            (self.collected, Guess::Collected),
        ];
        let all: Vec<_> = all.into_iter().filter_map(|(is, guess)| is.then_some(guess)).collect();
        (!all.is_empty()).then_some(all)
    }
}

impl Stamp {
    /// From this to `later`, in milliseconds, as far as both were stamped by one clock that tells them.
    fn until(self, later: Self) -> Option<u64> {
        if let Some((then, now)) = self.boot_ns.zip(later.boot_ns) {
            return now.checked_sub(then).map(|ns| ns / 1_000_000);
        }
        let (then, now) = self.time.zip(later.time)?;
        // Whole seconds tell nothing of what takes less.
        let has_fraction = |time: Timestamp| time.subsec_nanosecond() != 0;
        (has_fraction(then) || has_fraction(now)).then_some(())?;
        u64::try_from(now.duration_since(then).as_millis()).ok()
    }

    /// Whether `earlier` was logged before this by the kernel's clock, which does not go back: another boot's,
    /// or another copy's. Processors may differ by a little.
    fn is_after(self, earlier: Self) -> bool {
        let boot = self.boot_ns.zip(earlier.boot_ns);
        boot.is_some_and(|(now, then)| now.saturating_sub(then) > 500_000_000)
    }

    /// Whether `later` is more than so many seconds after this; `false` if that cannot be told.
    fn is_before(self, later: Self, seconds: u32) -> bool {
        let boot = self.boot_ns.zip(later.boot_ns);
        if let Some((then, now)) = boot {
            return now.saturating_sub(then) > u64::from(seconds) * 1_000_000_000;
        }
        let wall = self.time.zip(later.time);
        wall.is_some_and(|(then, now)| now.duration_since(then).as_secs() > i64::from(seconds))
    }
}

/// Who logged a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// A thread, by its id.
    Thread(u32),
    /// An interrupt, by its CPU.
    Cpu(u32),
}

/// The thread whose kill a message tells of, if it tells of one, and the kernel's words for why.
#[must_use]
pub fn killed(entry: &Entry<'_>) -> Option<KillLine> {
    let message::Killed { tid, uid, message, .. } = read_killed(entry)?;
    Some(KillLine { tid, uid, words: message })
}

/// What it tells of the victim's memory, in bytes.
#[must_use]
pub fn killed_memory(entry: &Entry<'_>) -> Option<Memory> {
    Some(read_killed(entry)?.memory())
}

fn read_killed(entry: &Entry<'_>) -> Option<message::Killed> {
    message::Killed::parse(entry.text, message::Form { names: entry.names, cut: entry.cut })
}

/// What a line says of a kill by which it is found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillLine {
    /// The thread.
    pub tid: u32,
    /// Who it was when the kernel wrote this; kernels before 5.8 do not say.
    pub uid: Option<u32>,
    /// The kernel's words before `: Killed process`.
    pub words: Option<&'static str>,
}

/// What is known of a log's machine besides what it says.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// `uname -n`.
    pub host: Option<String>,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Option<String>,
    /// `uname -r`.
    pub kernel: Option<String>,
    /// `uname -v`.
    pub kernel_version: Option<String>,
    /// Bytes of a page.
    pub page_size: Option<u64>,
}
