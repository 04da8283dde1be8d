//! What was read, and what of it was left out.

use std::path::PathBuf;

use jiff::Timestamp;

use super::Selection;
use crate::incident::model::Record;
use crate::say::say;
use crate::units::Counted;

/// What came of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// What could not be read, in words.
    pub(crate) limits: Vec<String>,
    /// Every source could be read.
    pub(crate) is_whole: bool,
    /// Records handed on, but for what the agent says of itself.
    pub(crate) taken: u64,
    /// Records of kills by the kernel in saved logs, asked for or not.
    pub(crate) kernel: u64,
    /// Records of what was no kill by the kernel.
    pub(crate) others: u64,
    /// Lines that speak of kills and are in no record.
    pub(crate) untold: u64,
    /// Records that do not tell when they were, where that was asked.
    pub(crate) timeless: u64,
    /// Kills from before.
    pub(crate) before: u64,
    /// The last of them.
    pub(crate) last_before: Option<Timestamp>,
    /// Kills from after.
    pub(crate) after: u64,
    /// Kills that the filter left out.
    pub(crate) filtered: u64,
    /// Files, of several, that could not be read.
    pub(crate) unread: Vec<PathBuf>,
    /// Files, of several, in which there is nothing that is asked for; and what else is in them.
    pub(crate) without: Vec<(String, String)>,
    /// What is asked for by name and fits none of them, in words.
    pub(crate) unmatched: Vec<String>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            limits: Vec::new(),
            is_whole: true,
            taken: 0,
            kernel: 0,
            others: 0,
            untold: 0,
            timeless: 0,
            before: 0,
            last_before: None,
            after: 0,
            filtered: 0,
            unread: Vec::new(),
            without: Vec::new(),
            unmatched: Vec::new(),
        }
    }
}

impl Told {
    pub(super) fn note_before(&mut self, record: &Record, time: Timestamp) {
        if record.kill().is_some() {
            self.before += 1;
            self.last_before = self.last_before.max(Some(time));
        }
    }

    /// Kills that a store has from before, and when the last of them was.
    pub(super) fn note_kept_before(&mut self, (count, last): (u64, Option<Timestamp>)) {
        self.before = self.before.max(count);
        self.last_before = self.last_before.max(last);
    }

    /// Together with what came of one more file.
    pub(super) fn and(self, other: Self, file: Option<(String, &Selection)>) -> Self {
        let Self {
            limits,
            is_whole,
            taken,
            kernel,
            others,
            untold,
            timeless,
            before,
            last_before,
            after,
            filtered,
            unread,
            without,
            unmatched,
        } = self;
        let file = file.filter(|_| other.taken == 0 && other.untold == 0 && other.is_whole);
        let alone = file.map(|(file, selection)| (file, other.instead(selection)));
        Self {
            limits: [limits, other.limits].concat(),
            is_whole: is_whole && other.is_whole,
            taken: taken + other.taken,
            kernel: kernel + other.kernel,
            others: others + other.others,
            untold: untold + other.untold,
            timeless: timeless + other.timeless,
            before: before + other.before,
            last_before: last_before.max(other.last_before),
            after: after + other.after,
            filtered: filtered + other.filtered,
            unread,
            without: without.into_iter().chain(alone).collect(),
            unmatched,
        }
    }

    /// Says which files had nothing, where others had: in one line those of which there is no more to say.
    fn tell_without(&self) {
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        for (file, instead) in &self.without {
            match told.iter_mut().find(|(other, _)| other == instead) {
                Some((_, files)) => files.push(file),
                None => told.push((instead, vec![file])),
            }
        }
        for (instead, files) in told {
            say(format_args!("no OOM kill in {}{instead}", files.join(", ")));
        }
    }

    /// Of when none was taken, and what there is in place of that.
    fn instead(&self, selection: &Selection) -> String {
        let Selection { since, until, .. } = selection;
        let span = match (since, until) {
            (Some(_), Some(_)) => " in that time",
            (Some(_), None) => " since then",
            (None, Some(_)) => " until then",
            (None, None) => "",
        };
        let mut there = Vec::new();
        if self.before > 0 {
            let last = self.last_before.map(|time| format!(", the last on {}", minute(time)));
            there.push(format!("{} before{}", self.before, last.unwrap_or_default()));
        }
        if self.after > 0 {
            there.push(format!("{} after", self.after));
        }
        if self.filtered > 0 {
            there.push(format!("{} that the filters leave out", self.filtered));
        }
        let there = there.join("; ");
        let there = if there.is_empty() { there } else { format!(" ({there})") };
        format!("{span}{there}")
    }

    /// Whether all that there was was understood.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_whole && self.untold == 0
    }

    /// Says what could not be read, on standard error.
    pub(crate) fn tell_limits(&self) {
        self.limits.iter().for_each(say);
    }

    /// Which names fit none of the kills that were left out, in words.
    pub(crate) fn unfit(&self) -> &[String] {
        match self.taken == 0 && self.filtered > 0 {
            true => &self.unmatched,
            false => &[],
        }
    }

    /// Says so, on standard error.
    pub(crate) fn tell_unmatched(&self) {
        self.unfit().iter().for_each(say);
    }

    /// Says what is not there, on standard error.
    pub(crate) fn sum_up(&self, selection: &Selection) {
        self.tell_limits();
        if self.timeless > 0 {
            say(format_args!(
                "{} without a time left out: --since and --until need one",
                Counted(self.timeless, "record")
            ));
        }
        if self.taken > 0 || self.untold > 0 {
            self.tell_without();
        }
        if self.untold > 0 {
            return;
        }
        let Some(place) = selection.place_but_for(&self.unread) else { return };
        if self.taken == 0 {
            let instead = self.instead(selection);
            say(format_args!("no OOM kill in {place}{instead}"));
            self.tell_unmatched();
        } else if self.kernel == 0 && self.others > 0 && self.others == self.taken {
            say(format_args!("no OOM kill by the kernel in {place}"));
        }
    }
}

fn minute(time: Timestamp) -> String {
    time.strftime("%F %H:%M UTC").to_string()
}
