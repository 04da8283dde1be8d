//! The public event: what `oom-trace` says of one kill. `docs/events.md` documents every key.
//!
//! Sizes are bytes (`*_bytes`), durations milliseconds (`*_ms`); `None` is "not known here" and
//! never zero. Members that this version does not fill yet are part of schema 1 and `None`.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::KernelText;

mod agent;
mod candidates;
mod census;
mod exit;
mod failed;
mod job;
mod kill;
mod names;
mod record_type;
mod shared;
mod shortage;
mod shrink;
mod system;
mod test_kill;
mod user_kill;
mod victim;
mod weight;
mod zone;

pub use agent::{Agent, AgentEvent, AgentType, Missing, Totals};
pub use candidates::{Candidate, Candidates, OOM_SCORE_ADJ_MIN};
pub use census::{Census, CgroupGroup, NameGroup, Sum};
pub use exit::{ExitState, FreedBy, OomExit, OomExitType};
pub use failed::{NO_KILLABLE, OomFailed, OomFailedType};
pub use job::Job;
pub use record_type::RecordType;
pub use shared::Shared;
pub use shortage::{Build, CONSTRAINTS, Limit, LimitEvents, SYSRQ_ORDER, Scope, Shortage, Trigger};
pub use system::{Allocation, Node, Pressure, Protection, Slab, System};
pub(crate) use test_kill::{TEST_CGROUP, TEST_VICTIM};
pub use user_kill::{UserAction, UserKill, UserKillType};
pub use victim::{Cgroup, Container, Memory, Pod, Process, Sharer, Victim};
pub use weight::Weight;
pub use zone::{Counters, FreeBlocks, HugePages, NodeCounters, Zone};

/// The number of the record's schema; raised when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// One line of output.
///
/// Its JSON has one key more than its members: [`Record::id`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, remote = "Self")]
pub enum Record {
    /// A task was marked as victim of the OOM killer.
    OomKill(Box<OomKill>),
    /// The kernel is about to panic for want of memory.
    OomPanic(Box<OomPanic>),
    /// Memory ran out, and nobody could be killed.
    OomFailed(Box<OomFailed>),
    /// A program killed another, or ran out of memory by itself.
    UserKill(Box<UserKill>),
    /// The memory of a victim is back, or is not.
    OomExit(Box<OomExit>),
    /// The agent speaks of itself.
    Agent(Box<Agent>),
}

impl Record {
    /// Names this record: the same whenever the kill, its end or the agent's word is told again, and
    /// another for every other record of this machine. A kill is named by the kernel's own line of it
    /// where that is known, so that the hooks and the kernel's log name it alike.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::OomKill(kill) => kill
                .line_id(kill.victim.tid, kill.log_us)
                .unwrap_or_else(|| format!("{}-{}", kill.incident, kill.victim.tid)),
            Self::OomPanic(panic) => format!("{}-panic", panic.incident),
            Self::OomFailed(failed) => format!("{}-failed", failed.incident),
            Self::UserKill(kill) => format!("{}-user", kill.incident),
            Self::OomExit(exit) => {
                format!("{}-{}-{}", exit.incident, exit.tid, exit.state.name())
            }
            Self::Agent(agent) => {
                let Origin { boot_id, boot_ns, .. } = &agent.origin;
                let boot = boot_id.as_deref().and_then(|boot| boot.get(..8)).unwrap_or("agent");
                format!("{boot}-{:016x}-{}", boot_ns.unwrap_or(0), agent.event.name())
            }
        }
    }

    /// The names of records that this one tells of as well: those of a victim's further kills, each of which
    /// who knows only the kernel's log may take for a kill of its own.
    pub fn further_ids(&self) -> impl Iterator<Item = String> {
        let kill = self.kill();
        let again =
            kill.into_iter().flat_map(|kill| kill.killed_again.iter().map(move |it| (kill, it)));
        again.filter_map(|(kill, again)| kill.line_id(again.tid, again.log_us))
    }

    /// The kill, if it is one.
    #[must_use]
    pub fn kill(&self) -> Option<&OomKill> {
        match self {
            Self::OomKill(kill) => Some(kill),
            _ => None,
        }
    }

    /// Its `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        RecordType::from(self).name()
    }

    /// Where and when it was made.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        match self {
            Self::OomKill(kill) => &kill.origin,
            Self::OomPanic(panic) => &panic.origin,
            Self::OomFailed(failed) => &failed.origin,
            Self::UserKill(kill) => &kill.origin,
            Self::OomExit(exit) => &exit.origin,
            Self::Agent(agent) => &agent.origin,
        }
    }

    /// The same, to be corrected.
    pub fn origin_mut(&mut self) -> &mut Origin {
        match self {
            Self::OomKill(kill) => &mut kill.origin,
            Self::OomPanic(panic) => &mut panic.origin,
            Self::OomFailed(failed) => &mut failed.origin,
            Self::UserKill(kill) => &mut kill.origin,
            Self::OomExit(exit) => &mut exit.origin,
            Self::Agent(agent) => &mut agent.origin,
        }
    }

    /// The shortage it belongs to.
    #[must_use]
    pub fn incident(&self) -> Option<&str> {
        match self {
            Self::OomKill(kill) => Some(&kill.incident),
            Self::OomPanic(panic) => Some(&panic.incident),
            Self::OomFailed(failed) => Some(&failed.incident),
            Self::UserKill(kill) => Some(&kill.incident),
            Self::OomExit(exit) => Some(&exit.incident),
            Self::Agent(_) => None,
        }
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line<'a> {
            #[serde(flatten, serialize_with = "members")]
            record: &'a Record,
            id: String,
        }
        fn members<S: Serializer>(record: &&Record, serializer: S) -> Result<S::Ok, S::Error> {
            Record::serialize(record, serializer)
        }
        Line { record: self, id: self.id() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

/// Where and when a record was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Origin {
    /// Wall-clock time of the hook, UTC. A saved log may lack it, as all that follows.
    #[serde(serialize_with = "rfc3339_ns")]
    pub time: Option<Timestamp>,
    /// What of `time` a saved log does not say and was guessed; `None` if nothing was.
    pub time_guessed: Option<Vec<Guess>>,
    /// Time of the hook on `CLOCK_BOOTTIME`, in nanoseconds.
    pub boot_ns: Option<u64>,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: Option<String>,
    /// Node name, as `uname -n`.
    pub host: Option<String>,
    /// Kernel release, as `uname -r`.
    pub kernel: Option<String>,
}

/// What of a time is a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    /// The zone: this machine's, or the usual one of an abbreviation that several have.
    Zone,
    /// The year: the last in which it can have been.
    Year,
    /// The second: the log tells minutes.
    Second,
    /// All of it: it is when the line was collected, which may be later.
    Collected,
}

/// One victim of one incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OomKill {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `oom_kill`.
    #[serde(rename = "type")]
    pub kind: OomKillType,
    /// Names the shortage; the same in all records of a group kill, unique over boots.
    pub incident: String,
    /// The moment the kernel chose to act (the mark, where no probe saw the decision).
    #[serde(flatten)]
    pub origin: Origin,
    /// What reported the kill.
    pub source: Source,
    /// What the kernel did to the victim.
    pub outcome: Option<Outcome>,
    /// Which victim of the incident this is, from 1.
    pub victim_index: u32,
    /// How many victims the incident has; more than one for `memory.oom.group`.
    pub victim_count: u32,
    /// How often the kernel killed this victim in this incident: 2 for the first of a group kill.
    pub kill_count: Option<u32>,
    /// The further kills of it.
    #[serde(default)]
    pub killed_again: Vec<KilledAgain>,
    /// When the kernel logged its kill, by the stamp of that line in microseconds, as `/dev/kmsg` has
    /// it; `None` where the log was not read or has no such line. It does not count suspension.
    pub log_us: Option<u64>,
    /// Whether nobody saw it: the agent found it in the kernel's log when it started later.
    #[serde(default)]
    pub backfilled: bool,
    /// The kernel's own words before `: Killed process`.
    pub message: Option<KernelText>,
    /// The shortage that it was killed for.
    #[serde(flatten)]
    pub shortage: Shared<Shortage>,
    /// The task that the kernel chose; the victim may be another thread of it.
    pub chosen: Option<Chosen>,
    /// The task that was marked.
    pub victim: Victim,
    /// The cgroup that is killed as a whole: `memory.oom.group`.
    pub group: Option<KernelText>,
    /// The tasks the kernel weighed.
    pub candidates: Option<Shared<Candidates>>,
    /// All of them, summed by name and by cgroup.
    pub census: Option<Shared<Census>>,
    /// How the machine stood.
    pub system: Option<Shared<System>>,
    /// The kill in a sentence, and what to do.
    pub why: Option<Why>,
    /// The keys that are `None` because there was no room for them in the agent's memory.
    #[serde(default)]
    pub shrunk: Vec<Cow<'static, str>>,
}

/// The kernel is about to panic: `vm.panic_on_oom` is set, or no process is left to kill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OomPanic {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `oom_panic`.
    #[serde(rename = "type")]
    pub kind: OomPanicType,
    /// Names the shortage, unique over boots.
    pub incident: String,
    /// When it was seen.
    #[serde(flatten)]
    pub origin: Origin,
    /// What reported it.
    pub source: Source,
    /// The kernel's words before it panics.
    pub message: Cow<'static, str>,
    /// The shortage.
    #[serde(flatten)]
    pub shortage: Shortage,
    /// The tasks that the kernel listed.
    pub candidates: Option<Candidates>,
    /// All of them, summed by name and by cgroup.
    pub census: Option<Census>,
    /// How the machine stood.
    pub system: Option<System>,
    /// What ran short in a sentence, and what to do.
    pub why: Option<Why>,
}

/// The `type` of an [`OomPanic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomPanicType {
    /// The only one.
    #[default]
    OomPanic,
}

/// The `type` of an [`OomKill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomKillType {
    /// The only one.
    #[default]
    OomKill,
}

/// What reported a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// kprobes.
    Kprobe,
    /// fentry and fexit programs.
    Fentry,
    /// The raw tracepoint `oom/mark_victim`.
    Tracepoint,
    /// The kernel's log.
    KernelLog,
    /// The end of the log of a boot that a panic ended, which pstore kept.
    Pstore,
    /// The log of another program.
    Log,
}

impl Source {
    /// Whether it is the kernel's own words, from wherever they were read.
    #[must_use]
    pub const fn is_kernel_log(self) -> bool {
        matches!(self, Self::KernelLog | Self::Pstore)
    }
}

/// What the kernel did to a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// SIGKILL was sent.
    Killed,
    /// It was dying already: marked, never signalled.
    AlreadyExiting,
}

/// A further kill of a victim: the kernel kills the first one of a group twice, and may kill it by
/// another of its threads then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KilledAgain {
    /// The thread that was marked this time.
    pub tid: u32,
    /// The stamp of this kill's own line, as [`OomKill::log_us`].
    pub log_us: Option<u64>,
}

/// The task that the kernel chose to kill, as its `oom-kill:` line prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// `task_struct.pid`: a thread id.
    pub tid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// How bad it was, in thousandths of what it was weighed against: kernels before 5.1 print it.
    pub score: Option<u32>,
    /// Real uid in the initial user namespace.
    pub uid: Option<u32>,
    /// The path of its memory cgroup.
    pub cgroup: Option<KernelText>,
}

/// The kill in a sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// One sentence.
    pub summary: String,
    /// What fits just this case.
    pub hints: Vec<String>,
}

/// Nine digits, always: a reader may sort the text.
fn rfc3339_ns<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&format_args!("{time:.9}")),
        None => serializer.serialize_none(),
    }
}
