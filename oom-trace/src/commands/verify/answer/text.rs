//! The answer for people: the verdict, the kills, and what it rests on or what is not known.

use std::io::{self, Write};

use jiff::Timestamp;

use super::super::counter::Counter;
use super::super::evidence::{Doubt, Evidence, Ground, InCgroup};
use super::super::meant::{Asked, By};
use super::{Answer, Verdict};
use crate::commands::narrower::{flags, whole_second};
use crate::incident::model::{OomKill, UserKill};
use crate::ledger::Unproven;
use crate::quote::Quoted;
use crate::render::{brief, time};
use crate::units::{Age, Counted};

/// More kills nobody reads.
const SHOWN: usize = 20;

/// So many of which the same is unknown have a line each, and so many units are named.
const ALIKE: usize = 3;

impl Answer<'_> {
    pub(super) fn headline(&self) -> String {
        let Self { question, evidence, verdict, .. } = self;
        let place = question.place();
        let span = format!("from {} to {}", time(question.since), time(question.until));
        match verdict {
            Verdict::Killed => {
                let kills = evidence.kills.len() + evidence.user_kills.len();
                let kills = u64::try_from(kills).unwrap_or(u64::MAX);
                let least = if self.is_whole() { "" } else { "at least " };
                let tests = match evidence.kills.iter().filter(|(_, kill)| kill.is_test()).count() {
                    0 => String::new(),
                    1 if kills == 1 => ", which was a test".to_owned(),
                    1 => ", 1 of them a test".to_owned(),
                    tests => format!(", {tests} of them tests"),
                };
                format!("{least}{}{place} {span}{tests}", Counted(kills, "OOM kill"))
            }
            Verdict::None => format!("no OOM kill{place} {span}"),
            Verdict::Unknown => {
                format!("cannot say whether there was an OOM kill{place} {span}")
            }
        }
    }

    pub(in super::super) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let colon = if self.verdict == Verdict::None { "" } else { ":" };
        writeln!(out, "{}{colon}", self.headline())?;
        match self.verdict {
            Verdict::Killed => {
                self.kills(out)?;
                if !self.is_whole() {
                    writeln!(out, "  there may have been more:")?;
                }
                self.evidence.meant.unheard_of().try_for_each(|asked| self.unfound(asked, out))?;
                self.unknown(out)
            }
            Verdict::None => {
                // Before what it rests on: it may be the "no" of a slip.
                self.evidence.meant.unfound().try_for_each(|asked| self.unfound(asked, out))?;
                writeln!(out, "  {}", self.proof())
            }
            Verdict::Unknown => {
                self.unknown(out)?;
                let unfound = self.evidence.meant.unfound();
                let mut unfound = unfound.filter(|asked| asked.kills().next().is_none());
                unfound.try_for_each(|asked| self.unfound(asked, out))?;
                self.counter(out)?;
                self.narrower(out)
            }
        }
    }

    fn kills(&self, out: &mut impl Write) -> io::Result<()> {
        let Evidence { kills, user_kills, store, .. } = self.evidence;
        let older = kills.len().saturating_sub(SHOWN);
        if older > 0 {
            writeln!(out, "  {older} older, and")?;
        }
        for (when, kill) in kills.iter().skip(older) {
            let test = if kill.is_test() { " (a test)" } else { "" };
            writeln!(out, "  {}  {}{test}", time(*when), brief(kill))?;
        }
        for UserKill { origin, by, comm, pid, .. } in user_kills {
            let when = origin.time.map_or_else(String::new, time);
            let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            let comm = comm.as_ref().map_or_else(|| "a process".to_owned(), ToString::to_string);
            writeln!(out, "  {when}  {comm}{pid}, killed by {by}")?;
        }
        let real = kills.iter().rfind(|(_, kill)| !kill.is_test());
        let Some((_, kill)) = real.or(kills.last()) else { return Ok(()) };
        let pid = kill.victim.pid.unwrap_or(kill.victim.tid);
        let store =
            store.as_ref().map(|store| format!("--store {} ", Quoted::from(store.as_path())));
        let of_which = match kills.last() {
            Some((_, last)) if last.is_test() && !kill.is_test() => {
                "the last one that was not a test, "
            }
            _ => "",
        };
        writeln!(out, "  {of_which}in full: oom-trace history {}{pid}", store.unwrap_or_default())
    }

    /// What is not known, and of which time.
    fn unknown(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { question, evidence, cgroup_missing, .. } = self;
        self.spans(out)?;
        for doubt in [Doubt::Who, Doubt::When, Doubt::Outcome] {
            let of_it = evidence.doubtful.iter().filter(|(is, _)| *is == doubt);
            doubtful(doubt, &of_it.map(|(_, kill)| &**kill).collect::<Vec<_>>(), out)?;
        }
        if let (Some(InCgroup { counter, told, .. }), Some(_)) = (&evidence.cgroup, cgroup_missing)
        {
            writeln!(
                out,
                "  {} of {} counts {}, of which {told} are recorded",
                counter.file,
                counter.cgroup,
                Counted(counter.kills, "kill")
            )?;
        }
        evidence.meant.unsure().try_for_each(|asked| self.meant(asked, out))?;
        if question.is_until_now && evidence.here.is_none() && !self.holes().is_empty() {
            writeln!(
                out,
                "  the store is from another machine: only that machine knows its kernel's count"
            )?;
        }
        Ok(())
    }

    /// What the cgroup itself counts, where it may be younger than the time that is asked for.
    fn counter(&self, out: &mut impl Write) -> io::Result<()> {
        let are_recorded = |it: &&InCgroup| it.counter.kills == it.told_since;
        let cgroup = self.evidence.cgroup.as_ref().filter(are_recorded);
        let Some(cgroup) = cgroup.filter(|_| !self.is_proven_by_cgroup) else { return Ok(()) };
        let Counter { since, has_those_below, .. } = cgroup.counter;
        let below =
            if has_those_below { "" } else { "; kills in cgroups below it are not in that count" };
        let when = format!(" (at {} or earlier)", time(since));
        writeln!(out, "  {}{below}", counted_in(cgroup, &when))
    }

    /// How to ask for what is certain, where that is a part of the time: the last such part.
    fn narrower(&self, out: &mut impl Write) -> io::Result<()> {
        let mut known = self.proven.iter().filter(|span| self.is_none_in(**span));
        let Some(span) = known.next_back() else { return Ok(()) };
        let flags = flags((self.question.since, self.question.until), *span);
        // Narrow enough to stay in one piece on a terminal.
        writeln!(
            out,
            "  for a \"no\" that is certain, ask for a period in which every kill is known:\n    {flags}"
        )
    }

    /// A place that is asked for, and kills that may be meant.
    fn meant(&self, asked: &Asked, out: &mut impl Write) -> io::Result<()> {
        let Asked { name, .. } = asked;
        let why = match asked.is_known {
            false => self.nowhere(asked),
            true => "does not include the cgroups below it",
        };
        writeln!(out, "  {name} {why}; did you mean")?;
        for (by, name, kills) in asked.kills().take(SHOWN) {
            let name = Quoted::from(name.as_bytes());
            let of_what = match by {
                By::Runner => format!(" of processes that ran {}", asked.text()),
                By::Cgroup | By::Comm | By::Unit => String::new(),
            };
            writeln!(out, "    --{} {name} ({}{of_what})", by.name(), Counted(kills, "kill"))?;
        }
        Ok(())
    }

    /// A name that nothing has, and what it is the name of all the same.
    fn unfound(&self, asked: &Asked, out: &mut impl Write) -> io::Result<()> {
        write!(out, "  {} {}", asked.name, self.nowhere(asked))?;
        if self.verdict == Verdict::None {
            write!(out, "; a misspelt name would get the same answer")?;
        }
        if let Some(path) = &asked.as_cgroup {
            write!(out, "; a cgroup has that name: --cgroup {}", Quoted::from(path))?;
        } else if asked.is_unheard_of() {
            write!(
                out,
                "; if it existed only for a while, ask for its cgroup by the full path: --cgroup \
                 /system.slice/…"
            )?;
        }
        for (index, (by, name, kills)) in asked.elsewhere().into_iter().take(ALIKE).enumerate() {
            match (index, by) {
                (0, By::Unit) => write!(out, "\n    units with kills in that time: ")?,
                (0, _) => write!(out, "\n    cgroups beside it with kills in that time: ")?,
                _ => write!(out, ", ")?,
            }
            write!(out, "{} ({})", Quoted::from(name.as_bytes()), Counted(kills, "kill"))?;
        }
        writeln!(out)
    }

    /// Of a name that fits nothing.
    fn nowhere(&self, asked: &Asked) -> &'static str {
        match self.evidence.here {
            Some(_) if asked.is_findable() => "is neither on this machine nor in a record",
            _ => "is in no record",
        }
    }

    /// The spans of which nobody knows and, if there is no other answer, those of which a "no" is proven, in order.
    fn spans(&self, out: &mut impl Write) -> io::Result<()> {
        let mut known = self.proven.iter().filter(|span| self.is_none_in(**span)).peekable();
        for hole in self.holes() {
            let Unproven { from, until, .. } = *hole;
            while let Some(span) = known.next_if(|span| span.0 <= from) {
                self.none_in(*span, out)?;
            }
            writeln!(out, "  {}: {}", within(from, until), hole.told(self.evidence.ground))?;
        }
        known.try_for_each(|span| self.none_in(*span, out))
    }

    /// Whether it is worth telling that there was none in a span that is proven.
    fn is_none_in(&self, (from, until): (Timestamp, Timestamp)) -> bool {
        let may_be_then =
            |kill: &OomKill| kill.origin.time.is_none_or(|time| from <= time && time <= until);
        self.verdict == Verdict::Unknown
            && self.evidence.meant.is_sure()
            && self.cgroup_missing.is_none()
            && !self.evidence.doubtful.iter().any(|(_, kill)| may_be_then(kill))
    }

    fn none_in(
        &self,
        (from, until): (Timestamp, Timestamp),
        out: &mut impl Write,
    ) -> io::Result<()> {
        let (question, from) = (self.question, time(whole_second((from, until))));
        let place = question.place();
        match until == question.until && question.is_until_now {
            true => writeln!(out, "  from {from} on: none{place}"),
            false => writeln!(out, "  {from} to {}: none{place}", time(until)),
        }
    }

    /// What a "no" rests on.
    fn proof(&self) -> String {
        let unwatched = self.unwatched().map(|for_so_long| {
            format!("; that count also covers the {for_so_long} in which no agent ran")
        });
        self.count() + &unwatched.unwrap_or_default()
    }

    /// For how long there was none, of the time that the machine's count covers.
    fn unwatched(&self) -> Option<Age> {
        let Self { question, evidence, .. } = self;
        self.counted()?;
        let unwatched = evidence.ledger.unwatched(question.since, question.until);
        let is_store = evidence.ground == Ground::Store;
        let ms = u64::try_from(unwatched.as_millis()).ok().filter(|ms| is_store && *ms > 0)?;
        Some(Age(ms))
    }

    fn count(&self) -> String {
        let Self { question, evidence, .. } = self;
        match (self.counted(), &evidence.cgroup) {
            (None, Some(cgroup)) => counted_in(cgroup, ""),
            (Some(0) | None, _) => {
                "the kernel counted no kill in that time (oom_kill in /proc/vmstat)".to_owned()
            }
            (Some(1), _) => format!(
                "the kernel counted 1 kill in that time (oom_kill in /proc/vmstat); it is recorded, and was \
                 not{}",
                question.place()
            ),
            (Some(2), _) => format!(
                "the kernel counted 2 kills in that time (oom_kill in /proc/vmstat), both are recorded, and \
                 neither was{}",
                question.place()
            ),
            (Some(kills), _) => format!(
                "the kernel counted {kills} kills in that time (oom_kill in /proc/vmstat), all {kills} are \
                 recorded, and none was{}",
                question.place()
            ),
        }
    }
}

/// What a cgroup counts, where all of that is recorded; `when` it was made.
fn counted_in(InCgroup { counter, told_since, .. }: &InCgroup, when: &str) -> String {
    let Counter { file, cgroup, .. } = counter;
    match told_since {
        0 => format!("{file} of {cgroup} has counted no kill since it was created{when}"),
        kills => format!(
            "{file} of {cgroup} has counted {} since it was created{when}, and all are recorded",
            Counted(*kills, "kill")
        ),
    }
}

/// A span of time; in one that is shorter than what is told of a time, that.
fn within(from: Timestamp, until: Timestamp) -> String {
    match (time(from), time(until)) {
        (from, until) if from == until => format!("around {from}"),
        (from, until) => format!("{from} to {until}"),
    }
}

/// Kills of which the same is unknown: many are told of at once.
fn doubtful(doubt: Doubt, kills: &[&OomKill], out: &mut impl Write) -> io::Result<()> {
    let Some(one) = kills.first() else { return Ok(()) };
    if kills.len() <= ALIKE {
        for kill in kills {
            let when = kill.origin.time.map_or_else(|| "at an unknown time".to_owned(), time);
            writeln!(out, "  {when}  {}: {}", brief(kill), doubt.told(kill))?;
        }
        return Ok(());
    }
    let times = || kills.iter().filter_map(|kill| kill.origin.time);
    let span = match (times().min(), times().max()) {
        (Some(first), Some(last)) => format!(", {} to {}", time(first), time(last)),
        _ => String::new(),
    };
    let tests = match kills.iter().filter(|kill| kill.is_test()).count() {
        0 => String::new(),
        tests if tests == kills.len() => "; all of them look like tests".to_owned(),
        1 => "; 1 of them looks like a test".to_owned(),
        tests => format!("; {tests} of them look like tests"),
    };
    writeln!(out, "  {} kills {}{span}{tests}", kills.len(), doubt.told_of_many(one))
}
