//! Dumps of kills that somebody knows already are left unread.
//!
//! Nearly all of a log may be rows of dumps, and they are what takes time to read. They do not say who was
//! killed; the line that does comes after them.

use super::message::{INVOKED, Message};
use super::reader::Kmsg;
use super::scan::has;

/// Text that waits for that line; of a longer dump the rows are read, whoever was killed.
const WAITING_BYTES: usize = 128 << 10;

const KILLED: &[u8] = b"Killed process ";

/// A message, and whether others are missing before it.
pub(super) type Next = (Kmsg, bool);

/// Holds messages from the head of one dump to that of the next.
pub(super) struct Skim<'a> {
    /// Whether the kill whose line has this stamp, in microseconds, is known.
    is_known: &'a dyn Fn(u64) -> bool,
    waiting: Vec<Next>,
    bytes: usize,
}

impl<'a> Skim<'a> {
    pub(super) fn new(is_known: &'a dyn Fn(u64) -> bool) -> Self {
        Self { is_known, waiting: Vec::new(), bytes: 0 }
    }

    /// Takes the next message; answers those that are to be read now.
    pub(super) fn push(&mut self, next: Next) -> Vec<Next> {
        let is_head = has(next.0.text(), INVOKED.as_bytes());
        let done = match is_head || self.bytes > WAITING_BYTES {
            true => self.rest(),
            false => Vec::new(),
        };
        self.bytes += next.0.text().len();
        self.waiting.push(next);
        done
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Vec<Next> {
        self.bytes = 0;
        let mut done = std::mem::take(&mut self.waiting);
        let mut kills = done.iter().filter(|(message, _)| has(message.text(), KILLED)).peekable();
        if kills.peek().is_some() && kills.all(|(message, _)| (self.is_known)(message.log_us())) {
            done.retain(|(message, is_torn)| *is_torn || !Message::is_row(message.text()));
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::{OomKill, Record};
    use crate::kernel_log::{Machine, Parser};

    fn message(at: u64, text: &str) -> Next {
        (Kmsg::parse(format!("4,{at},{at},-;{text}\n").as_bytes()).unwrap(), false)
    }

    fn read(known: &[u64], messages: &[(u64, &str)]) -> Vec<u64> {
        let is_known = |us: u64| known.contains(&us);
        let mut skim = Skim::new(&is_known);
        let mut read = Vec::new();
        for (at, text) in messages {
            read.extend(skim.push(message(*at, text)));
        }
        read.extend(skim.rest());
        read.iter().map(|(message, _)| message.log_us()).collect()
    }

    /// Of a group the second may be missing: it is of the same dump.
    #[test]
    fn a_dump_is_left_unread_where_all_who_died_of_it_are_known() {
        let log = [
            (1, "a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"),
            (2, " dump_stack+0x19/0x1b"),
            (3, "anon 4096"),
            (4, "Node 0 DMA free:4kB"),
            (
                5,
                "[     12]     0    12      100        1        1        0        0    45056        0             0 a",
            ),
            (6, "oom-kill:constraint=CONSTRAINT_NONE"),
            (7, "Out of memory: Killed process 12 (a) total-vm:8kB"),
            (8, "Out of memory: Killed process 13 (b) total-vm:8kB"),
            (9, "b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"),
            (10, "file 4096"),
            (11, "oom_reaper: reaped process 12 (a)"),
        ];
        assert_eq!(read(&[7, 8], &log), [1, 6, 7, 8, 9, 10, 11]);
        assert_eq!(read(&[7], &log), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(read(&[8], &log), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn no_more_waits_than_there_is_room_for_and_nothing_is_lost() {
        let row = format!("[     12] {}", "x".repeat(990));
        let is_known = |_: u64| true;
        let mut skim = Skim::new(&is_known);
        let mut read = Vec::new();
        for at in 0..1000 {
            read.extend(skim.push(message(at, &row)));
            assert!(skim.bytes <= WAITING_BYTES + row.len());
        }
        read.extend(skim.push(message(1000, "Out of memory: Killed process 12 (a) total-vm:8kB")));
        assert!(!read.is_empty() && read.len() < 1000);
        read.extend(skim.rest());
        assert_eq!(read.last().map(|(message, _)| message.log_us()), Some(1000));
    }

    #[test]
    fn what_comes_after_a_gap_is_read_whatever_it_is() {
        let is_known = |_: u64| true;
        let mut skim = Skim::new(&is_known);
        let (row, _) = message(1, "anon 4096");
        assert_eq!(skim.push((row, true)).len(), 0);
        skim.push(message(2, "anon 4096"));
        skim.push(message(3, "Out of memory: Killed process 12 (a) total-vm:8kB"));
        let read: Vec<_> = skim.rest().iter().map(|(message, _)| message.log_us()).collect();
        assert_eq!(read, [1, 3]);
    }

    /// The logs of all kernels, one after the other, an hour apart.
    fn logs() -> Vec<Next> {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/logs");
        let mut paths: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|it| it == "kmsg"));
        paths.sort();
        let mut all = Vec::new();
        for (log, path) in (1..).zip(&paths) {
            for line in std::fs::read_to_string(path).unwrap().lines() {
                let [level, _, us, rest] = line.splitn(4, ',').collect::<Vec<_>>()[..] else {
                    continue;
                };
                let us = us.parse::<u64>().unwrap() + log * 3_600_000_000;
                let line = format!("{level},{},{us},{rest}\n", all.len());
                all.push((Kmsg::parse(line.as_bytes()).unwrap(), false));
            }
        }
        all
    }

    fn kills(messages: &[Next], is_known: &dyn Fn(u64) -> bool) -> (usize, Vec<OomKill>) {
        let (mut skim, mut parser) = (Skim::new(is_known), Parser::new(Machine::default()));
        let (mut read, mut records) = (0, Vec::new());
        let mut parse = |next: Vec<Next>| {
            read += next.len();
            for (message, _) in next {
                records.extend(message.entry().map(|it| parser.push(&it)).unwrap_or_default());
            }
        };
        messages.iter().for_each(|next| parse(skim.push(next.clone())));
        parse(skim.rest());
        records.extend(parser.flush());
        let kills = records.into_iter().filter_map(|record| match record {
            Record::OomKill(kill) => Some(*kill),
            _ => None,
        });
        (read, kills.collect())
    }

    #[test]
    fn of_what_is_not_known_all_is_read_and_of_the_rest_that_it_was() {
        let log = logs();
        let (read, all) = kills(&log, &|_| false);
        assert!(all.len() > 20 && read == log.len(), "{} {read}", all.len());
        let key = |kill: &OomKill| (kill.victim.tid, kill.log_us.unwrap(), kill.kill_count);
        let keys: Vec<_> = all.iter().map(key).collect();
        let (least, known) = kills(&log, &|_| true);
        assert!(least * 2 < read, "{least} of {read}");
        assert_eq!(known.iter().map(key).collect::<Vec<_>>(), keys);
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..20 {
            let known: Vec<_> =
                all.iter().filter(|_| rng.bool()).filter_map(|kill| kill.log_us).collect();
            let is_known = |us: u64| known.contains(&us);
            let (_, some) = kills(&log, &is_known);
            assert_eq!(some.iter().map(key).collect::<Vec<_>>(), keys);
            for (some, all) in some.iter().zip(&all) {
                assert!(is_known(all.log_us.unwrap()) || some == all, "{:?}", all.incident);
            }
        }
    }
}
