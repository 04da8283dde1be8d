//! The kernel's message in a line: the one place that looks for it.
//!
//! What stands before it is of a family that is known, or its shape is learned from a line in which the
//! kernel's words tell where they begin. Once it is learned, the rest of the log is read by it.

use std::sync::LazyLock;

use super::capitals::Letters;
use super::clock::Zone;
use super::ellipsis;
use super::prefix::{Peeled, Speaker, peel, uptime};
use super::shape::{Shape, label, stamps};
use super::text;
use super::words::Words;
use crate::kernel_log::message::{Form, INVOKED, MESSAGES, Message};
use crate::kernel_log::scan::{self, Scan, has};
use crate::kernel_log::{Caller, Entry, Names, Stamp};

/// Words that a message of a dump begins with, and no other text does in the middle of a line.
const BEGINNINGS: [&str; 14] = [
    "oom-kill:constraint=",
    "Memory cgroup out of memory: Kill",
    "Out of memory: Kill",
    "Out of memory: kill",
    "Out of memory (oom_kill_allocating_task): Kill",
    "Out of memory and no killable processes",
    "Kernel panic - not syncing: Out of memory",
    "Kernel panic - not syncing: System is deadlocked on memory",
    "System OOM encountered, victim process: ",
    "oom_reaper: reaped process ",
    "Memory cgroup stats for /",
    "Tasks state (memory values in pages):",
    "Mem-Info:",
    "Task in /",
];

/// Words that begin one, of which the first is no proof: only behind a header they are.
const IN_A_DUMP: [&str; 8] = [
    "CPU: ",
    "Call Trace:",
    "Hardware name: ",
    "memory: usage ",
    "memory+swap: usage ",
    "swap: usage ",
    "[ pid ]   uid",
    "[  pid  ]   uid",
];

/// What stands before a number of a process.
const VERBS: [&str; 2] = ["Killed process ", "Kill process "];

/// What is said in a line, and by whom.
#[derive(Debug, Clone)]
pub(super) struct Spoken {
    pub(super) line: u64,
    pub(super) stamp: Stamp,
    pub(super) caller: Option<Caller>,
    pub(super) host: Option<String>,
    pub(super) boot_id: Option<String>,
    /// What stands before each line of one log where several are in a file: `web-1 | `.
    pub(super) label: Option<Vec<u8>>,
    pub(super) speaker: Speaker,
    pub(super) tag: Option<Vec<u8>>,
    /// Whether a prefix was there.
    pub(super) is_stamped: bool,
    pub(super) names: Names,
    pub(super) cut: bool,
    pub(super) text: Vec<u8>,
}

impl Spoken {
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            stamp: self.stamp,
            caller: self.caller,
            host: self.host.as_deref(),
            boot_id: self.boot_id.as_deref(),
            names: self.names,
            cut: self.cut,
            text: &self.text,
        }
    }
}

/// Looks for messages.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    zone: &'a Zone,
    /// The last full date of dmesg -H.
    base: Option<Stamp>,
    /// A prefix that was learned.
    shape: Option<Shape>,
    /// What wraps a message has an end, too.
    end: Option<End>,
    /// Blanks between a prefix and its message.
    blanks: usize,
    letters: Letters,
}

/// What stands behind a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// Blanks, up to a terminal's width.
    Blanks,
    /// A quote, a tag, a border.
    Text(Vec<u8>),
}

/// Messages of which the end is known.
const WHOLE: [&str; 6] = [
    "Call Trace:",
    "Mem-Info:",
    "<TASK>",
    "Tasks state (memory values in pages):",
    "oom_score_adj name",
    "Out of memory and no killable processes...",
];

impl<'a> Finder<'a> {
    pub(super) fn new(zone: &'a Zone) -> Self {
        let letters = Letters::default();
        Self { zone, base: None, shape: None, end: None, blanks: 0, letters }
    }

    /// Whether a line has a prefix that is known.
    pub(super) fn has_prefix(&self, line: &[u8]) -> bool {
        peel(line, self.zone, &mut None).is_stamped()
            || self.shape.as_ref().is_some_and(|shape| shape.len_in(line).is_some())
    }

    /// That of times that name none.
    pub(super) const fn zone(&self) -> &'a Zone {
        self.zone
    }

    /// Whether a prefix was learned.
    pub(super) const fn has_shape(&self) -> bool {
        self.shape.is_some()
    }

    /// The message of a line; `in_dump` if a header stood before it.
    pub(super) fn find(&mut self, no: u64, line: &[u8], cut: bool, in_dump: bool) -> Spoken {
        let mut spoken = self.begin(no, line, cut, in_dump);
        self.take_blanks(&mut spoken);
        if let Some(end) = end_of(&spoken.text) {
            self.end = end;
        }
        let text = &spoken.text;
        let len = match &self.end {
            Some(End::Blanks) => text.trim_ascii_end().len(),
            Some(End::Text(end)) => text.strip_suffix(&end[..]).unwrap_or(text).len(),
            None => text.len(),
        };
        spoken.text.truncate(len);
        if let Some(len) = ellipsis::beginning(&spoken.text).map(<[u8]>::len) {
            spoken.text.truncate(len);
            spoken.cut = true;
        }
        let may_be_capitals = spoken.names == Names::Printed && spoken.speaker != Speaker::Other;
        if may_be_capitals && let Some(text) = self.letters.restored(&spoken.text) {
            (spoken.text, spoken.names, spoken.host) = (text, Names::Capitals, None);
        }
        spoken
    }

    /// Some loggers put a blank more before what the kernel said: a message that begins with none tells.
    fn take_blanks(&mut self, spoken: &mut Spoken) {
        if spoken.names == Names::Exact {
            return;
        }
        let text = spoken.text.trim_ascii_start();
        let blanks = spoken.text.len() - text.len();
        if is_header(text) || begins_clearly(text) {
            self.blanks = blanks;
        }
        spoken.text.drain(..self.blanks.min(blanks));
    }

    /// Takes off what stands before it.
    fn begin(&mut self, no: u64, line: &[u8], cut: bool, in_dump: bool) -> Spoken {
        let peeled = peel(line, self.zone, &mut self.base);
        if peeled.speaker == Speaker::Other {
            return spoken(no, cut, &peeled, peeled.text);
        }
        // Behind the kernel's own stamp, or its name, stands what it said: with names in it that may be
        // anything.
        let is_kernels = peeled.has_uptime || peeled.speaker == Speaker::Kernel;
        let found = beginning(peeled.text, in_dump && !is_kernels);
        if let Some(at) = found.filter(|at| *at > 0 && !is_message(peeled.text)) {
            let at = line.len() - peeled.text.len() + at;
            self.shape = Shape::of(line.get(..at).unwrap_or_default());
        }
        let len = self.shape.as_ref().and_then(|shape| shape.len_in(line));
        match len.filter(|len| line.len() - len < peeled.text.len()) {
            Some(len) => self.by_shape(no, line, len, cut, &peeled),
            None if peeled.is_stamped() => spoken(no, cut, &peeled, peeled.text),
            None => self.behind(no, line, cut, &peeled),
        }
    }

    /// A console has what was typed or asked before the kernel's stamp: `db1 login: [    1.000001] …`.
    fn behind(&mut self, no: u64, line: &[u8], cut: bool, peeled: &Peeled<'_>) -> Spoken {
        let mut stamps = memchr::memchr_iter(b'[', line).take(4).filter(|at| {
            let inside =
                line.get(at + 1..).and_then(|rest| rest.split(|byte| *byte == b']').next());
            *at > 0 && inside.is_some_and(|inside| uptime(inside).is_some())
        });
        let Some(at) = stamps.next() else { return spoken(no, cut, peeled, peeled.text) };
        let (before, rest) = line.split_at_checked(at).unwrap_or((&[], line));
        let inner = peel(rest, self.zone, &mut self.base);
        let (text, cut) = unquoted(before, inner.text, cut);
        Spoken { label: label(before), ..spoken(no, cut, &inner, &text) }
    }

    fn by_shape(&self, no: u64, line: &[u8], len: usize, cut: bool, peeled: &Peeled<'_>) -> Spoken {
        let (prefix, text) = line.split_at_checked(len).unwrap_or((&[], line));
        let found = stamps(prefix, self.zone);
        let stamp = match peeled.stamp.time {
            Some(_) => Stamp { boot_ns: peeled.stamp.boot_ns.or(found.boot_ns), ..peeled.stamp },
            None => Stamp { boot_ns: peeled.stamp.boot_ns.or(found.boot_ns), ..found },
        };
        let (text, cut) = unquoted(prefix, text, cut);
        let is_stamped =
            peeled.is_stamped() || prefix.iter().any(|byte| !byte.is_ascii_whitespace());
        Spoken { stamp, is_stamped, text, label: label(prefix), ..spoken(no, cut, peeled, &[]) }
    }
}

/// A message up to the quote that ends it, where one before it begins a value of JSON or CSV; and whether its
/// end may be missing: it is where that quote is.
fn unquoted(before: &[u8], text: &[u8], cut: bool) -> (Vec<u8>, bool) {
    let text = text::of_yaml(before, text);
    if !text::opens_quotes(before) {
        return (text.to_vec(), cut);
    }
    let inside = if has(before, b"\":") { text::of_json(text) } else { text::of_csv(text) };
    (inside.text, cut || inside.cut)
}

fn spoken(line: u64, cut: bool, peeled: &Peeled<'_>, text: &[u8]) -> Spoken {
    let is_stamped = peeled.is_stamped();
    // Indentation of a paste; behind a stamp a blank is the message's own.
    let text = if is_stamped { text } else { text.trim_ascii_start() };
    Spoken {
        line,
        stamp: peeled.stamp,
        caller: peeled.caller,
        host: peeled.host.map(Into::into),
        boot_id: None,
        label: None,
        speaker: peeled.speaker,
        tag: peeled.tag.map(<[u8]>::to_vec),
        is_stamped,
        names: Names::Printed,
        cut,
        text: text.to_vec(),
    }
}

/// What follows a message of which the end is known; the outer `None` if it is no such message.
fn end_of(text: &[u8]) -> Option<Option<End>> {
    let start = text.trim_ascii_start();
    let rest = WHOLE.iter().find_map(|whole| match *whole {
        // The one that ends a line of which the rest differs.
        "oom_score_adj name" if start.starts_with(b"[") => {
            let at = scan::find(start, whole.as_bytes())?;
            start.get(at + whole.len()..)
        }
        whole => start.strip_prefix(whole.as_bytes()),
    })?;
    Some(match rest {
        b"" => None,
        rest if rest.trim_ascii().is_empty() => Some(End::Blanks),
        rest if rest.len() <= 32 => Some(End::Text(rest.to_vec())),
        _ => None,
    })
}

/// Whether a line says something as it is.
fn is_message(text: &[u8]) -> bool {
    Message::parse(text, Form { names: Names::Printed, cut: false }).is_some()
}

/// Where the kernel's words begin, if they tell.
fn beginning(text: &[u8], in_dump: bool) -> Option<usize> {
    static ANY: LazyLock<Words> = LazyLock::new(|| {
        Words::new([INVOKED].into_iter().chain(BEGINNINGS).chain(IN_A_DUMP).chain(VERBS))
    });
    let more: &[&str] = if in_dump { &IN_A_DUMP } else { &[] };
    // Most lines begin with their message.
    if BEGINNINGS.iter().chain(more).any(|words| text.starts_with(words.as_bytes())) {
        return Some(0);
    }
    if !ANY.are_in(text) || has(text, INVOKED.as_bytes()) {
        return None;
    }
    let at = |words: &&str| scan::find(text, words.as_bytes());
    let found = BEGINNINGS.iter().find_map(&at).or_else(|| more.iter().find_map(at));
    found.or_else(|| bare(text))
}

/// `Killed process 95 (` without the words before it, as kernels before 5.1 have it.
fn bare(text: &[u8]) -> Option<usize> {
    VERBS.iter().find_map(|verb| {
        let at = scan::find(text, verb.as_bytes())?;
        let rest = text.get(at + verb.len()..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_process = digits > 0 && matches!(rest.get(digits), Some(b' ' | b','));
        // The kernel's other words, which a wrapper may have changed.
        let before = text.get(..at)?;
        let is_worded = MESSAGES.iter().any(|words| {
            let words = [words.as_bytes(), b": "].concat();
            // What a mailer broke off stands in the line before.
            before.ends_with(&words) || before.ends_with(b"memory: ") && words.ends_with(before)
        });
        (is_process && !is_worded).then_some(at)
    })
}

/// How many dumps the kernel left out: `dump_header: 12 callbacks suppressed` (lib/ratelimit.c).
pub(super) fn suppressed(text: &[u8]) -> Option<u64> {
    let rest = text.strip_prefix(b"dump_header: ").or(text.strip_prefix(b"oom_kill_process: "))?;
    let mut scan = Scan(rest);
    let count = scan.number()?;
    scan.eat(" callbacks suppressed")?;
    Some(count)
}

/// Whether somebody says that the kernel killed, who has it from the kernel: systemd, a container runtime,
/// Kubernetes, Slurm.
pub(super) fn has_it_from_the_kernel(line: &[u8]) -> bool {
    static WORDS: LazyLock<Words> = LazyLock::new(|| {
        Words::new([
            "killed by the OOM killer",
            "with result 'oom-kill'",
            "OOMKilled",
            "OOMKilling",
            "TaskOOM event",
            " container oom ",
            "oom_kill event",
            "oom-kill event",
        ])
    });
    WORDS.are_in(line)
}

/// Whether a line begins with words that a message of a dump begins with.
pub(super) fn begins_clearly(text: &[u8]) -> bool {
    BEGINNINGS.iter().chain(&IN_A_DUMP).any(|words| text.starts_with(words.as_bytes()))
}

/// Whether nothing stands before the trigger's name, as far as its length tells.
pub(super) fn is_clear_header(text: &[u8]) -> bool {
    let form = Form { names: Names::Printed, cut: false };
    matches!(Message::parse(text, form), Some(Message::Header(_)))
}

/// Whether a line begins a dump.
pub(super) fn is_header(text: &[u8]) -> bool {
    has(text, INVOKED.as_bytes())
}

#[cfg(test)]
mod tests;
