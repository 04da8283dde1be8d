//! One message of the kernel's log, if it belongs to an OOM kill.
//!
//! The formats are those of mm/oom_kill.c, mm/memcontrol.c and lib/dump_stack.c from 2.6.32 to 7.3.
//! A name may hold whatever separates it from its neighbours: then each way to read the line
//! counts, and a part on which they differ is not known.

mod allocations;
mod cpu;
mod cut;
mod header;
mod killed;
mod meminfo;
mod summary;
mod tasks;
mod usage;

pub(super) use self::cpu::{Cpu, UserPc};
pub(super) use self::header::{Header, INVOKED};
pub(super) use self::killed::{Chose, KUBELET, Killed, MESSAGES, Reaped};
pub(super) use self::meminfo::{Block, Counters, MemInfo, ZoneName};
pub(super) use self::summary::Summary;
pub(super) use self::tasks::{Columns, Task, is_table_broken, table_goes_on};
pub(super) use self::usage::{Counter, Usage};

use super::scan::{Names, Scan, rsplit_once, split_once, utf8};
use crate::text::KernelText;

/// Beyond this length a message may have lost its end: `LOG_LINE_MAX` (kernel/printk/printk.c) is
/// 1024 bytes less a prefix, as is the least that a receiver of syslog must take.
const MAY_BE_CUT: usize = 960;

/// How a message came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// What is known of the names in it.
    pub(super) names: Names,
    /// Whether its end may be missing.
    pub(super) cut: bool,
}

/// What a message says.
#[derive(Debug)]
pub(super) enum Message<'a> {
    /// `… invoked oom-killer: …`
    Header(Header),
    /// `CPU: …`
    Cpu(Cpu),
    /// `Hardware name: …`
    Hardware(&'a [u8]),
    /// `Call Trace:`
    Trace,
    /// A line of it; `None` if the unwinder is not sure of it.
    Frame(Option<String>),
    /// What follows a stack: `</TASK>`, the registers, or how memory stands; with the place in the program
    /// that the kernel was entered from, if this line tells it.
    TraceEnd(Option<UserPc>),
    /// `memory: usage …`
    Usage(Usage),
    /// `Memory cgroup stats for …:`, before 5.1 with the numbers behind it.
    StatsFor(&'a [u8], Counters),
    /// `anon 25055232`: `memory.stat`, one or more lines of it.
    Stat(Counters),
    /// A line of how the machine's memory stood.
    MemInfo(MemInfo),
    /// The head of the table of tasks.
    Columns(Columns),
    /// `[    95]  1000 …`: a row of it, for whom the columns are known.
    Row(Scan<'a>),
    /// Before 5.0: `memhog cpuset=web mems_allowed=0`.
    Cpuset(Option<KernelText>, String),
    /// Before 5.0: `Task in … killed as a result of limit of …`.
    Limit(Option<KernelText>, Option<KernelText>),
    /// `oom-kill:constraint=…`
    Summary(Summary),
    /// Before 5.1: `…: Kill process … or sacrifice child`.
    Chose(Chose),
    /// `… Killed process …`
    Killed(Killed),
    /// One of both, cut before it says whom.
    Unnamed,
    /// `Out of memory and no killable processes...`
    NoVictim,
    /// `oom_reaper: reaped process …`
    Reaped(Reaped),
    /// `Tasks in … are going to be killed …`
    Group(Option<KernelText>),
    /// `Kernel panic - not syncing: …`, for want of memory.
    Panic(&'static str),
    /// `Linux version …`: a boot begins.
    Boot { release: String, version: String },
}

impl<'a> Message<'a> {
    pub(super) fn parse(text: &'a [u8], form: Form) -> Option<Self> {
        match form.cut {
            true => cut::read(text, form),
            false => Self::read(text, form),
        }
    }

    fn read(text: &'a [u8], form: Form) -> Option<Self> {
        let form = Form { cut: form.cut || text.len() >= MAY_BE_CUT, ..form };
        let names = form.names;
        match text.first()? {
            // A fault of the kernel's own, as of a read into memory that is not there yet: the stack goes on
            // behind its registers.
            b'R' if cpu::is_kernels_pc(text) => return None,
            b' ' | b'<' | b'R' | b'M' | b'-'
                if TRACE_ENDS.iter().any(|end| text.starts_with(end)) =>
            {
                return Some(Self::TraceEnd(cpu::user_pc(text)));
            }
            b'E' | b'e' | b'p' if let Some(pc) = cpu::user_pc(text) => {
                return Some(Self::TraceEnd(Some(pc)));
            }
            // Half of a log may be such lines, and they are nothing else.
            b'a'..=b'z' if let Some(stat) = meminfo::stat(text) => return Some(Self::Stat(stat)),
            b'[' if let Some(columns) = Columns::parse(text, form.cut) => {
                return Some(Self::Columns(columns));
            }
            b'[' if let Some(row) = tasks::row(text) => return Some(Self::Row(row)),
            b'C' | b'P' if let Some(cpu) = Cpu::parse(text, names) => return Some(Self::Cpu(cpu)),
            b'C' if text.trim_ascii_end().eq_ignore_ascii_case(b"Call trace:") => {
                return Some(Self::Trace);
            }
            b'H' if let Some(name) = text.strip_prefix(b"Hardware name: ") => {
                return Some(Self::Hardware(name.trim_ascii_end()));
            }
            b'm' | b's' | b'k' if let Some(usage) = Usage::parse(text, form.cut) => {
                return Some(Self::Usage(usage));
            }
            b'o' if let Some(summary) = Summary::parse(text, form) => {
                return Some(Self::Summary(summary));
            }
            b'o' if let Some(reaped) = Reaped::parse(text, form) => {
                return Some(Self::Reaped(reaped));
            }
            b'K' if let Some(panic) = panic(text) => return Some(Self::Panic(panic)),
            b'L' if let Some(boot) = boot(text) => return Some(boot),
            b'M' if let Some(rest) = text.strip_prefix(b"Memory cgroup stats for ") => {
                return Some(stats_for(rest));
            }
            b'O' if text.starts_with(b"Out of memory and no killable processes") => {
                return Some(Self::NoVictim);
            }
            b'S' if let Some(killed) = killed::told_by_kubelet(text, names) => {
                return Some(Self::Killed(killed));
            }
            b'T' if let Some(rest) = text.strip_prefix(TASKS_IN) => {
                let end = " are going to be killed due to memory.oom.group";
                let path = split_once(rest, end).map(|(path, _)| path);
                let path = path.map(|path| names.read(path).filter(|_| path.len() < WHOLE_PATH));
                // Its beginning is enough to know that there is a group.
                return path.or(form.cut.then_some(None)).map(Self::Group);
            }
            b'T' if let Some(limit) = summary::limit(text, names) => return Some(limit),
            _ => {}
        }
        if let Some(frame) = cpu::frame(text) {
            return Some(frame);
        }
        Header::parse(text, form)
            .map(Self::Header)
            .or_else(|| Killed::parse(text, form).map(Self::Killed))
            .or_else(|| Chose::parse(text, form).map(Self::Chose))
            .or_else(|| summary::cpuset(text, names))
            .or_else(|| MemInfo::parse(text).map(Self::MemInfo))
            .or_else(|| meminfo::stat(text).map(Self::Stat))
            .or_else(|| killed::is_cut_before_name(text, form).then_some(Self::Unnamed))
    }

    /// Whether what it lacks may be in the next line: where a name holds a line feed, or another CPU
    /// logged between two parts.
    pub(super) fn may_go_on(&self) -> bool {
        match self {
            Self::Killed(killed) => !killed.is_whole(),
            // Ids that end a line of a name: what follows them tells.
            Self::Summary(summary) => summary.pid.is_none() || summary.uid.is_none(),
            _ => false,
        }
    }

    /// Whether it speaks of an OOM kill by itself.
    pub(super) fn is_mention(&self) -> bool {
        matches!(
            self,
            Self::Header(_)
                | Self::Summary(_)
                | Self::Chose(_)
                | Self::Killed(_)
                | Self::Unnamed
                | Self::NoVictim
        )
    }

    /// Whether a line is sure to name nobody who is chosen or killed: a row of the table of tasks, of
    /// `memory.stat`, of a stack, or of how memory stands.
    pub(super) fn is_row(text: &[u8]) -> bool {
        text.starts_with(b" ")
            || text.starts_with(b"Node ")
            || tasks::row(text).is_some()
            || meminfo::stat_line(text).is_some()
    }

    /// Whether a message that says nothing yet may do so with its other lines.
    pub(super) fn is_begun(text: &[u8]) -> bool {
        text.starts_with(b"oom-kill:constraint=")
            || text.starts_with(TASKS_IN)
            || killed::is_begun(text)
            || (text.starts_with(b"CPU: ") && split_once(text, " Comm: ").is_some())
    }
}

/// A long path is a message of its own (`pr_cont_cgroup_path`, include/linux/cgroup.h), and what comes
/// behind it another.
pub(super) const TASKS_IN: &[u8] = b"Tasks in ";

/// Of a path with so many bytes the end may be missing: the kernel keeps a message to 1024 with its prefix
/// (`PRINTKRB_RECORD_MAX`, kernel/printk/printk.c).
const WHOLE_PATH: usize = 960;

const TRACE_ENDS: [&[u8]; 5] =
    [b" </TASK>", b"</TASK>", b"RIP: ", b"Mem-Info:", b"---[ end trace "];

/// What the kernel says before it panics for want of memory (mm/oom_kill.c).
const PANICS: [&str; 6] = [
    "Out of memory: compulsory panic_on_oom is enabled",
    "Out of memory: system-wide panic_on_oom is enabled",
    "System is deadlocked on memory",
    "Out of memory and no killable processes...",
    "out of memory. Compulsory panic_on_oom is selected.",
    "out of memory. panic_on_oom is selected",
];

/// Before 5.1 there are numbers behind the path.
fn stats_for<'a>(rest: &'a [u8]) -> Message<'a> {
    let rest = rest.trim_ascii_end();
    match split_once(rest, ": cache:").or_else(|| split_once(rest, ": rss:")) {
        Some((path, _)) => Message::StatsFor(
            path,
            meminfo::old_stat(rest.get(path.len() + 1..).unwrap_or_default()),
        ),
        None => {
            Message::StatsFor(rsplit_once(rest, ":").map_or(rest, |(path, _)| path), Vec::new())
        }
    }
}

fn panic(text: &[u8]) -> Option<&'static str> {
    let said = text.strip_prefix(b"Kernel panic - not syncing: ")?;
    // A title of a report leaves the dots off.
    let bare = |text: &str| text.trim_end_matches('.').to_owned();
    let said = bare(str::from_utf8(said.trim_ascii_end()).ok()?);
    PANICS.into_iter().find(|panic| bare(panic) == said)
}

/// `Linux version RELEASE (builder) (compiler) #1 SMP …` (`linux_banner`, init/version.c).
fn boot<'a>(text: &[u8]) -> Option<Message<'a>> {
    let mut scan = Scan(text);
    scan.eat("Linux version ")?;
    let release = utf8(scan.word())?;
    let (_, version) = rsplit_once(scan.0, ") #")?;
    Some(Message::Boot { release, version: format!("#{}", str::from_utf8(version).ok()?) })
}
