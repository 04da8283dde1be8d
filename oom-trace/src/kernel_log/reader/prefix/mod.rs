//! What stands before the kernel's message in a line, one family a file: stamps in brackets, dates,
//! priorities, and whose line it is. They come in many orders, so each is taken off as long as one is
//! there.

mod bracket;
mod level;
mod speaker;

use super::clock::{Zone, date};
use crate::kernel_log::{Caller, Stamp};

pub(super) use bracket::callers;
pub(in crate::kernel_log) use bracket::uptime;

/// Who wrote a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Speaker {
    /// The line does not say: the kernel, where a line with such a beginning is the kernel's.
    #[default]
    Unsaid,
    /// The kernel.
    Kernel,
    /// Another program.
    Other,
}

/// A line without its prefix.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peeled<'a> {
    pub(super) stamp: Stamp,
    pub(super) caller: Option<Caller>,
    pub(super) host: Option<&'a str>,
    pub(super) speaker: Speaker,
    /// The name of the other program, as far as the line has it.
    pub(super) tag: Option<&'a [u8]>,
    /// Whether a date was found that may be a collector's.
    pub(super) has_date: bool,
    pub(super) has_uptime: bool,
    /// Whether its date is one that stands in place of the kernel's stamp: no name follows.
    pub(super) is_dmesgs: bool,
    pub(super) text: &'a [u8],
}

/// Parts that are looked for; no logger writes more.
const MOST: usize = 8;

/// Takes off what is known to stand before a message. `base` is the last full date of `dmesg -H`.
pub(super) fn peel<'a>(line: &'a [u8], zone: &Zone, base: &mut Option<Stamp>) -> Peeled<'a> {
    let mut peeled = Peeled { text: line, ..Peeled::default() };
    let mut is_named = false;
    for _ in 0..MOST {
        let before = peeled.text.len();
        if !is_named {
            level::priority(&mut peeled);
            level::decoded(&mut peeled);
        }
        bracket::stamp(&mut peeled, zone, base);
        if !is_named
            && !peeled.has_date
            && let Some((stamp, rest)) = date(peeled.text, zone)
        {
            peeled.has_date = true;
            // dmesg --time-format iso has a comma where all others have a point.
            let taken = peeled.text.len() - rest.len();
            peeled.is_dmesgs = peeled.text.get(..taken).is_some_and(|it| it.contains(&b','));
            peeled.stamp = Stamp { boot_ns: peeled.stamp.boot_ns, ..stamp };
            peeled.text = rest;
            job_output(&mut peeled);
        }
        if !is_named && peeled.speaker != Speaker::Other {
            is_named = speaker::name(&mut peeled);
        }
        if peeled.speaker == Speaker::Other || peeled.text.len() == before {
            break;
        }
    }
    // Of a date before the kernel's own stamp, and nothing that says whose it is, the log does not tell
    // whether the machine wrote it then, or another collected it later.
    if peeled.has_date && peeled.has_uptime && !is_named && !peeled.stamp.guessed.zone {
        peeled.stamp.guessed.collected = true;
    }
    peeled
}

/// What GitLab writes behind the date of a line of a job: which stream it is of, `00O `, or `00O+` where it goes on.
/// What a program printed follows as it is.
fn job_output(peeled: &mut Peeled<'_>) {
    if let [a, b, b'O' | b'E', b' ' | b'+', rest @ ..] = peeled.text
        && [a, b].iter().all(|digit| digit.is_ascii_hexdigit())
    {
        peeled.text = rest;
        peeled.is_dmesgs = true;
    }
}

impl Peeled<'_> {
    /// Whether anything was taken off that shows a logger.
    pub(super) fn is_stamped(&self) -> bool {
        self.has_date || self.has_uptime || self.speaker != Speaker::Unsaid
    }
}

#[cfg(test)]
mod tests;
