//! The program that died, as far as a record tells of it.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use super::super::facts::{by_score, is_share, short_machine, sum};
use super::super::hit::{Hit, is_lowered};
use super::super::shortage::Stuck;
use crate::incident::model::{Memory, OomKill, Scope, Sum};
use crate::text::KernelText;
use crate::units::Size;

/// Who holds half of what ran out is what it is about.
const MOST_PERCENT: u64 = 50;

/// `task_struct.comm` has 15 bytes and a NUL.
const COMM: usize = 15;

pub(super) struct Program<'a> {
    pub(super) kill: &'a OomKill,
    pub(super) comm: Cow<'a, str>,
    /// `None` if they are not known, or a title stands in their place.
    pub(super) arguments: Option<Vec<Cow<'a, str>>>,
    /// Whether these are all.
    pub(super) is_whole: bool,
    pub(super) ceiling: Ceiling,
}

/// What ran out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Limit,
    Machine,
    /// Memory and swap, by the share that the victim had of them.
    Estimate,
}

/// How much that is.
#[derive(Clone, Copy)]
pub(super) struct Ceiling {
    pub(super) bytes: u64,
    pub(super) of: Of,
}

/// `the limit of 512.0 MiB`
impl Display for Ceiling {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { bytes, of } = *self;
        match of {
            Of::Limit => write!(f, "the limit of {}", Size(bytes)),
            Of::Machine => write!(f, "the machine's {}", Size(bytes)),
            Of::Estimate => write!(f, "the machine's memory and swap of about {}", Size(bytes)),
        }
    }
}

/// Processes of one kind.
pub(super) struct Crowd {
    pub(super) count: u64,
    /// There may be more.
    pub(super) is_all: bool,
    /// What they hold.
    pub(super) held: u64,
    /// Whether that is their own, and not shared memory that is counted in each.
    pub(super) is_own: bool,
    /// What the largest of them holds of it, as far as it is known.
    pub(super) largest: Option<u64>,
}

impl<'a> Program<'a> {
    /// `None` where the program's size is not what it was about.
    pub(super) fn new(kill: &'a OomKill) -> Option<Self> {
        let victim = &kill.victim;
        let all = victim.argv.as_deref().filter(|argv| argv.len() > 1);
        Some(Self {
            kill,
            comm: victim.comm.as_ref()?.to_utf8(),
            arguments: all.map(|argv| argv.iter().map(|argument| argument.to_utf8()).collect()),
            is_whole: victim.argv_cut != Some(true),
            ceiling: ceiling(kill)?,
        })
    }

    pub(super) fn is_one_of(&self, names: &[&str]) -> bool {
        let first = self.kill.victim.argv.as_deref().and_then(<[_]>::first);
        let first = first.map(|first| first.to_utf8());
        let base =
            first.as_deref().and_then(|first| first.split([' ', ':']).next()?.rsplit('/').next());
        names
            .iter()
            .any(|name| is_name(&self.comm, name) || base.is_some_and(|it| is_name(it, name)))
    }

    /// What it has for itself.
    pub(super) fn own(&self) -> Option<u64> {
        let memory = &self.kill.victim.memory;
        sum([memory.anon_rss_bytes, Some(memory.swap_bytes.unwrap_or(0))])
    }

    pub(super) fn is_most(&self) -> bool {
        let own = self.kill.victim.memory.anon_rss_bytes;
        own.is_some_and(|own| is_share(own, self.ceiling.bytes, MOST_PERCENT))
    }

    /// All of its kind, if they hold most of what ran out.
    pub(super) fn crowd(&self, names: &[&str]) -> Option<Crowd> {
        let is_one = |comm: Option<&KernelText>| {
            let comm = comm.map(|comm| comm.to_utf8());
            comm.is_some_and(|comm| names.iter().any(|name| is_name(&comm, name)))
        };
        let (all, is_all) = match &self.kill.census {
            Some(census) => {
                let groups = census.by_name.iter().filter(|group| is_one(group.comm.as_ref()));
                let all = groups.map(|group| group.sum.clone()).reduce(Sum::plus);
                (all, census.other_names.is_none())
            }
            None => {
                let candidates = self.kill.candidates.as_ref()?;
                let ones = candidates.top.iter().filter(|one| is_one(one.comm.as_ref()));
                let all = ones.map(Sum::from).reduce(Sum::plus);
                (all, u64::try_from(candidates.top.len()).ok()? == candidates.total)
            }
        };
        let all = all?;
        let own = all.memory.anon_rss_bytes;
        let part = |memory: &Memory, rss: Option<u64>| match own {
            Some(_) => memory.anon_rss_bytes,
            None => rss,
        };
        let victim = &self.kill.victim;
        let victims = is_one(victim.comm.as_ref())
            .then(|| part(&victim.memory, victim.memory.resident()))
            .flatten();
        let candidates = self.kill.candidates.iter();
        let others = candidates
            .flat_map(|it| it.top.iter().chain(&it.largest))
            .filter(|one| is_one(one.comm.as_ref()))
            .filter_map(|one| part(&one.memory, one.rss()));
        let crowd = Crowd {
            count: all.processes,
            is_all,
            held: own.or(all.rss_bytes)?,
            is_own: own.is_some(),
            largest: others.chain(victims).max(),
        };
        is_share(crowd.held, self.ceiling.bytes, MOST_PERCENT).then_some(crowd)
    }

    /// The value of an argument: `flag=value`, `flag value`, or with `flag` as its beginning.
    pub(super) fn value(&self, flag: &str) -> Option<&str> {
        let arguments = self.arguments.as_deref()?;
        // The last one counts.
        (0..arguments.len()).rev().find_map(|at| {
            let rest = arguments.get(at)?.strip_prefix(flag)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value),
                None if rest.is_empty() => arguments.get(at + 1).map(AsRef::as_ref),
                None => None,
            }
        })
    }

    /// What stands right behind this beginning of an argument, as in `-Xmx2g`.
    pub(super) fn behind(&self, beginning: &str) -> Option<&str> {
        let arguments = self.arguments.as_deref()?;
        arguments.iter().rev().find_map(|argument| argument.strip_prefix(beginning))
    }

    pub(super) fn has(&self, part: &str) -> bool {
        self.arguments.iter().flatten().any(|argument| argument.contains(part))
    }
}

fn is_name(comm: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => comm.starts_with(start.get(..COMM).unwrap_or(start)),
        None => comm == name || (name.len() > COMM && name.get(..COMM) == Some(comm)),
    }
}

fn ceiling(kill: &OomKill) -> Option<Ceiling> {
    match kill.shortage.scope? {
        Scope::Memcg => {
            let max = Hit::new(kill).filter(|_| !is_lowered(kill))?.max()?;
            Some(Ceiling { bytes: max, of: Of::Limit })
        }
        Scope::Global if Stuck::of_the_machine(kill).is_none() => {
            match short_machine(kill).and_then(|system| system.total_bytes) {
                Some(bytes) => Some(Ceiling { bytes, of: Of::Machine }),
                None => Some(Ceiling { bytes: by_score(kill)?, of: Of::Estimate }),
            }
        }
        _ => None,
    }
}
