//! What the kernel logged of a kill, taken apart. It shares no code with the agent.

use regex::{Captures, Regex};

/// A line of the kernel's log that the agent's `kernel` format has as well.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Line {
    Invoked(Invoked),
    Summary(Summary),
    Killed(Killed),
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

const INVOKED: &str = r"^(?<comm>.*) invoked oom-killer: gfp_mask=(?<mask>\w+)\((?<flags>.*)\), order=(?<order>-?\d+), oom_score_adj=(?<adj>-?\d+)$";
const SUMMARY: &str = r"^oom-kill:constraint=(?<constraint>\w+),nodemask=(?:\(null\)|(?<nodemask>.*?)),cpuset=(?<cpuset>.*?),mems_allowed=(?<mems>.*?)(?:,oom_memcg=(?<oom_memcg>.*?)|,global_oom),task_memcg=(?<task_memcg>.*?),task=(?<task>.*),pid=(?<pid>\d+),uid=(?<uid>-?\d+)$";
const KILLED: &str = r"^(?<message>.*?): Killed process (?<pid>\d+) \((?<comm>.*)\) total-vm:(?<vm>\d+)kB, anon-rss:(?<anon>\d+)kB, file-rss:(?<file>\d+)kB, shmem-rss:(?<shmem>\d+)kB, UID:(?<uid>\d+) pgtables:(?<tables>\d+)kB oom_score_adj:(?<adj>-?\d+)$";

/// The lines that the agent's `kernel` format has as well, each with its text.
pub(crate) fn of_the_oom_killer(lines: &[String]) -> Vec<(String, Line)> {
    let patterns = [INVOKED, SUMMARY, KILLED].map(|pattern| Regex::new(pattern).unwrap());
    let [invoked, summary, killed] = &patterns;
    let parse = |line: &String| {
        let parsed = if let Some(found) = invoked.captures(line) {
            Line::Invoked(Invoked::from(found))
        } else if let Some(found) = summary.captures(line) {
            Line::Summary(Summary::from(found))
        } else {
            Line::Killed(Killed::from(killed.captures(line)?))
        };
        Some((line.clone(), parsed))
    };
    lines.iter().filter_map(parse).collect()
}

/// The `Killed process` lines among them.
pub(crate) fn kills(lines: &[String]) -> Vec<(String, Killed)> {
    let lines = of_the_oom_killer(lines).into_iter();
    lines
        .filter_map(|(text, line)| match line {
            Line::Killed(killed) => Some((text, killed)),
            Line::Invoked(_) | Line::Summary(_) => None,
        })
        .collect()
}

impl From<Captures<'_>> for Invoked {
    fn from(found: Captures<'_>) -> Self {
        Self {
            comm: json_text(&found["comm"]),
            gfp_mask: found["mask"].to_owned(),
            gfp_flags: found["flags"].to_owned(),
            order: found["order"].parse().unwrap(),
            oom_score_adj: found["adj"].parse().unwrap(),
        }
    }
}

impl From<Captures<'_>> for Summary {
    fn from(found: Captures<'_>) -> Self {
        Self {
            constraint: found["constraint"].to_owned(),
            nodemask: found.name("nodemask").map(|nodes| nodes.as_str().to_owned()),
            cpuset: json_text(&found["cpuset"]),
            mems_allowed: found["mems"].to_owned(),
            oom_memcg: found.name("oom_memcg").map(|path| json_text(path.as_str())),
            task_memcg: json_text(&found["task_memcg"]),
            task: json_text(&found["task"]),
            pid: found["pid"].parse().unwrap(),
            uid: found["uid"].parse().unwrap(),
        }
    }
}

impl From<Captures<'_>> for Killed {
    fn from(found: Captures<'_>) -> Self {
        let number = |name: &str| found[name].parse().unwrap();
        Self {
            message: found["message"].to_owned(),
            pid: number("pid"),
            comm: json_text(&found["comm"]),
            total_vm_kb: number("vm"),
            anon_rss_kb: number("anon"),
            file_rss_kb: number("file"),
            shmem_rss_kb: number("shmem"),
            uid: number("uid"),
            pgtables_kb: number("tables"),
            oom_score_adj: found["adj"].parse().unwrap(),
        }
    }
}

/// The name that `/dev/kmsg` escapes like this, as the agent's JSON has it: UTF-8, and `\xNN` for
/// each byte that is none.
fn json_text(kmsg: &str) -> String {
    let mut bytes = Vec::new();
    let mut parts = kmsg.split("\\x");
    bytes.extend(parts.next().unwrap().bytes());
    for part in parts {
        let (hex, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).unwrap());
        bytes.extend(rest.bytes());
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}
