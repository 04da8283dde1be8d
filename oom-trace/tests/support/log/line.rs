//! One line of the kernel's log.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::json_text;

/// What tells of an OOM kill.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    Invoked(Invoked),
    Cpu(Cpu),
    /// `Hardware name: …`
    Hardware(String),
    /// What begins and ends a call trace.
    TraceMark,
    /// Of a call trace; what has a question mark the kernel found on the stack by chance.
    Frame {
        text: String,
        reliable: bool,
    },
    Memory(Usage),
    Swap(Usage),
    Memsw(Usage),
    Kmem(Usage),
    Task(Task),
    Summary(Summary),
    Killed(Killed),
    /// `Tasks in … are going to be killed due to memory.oom.group set`
    Group(String),
}

/// `… invoked oom-killer: …`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invoked {
    pub(crate) comm: String,
    pub(crate) gfp_mask: String,
    pub(crate) gfp_flags: String,
    pub(crate) order: i64,
    pub(crate) oom_score_adj: i64,
}

/// `CPU: … PID: … Comm: …`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) cpu: u64,
    /// From 6.12 on.
    pub(crate) uid: Option<u64>,
    pub(crate) pid: u64,
    pub(crate) comm: String,
    pub(crate) taint: String,
    pub(crate) release: String,
    /// The first word of the kernel's version.
    pub(crate) build: String,
    /// From 6.15 on.
    pub(crate) preempt: Option<String>,
}

/// `memory: usage …kB, limit …kB, failcnt …`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Usage {
    pub(crate) usage_kb: u64,
    /// `None` is no limit.
    pub(crate) limit_kb: Option<u64>,
    pub(crate) failcnt: u64,
}

/// A row of `Tasks state (memory values in pages)`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    /// A thread that has the memory.
    pub(crate) tid: u64,
    pub(crate) uid: u64,
    pub(crate) tgid: u64,
    pub(crate) total_vm: u64,
    pub(crate) rss: u64,
    pub(crate) pgtables_bytes: u64,
    pub(crate) swapents: u64,
    pub(crate) oom_score_adj: i64,
    pub(crate) name: String,
}

/// `oom-kill:constraint=…`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) constraint: String,
    pub(crate) nodemask: Option<String>,
    pub(crate) cpuset: String,
    pub(crate) mems_allowed: String,
    pub(crate) oom_memcg: Option<String>,
    pub(crate) task_memcg: String,
    pub(crate) task: String,
    pub(crate) pid: u64,
    pub(crate) uid: i64,
}

/// `… Killed process …`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Killed {
    pub(crate) message: String,
    pub(crate) pid: u64,
    pub(crate) comm: String,
    pub(crate) total_vm_kb: u64,
    pub(crate) anon_rss_kb: u64,
    pub(crate) file_rss_kb: u64,
    pub(crate) shmem_rss_kb: u64,
    pub(crate) uid: u64,
    pub(crate) pgtables_kb: u64,
    pub(crate) oom_score_adj: i64,
}

/// Makes a line of what its pattern captured.
type Make = fn(&Captures<'_>) -> Line;

/// A word that each such line has, its pattern, and what makes it.
type Rule = (&'static str, Regex, Make);

/// All kinds of lines. The words spare most of the work: an emulated processor takes its time.
static RULES: LazyLock<[Rule; 10]> = LazyLock::new(|| {
    let frame = |found: &Captures<'_>| Line::Frame {
        text: found["text"].to_owned(),
        reliable: found.name("guess").is_none(),
    };
    let rules: [(&str, &str, Make); 10] = [
        (" invoked oom-killer: ", INVOKED, |found| Line::Invoked(found.into())),
        ("CPU: ", CPU, |found| Line::Cpu(found.into())),
        ("Hardware name: ", HARDWARE, |found| Line::Hardware(found["name"].to_owned())),
        ("", TRACE_MARK, |_| Line::TraceMark),
        ("+0x", FRAME, frame),
        (": usage ", USAGE, usage),
        ("[", TASK, |found| Line::Task(found.into())),
        ("oom-kill:", SUMMARY, |found| Line::Summary(found.into())),
        ("Killed process", KILLED, |found| Line::Killed(found.into())),
        ("Tasks in ", GROUP, |found| Line::Group(text(&found["path"]))),
    ];
    rules.map(|(word, pattern, make)| (word, Regex::new(pattern).unwrap(), make))
});

impl Line {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut rules = RULES.iter().filter(|(word, ..)| line.contains(word));
        rules.find_map(|(_, pattern, make)| pattern.captures(line).map(|found| make(&found)))
    }
}

const INVOKED: &str = r"^(?<comm>.*) invoked oom-killer: gfp_mask=(?<mask>\w+)\((?<flags>.*)\), order=(?<order>-?\d+), oom_score_adj=(?<adj>-?\d+)$";
const CPU: &str = r"^CPU: (?<cpu>\d+) (?:UID: (?<uid>\d+) )?PID: (?<pid>\d+) Comm: (?<comm>.*) (?<taint>Not tainted|Tainted: [A-Z ]+) (?<release>\d\S*) (?<build>#\d+)(?: (?<preempt>PREEMPT\S*))? .*$";
const HARDWARE: &str = r"^Hardware name: (?<name>.*)$";
const TRACE_MARK: &str = r"^(?:Call [Tt]race:| </?TASK>)$";
const FRAME: &str = r"^ (?<guess>\? )?(?<text>[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?)$";
const USAGE: &str = r"^(?<what>memory|swap|memory\+swap|kmem): usage (?<usage>\d+)kB, limit (?<limit>\d+)kB, failcnt (?<failcnt>\d+)$";
const TASK: &str = r"^\[ *(?<tid>\d+)\] +(?<uid>\d+) +(?<tgid>\d+) +(?<vm>\d+) +(?<rss>\d+) +(?:\d+ +\d+ +\d+ +)?(?<tables>\d+) +(?<swap>\d+) +(?<adj>-?\d+) (?<name>.*)$";
const SUMMARY: &str = r"^oom-kill:constraint=(?<constraint>\w+),nodemask=(?:\(null\)|(?<nodemask>.*?)),cpuset=(?<cpuset>.*?),mems_allowed=(?<mems>.*?)(?:,oom_memcg=(?<oom_memcg>.*?)|,global_oom),task_memcg=(?<task_memcg>.*?),task=(?<task>.*),pid=(?<pid>\d+),uid=(?<uid>-?\d+)$";
const KILLED: &str = r"^(?<message>.*?): Killed process (?<pid>\d+) \((?<comm>.*)\) total-vm:(?<vm>\d+)kB, anon-rss:(?<anon>\d+)kB, file-rss:(?<file>\d+)kB, shmem-rss:(?<shmem>\d+)kB, UID:(?<uid>\d+) pgtables:(?<tables>\d+)kB oom_score_adj:(?<adj>-?\d+)$";
const GROUP: &str = r"^Tasks in (?<path>.*) are going to be killed due to memory\.oom\.group set$";

/// `PAGE_COUNTER_MAX` pages of 4 KiB: no limit.
const NO_LIMIT_KB: u64 = i64::MAX as u64 / 4096 * 4;

fn usage(found: &Captures<'_>) -> Line {
    let limit_kb = number(found, "limit");
    let usage = Usage {
        usage_kb: number(found, "usage"),
        limit_kb: (limit_kb < NO_LIMIT_KB).then_some(limit_kb),
        failcnt: number(found, "failcnt"),
    };
    match &found["what"] {
        "memory" => Line::Memory(usage),
        "swap" => Line::Swap(usage),
        "memory+swap" => Line::Memsw(usage),
        _ => Line::Kmem(usage),
    }
}

impl From<&Captures<'_>> for Invoked {
    fn from(found: &Captures<'_>) -> Self {
        Self {
            comm: text(&found["comm"]),
            gfp_mask: found["mask"].to_owned(),
            gfp_flags: found["flags"].to_owned(),
            order: number(found, "order"),
            oom_score_adj: number(found, "adj"),
        }
    }
}

impl From<&Captures<'_>> for Cpu {
    fn from(found: &Captures<'_>) -> Self {
        Self {
            cpu: number(found, "cpu"),
            uid: found.name("uid").map(|uid| uid.as_str().parse().unwrap()),
            pid: number(found, "pid"),
            comm: text(&found["comm"]),
            taint: found["taint"].to_owned(),
            release: found["release"].to_owned(),
            build: found["build"].to_owned(),
            preempt: found.name("preempt").map(|model| model.as_str().to_owned()),
        }
    }
}

impl From<&Captures<'_>> for Task {
    fn from(found: &Captures<'_>) -> Self {
        Self {
            tid: number(found, "tid"),
            uid: number(found, "uid"),
            tgid: number(found, "tgid"),
            total_vm: number(found, "vm"),
            rss: number(found, "rss"),
            pgtables_bytes: number(found, "tables"),
            swapents: number(found, "swap"),
            oom_score_adj: number(found, "adj"),
            name: text(&found["name"]),
        }
    }
}

impl From<&Captures<'_>> for Summary {
    fn from(found: &Captures<'_>) -> Self {
        Self {
            constraint: found["constraint"].to_owned(),
            nodemask: found.name("nodemask").map(|nodes| nodes.as_str().to_owned()),
            cpuset: text(&found["cpuset"]),
            mems_allowed: found["mems"].to_owned(),
            oom_memcg: found.name("oom_memcg").map(|path| text(path.as_str())),
            task_memcg: text(&found["task_memcg"]),
            task: text(&found["task"]),
            pid: number(found, "pid"),
            uid: number(found, "uid"),
        }
    }
}

impl From<&Captures<'_>> for Killed {
    fn from(found: &Captures<'_>) -> Self {
        Self {
            message: found["message"].to_owned(),
            pid: number(found, "pid"),
            comm: text(&found["comm"]),
            total_vm_kb: number(found, "vm"),
            anon_rss_kb: number(found, "anon"),
            file_rss_kb: number(found, "file"),
            shmem_rss_kb: number(found, "shmem"),
            uid: number(found, "uid"),
            pgtables_kb: number(found, "tables"),
            oom_score_adj: number(found, "adj"),
        }
    }
}

fn number<N: std::str::FromStr<Err = std::num::ParseIntError>>(
    found: &Captures<'_>,
    name: &str,
) -> N {
    found[name].parse().unwrap()
}

/// The name that `/dev/kmsg` escapes like this, as the agent's JSON has it.
fn text(kmsg: &str) -> String {
    let mut bytes = Vec::new();
    let mut parts = kmsg.split("\\x");
    bytes.extend(parts.next().unwrap().bytes());
    for part in parts {
        let (hex, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    json_text(&bytes)
}
