//! What each boot said of the kills before the last cut, held against what was said then.
//!
//! Kills have names of their own. A guest writes to its console, which is a file by the time that it goes on:
//! `shot NAME` before one, `told NAME` when its record has been delivered; and after the next boot `stored
//! NAME` for each that the store has of the boot before, `kept N` for all that it has, `file NAME` for each
//! file beside it, and `verify NAME STATUS`, by which `oom-trace verify` ends when it is asked for that kill.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use anyhow::{Context as _, Result, bail, ensure};

/// All boots so far.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Of the last boot.
    shots: BTreeSet<String>,
    /// Those of them whose records were delivered.
    told: BTreeSet<String>,
    /// Records of kills that the store has of the boots before.
    kept: u64,
    /// In all boots.
    all_shots: usize,
    all_told: usize,
}

/// The files of a store and of its lock.
const FILES: [&str; 5] =
    ["lost+found", "records.db", "records.db-shm", "records.db-wal", "records.jsonl"];

/// `oom-trace verify`: there was such a kill.
const KILLED: u8 = 1;
/// Nobody can say.
const UNKNOWN: u8 = 3;

impl Ledger {
    /// How many kills the last boot has to answer for.
    pub(super) fn shots(&self) -> usize {
        self.shots.len()
    }

    /// Takes what a boot's console shows, until its cut.
    pub(super) fn take(&mut self, console: &str) -> Result<()> {
        let mut lines: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        // The last one may be cut, too.
        let whole = console.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            if let Some((word, rest)) = line.trim().split_once(' ') {
                lines.entry(word).or_default().push(rest);
            }
        }
        let of = |word: &str| lines.get(word).map(Vec::as_slice).unwrap_or_default();
        let [kept] = of("kept") else { bail!("the store was not looked at:\n{console}") };
        let kept: u64 = kept.parse().context("a number of records")?;
        let stored: BTreeSet<_> = of("stored").iter().map(|&name| name.to_owned()).collect();
        ensure!(stored.len() == of("stored").len(), "stored twice: {:?}", of("stored"));
        let lost: Vec<_> = self.told.difference(&stored).collect();
        ensure!(lost.is_empty(), "delivered, and not in the store: {lost:?}");
        let invented: Vec<_> = stored.difference(&self.shots).collect();
        ensure!(invented.is_empty(), "in the store, and never killed: {invented:?}");
        let before = self.kept + stored.len() as u64;
        ensure!(kept == before, "the store has {kept} kills of {before}");
        let strange: Vec<_> = of("file").iter().filter(|name| !FILES.contains(name)).collect();
        ensure!(strange.is_empty(), "files beside the store: {strange:?}");
        for answer in of("verify") {
            let (name, status) = answer.split_once(' ').context("no status of verify")?;
            let expected = if stored.contains(name) { KILLED } else { UNKNOWN };
            ensure!(status.parse() == Ok(expected), "verify of {name} ends with {status}");
        }
        self.kept = kept;
        let names = |word: &str| of(word).iter().map(|&name| name.to_owned()).collect();
        (self.shots, self.told) = (names("shot"), names("told"));
        self.all_shots += self.shots.len();
        self.all_told += self.told.len();
        Ok(())
    }
}

impl Display for Ledger {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { all_shots, all_told, kept, .. } = self;
        write!(
            f,
            "{all_shots} kills, {all_told} delivered; {kept} stored before, 0 lost, 0 invented"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(first: &str, second: &str) -> Result<()> {
        let mut ledger = Ledger::default();
        ledger.take(&format!("kept 0\nchecked 0\n{first}\n"))?;
        ledger.take(&format!("{second}\n"))
    }

    #[test]
    fn what_was_delivered_is_stored_and_nothing_else() {
        let shot = "shot a\ntold a\nshot b\n";
        after(shot, "stored a\nkept 1\nfile records.db\nverify a 1\nverify b 3").unwrap();
        after(shot, "stored a\nstored b\nkept 2\nverify b 1").unwrap();
        let wrong = |second: &str| after(shot, second).unwrap_err().to_string();
        assert!(wrong("stored b\nkept 1").contains("delivered, and not in the store"));
        assert!(wrong("stored a\nstored c\nkept 2").contains("never killed"));
        assert!(wrong("stored a\nstored a\nkept 2").contains("twice"));
        assert!(wrong("stored a\nkept 2").contains("2 kills of 1"));
        assert!(wrong("stored a\nkept 1\nfile records.db.damaged-1").contains("damaged"));
        assert!(wrong("stored a\nkept 1\nverify b 0").contains("ends with 0"));
        assert!(wrong("stored a").contains("not looked at"));
    }

    /// Half a word says nothing.
    #[test]
    fn the_line_in_which_the_power_went_is_left_out() {
        let mut ledger = Ledger::default();
        ledger.take("kept 0\nshot a\ntold a").unwrap();
        assert_eq!((ledger.shots(), ledger.all_told), (1, 0));
    }
}
