//! What is no message of the kernel's, and may be of interest all the same.

use super::find::{self, Spoken};
use super::words::{begins_to_speak_of_one, speaks_of_a_kill};
use super::{MAX_OTHERS, Reader, kubernetes, others};
use crate::kernel_log::Mention;
use crate::kernel_log::scan::{self, Scan};
use crate::kernel_log::untold::is_ours;

impl Reader<'_> {
    /// Another program's line.
    pub(super) fn other(&mut self, spoken: &Spoken) {
        self.hear(spoken);
        if let Some(record) = others::record(&whole(spoken), spoken) {
            self.done.push(record);
        } else {
            self.mention(spoken);
        }
    }

    /// Keeps what it says of a kill.
    fn mention(&mut self, spoken: &Spoken) {
        let text = &spoken.text;
        let speaks = speaks_of_a_kill(text) || spoken.cut && begins_to_speak_of_one(text);
        if speaks && self.others.len() < MAX_OTHERS {
            self.others.push((Mention::new(spoken.line, text), process(text)));
        }
    }

    pub(super) fn hear(&mut self, spoken: &Spoken) {
        if self.found.hearsay.is_none() && find::has_it_from_the_kernel(&spoken.text) {
            self.found.hearsay = Some(Mention::new(spoken.line, &spoken.text));
        }
    }

    /// A member of an object in which somebody keeps how a container ended; whether it tells of a kill.
    pub(super) fn is_of_a_container(&mut self, no: u64, line: &[u8]) -> bool {
        let is_told =
            kubernetes::Line::member(no, line).is_some_and(|line| self.kubernetes.take(line));
        if is_told {
            self.found.logged += 1;
            let text = line.trim_ascii();
            let text = text.strip_suffix(b",").unwrap_or(text);
            self.found.hearsay.get_or_insert_with(|| Mention::new(no, text));
        }
        is_told
    }

    /// A line that is no message of an OOM kill.
    pub(super) fn unread(&mut self, spoken: &Spoken) {
        self.hear(spoken);
        self.found.suppressed += find::suppressed(&spoken.text).unwrap_or(0);
        // A member of an object was looked at as it came.
        let line = kubernetes::Line::from(spoken);
        if !line.is_member() && self.kubernetes.take(line) {
            return;
        }
        if let Some(record) = others::record(&spoken.text, spoken) {
            self.done.push(record);
        } else {
            self.mention(spoken);
        }
    }
}
/// A program's line with its name before it, as it stands in a log.
fn whole(spoken: &Spoken) -> Vec<u8> {
    match &spoken.tag {
        Some(tag) => [tag, &b": "[..], &spoken.text].concat(),
        None => spoken.text.clone(),
    }
}

/// The process that a line says was killed.
fn process(text: &[u8]) -> Option<u32> {
    let before: &[&str] = if is_ours(text) {
        &["(pid ", "(process ", " tid=", " pid="]
    } else {
        &["Killed process ", "Kill process "]
    };
    before.iter().find_map(|verb| {
        let at = scan::find(text, verb.as_bytes())?;
        Scan(text.get(at + verb.len()..)?).number()
    })
}
