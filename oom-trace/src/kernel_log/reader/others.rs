//! Kills that were not the kernel's, and programs that ran out of memory by themselves: a line each.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::find::Spoken;
use super::words::Words;
use crate::incident::model::{Origin, Record, SCHEMA, Source, UserAction, UserKill, UserKillType};
use crate::kernel_log::scan;
use crate::text::KernelText;

/// One program's words. Groups: `signal`, `pid`, `comm`, `uid`, `cgroup`, `pod`, `mib`, `kib`, `bytes`,
/// `swap` (in KiB).
struct Program {
    by: &'static str,
    action: UserAction,
    /// What such a line has.
    has: &'static str,
    pattern: &'static str,
}

/// The driver that kernels for Android had up to 4.11: it is the kernel.
const LOWMEMORYKILLER: &str = "lowmemorykiller";

/// Add a program here.
const PROGRAMS: [Program; 19] = [
    Program {
        by: "earlyoom",
        action: UserAction::Killed,
        has: "sending SIG",
        pattern: r#"sending (?<signal>SIG[A-Z]+) to process (?<pid>\d+)(?: uid (?<uid>\d+))? "(?<comm>[^"]*)"(?:.*?VmRSS (?<mib>\d+) MiB)?"#,
    },
    Program {
        by: "earlyoom",
        action: UserAction::Killed,
        has: "earlyoom",
        pattern: r"earlyoom(?:\[\d+\])?: Killing process '(?<comm>[^']*)' with signal \d+, pid: (?<pid>\d+)(?:.*?VmRSS: (?<mib>\d+) MiB)?",
    },
    Program {
        by: "earlyoom",
        action: UserAction::Killed,
        has: "illing process ",
        pattern: r#"killing process (?<pid>\d+) "(?<comm>[^"]*)" with signal \d+: badness \d+, VmRSS (?<mib>\d+) MiB"#,
    },
    Program {
        by: "systemd-oomd",
        action: UserAction::Killed,
        has: " due to memory",
        pattern: r"Killed (?<cgroup>/\S*) due to memory",
    },
    Program {
        by: "systemd-oomd",
        action: UserAction::Killed,
        has: "systemd-oomd killed",
        pattern: r"(?<cgroup>\S+): systemd-oomd killed \d+ process",
    },
    Program {
        by: "nohang",
        action: UserAction::Killed,
        has: "to the victim",
        pattern: r"(?i)send(?:ing)? \[?(?<signal>SIG[A-Z]+)\]? to the victim(?:.*?pid[:=]? *(?<pid>\d+))?(?:.*?name[:=]? *(?<comm>[^,;)]+))?",
    },
    Program {
        by: "oomd",
        action: UserAction::Killed,
        has: "oomd kill: ",
        pattern: r"oomd kill: (?:[\d.]+ )+(?<cgroup>\S+) (?<bytes>\d+) ",
    },
    Program {
        by: LOWMEMORYKILLER,
        action: UserAction::Killed,
        has: "lowmemorykiller: ",
        pattern: r"lowmemorykiller: (?:Killing|send sigkill to) (?:'(?<comm>[^']+)'|\d+) \((?:(?<pid>\d+)|[^)]*)\),? (?:\(tgid \d+\), )?(?:score_)?adj(?:.*?to free (?<kib>\d+)kB)?",
    },
    Program {
        by: "lmkd",
        action: UserAction::Killed,
        has: "lowmemorykiller",
        pattern: r"lowmemorykiller\s*: Kill(?:ing)? '(?<comm>[^']+)' \((?<pid>\d+)\)(?:.*?uid (?<uid>\d+))?(?:.*?to free (?<kib>\d+)kB(?: rss)?(?:, (?<swap>\d+)kB swap)?)?",
    },
    Program {
        by: "lmkd",
        action: UserAction::Killed,
        has: "lmkd",
        pattern: r"lmkd\s*: Kill(?:ing)? '(?<comm>[^']+)' \((?<pid>\d+)\)(?:.*?uid (?<uid>\d+))?(?:.*?to free (?<kib>\d+)kB(?: rss)?(?:, (?<swap>\d+)kB swap)?)?",
    },
    Program {
        by: "talos",
        action: UserAction::Killed,
        has: "OOM",
        pattern: r"(?i)(?:Sending (?<signal>SIG[A-Z]+) to|victim|triggered).*runtime\.OOMController|runtime\.OOMController.*(?:Sending|victim|triggered)",
    },
    Program {
        by: "kubelet",
        action: UserAction::Evicted,
        has: "evicted successfully",
        pattern: r#"pod(?: is)? ?(?:(?<pod>\S+) is)? ?evicted successfully"?(?: pod="(?<comm>[^"]+)")?"#,
    },
    Program {
        by: "kubelet",
        action: UserAction::Evicted,
        has: "low on resource: memory",
        pattern: r"The node was low on resource: memory",
    },
    Program {
        by: "java",
        action: UserAction::RanOut,
        has: "java.lang.OutOfMemoryError",
        pattern: r"java\.lang\.OutOfMemoryError",
    },
    Program {
        by: "node",
        action: UserAction::RanOut,
        has: "heap out of memory",
        pattern: r"FATAL ERROR: .*JavaScript heap out of memory",
    },
    Program {
        by: "go",
        action: UserAction::RanOut,
        has: "fatal error: ",
        pattern: r"fatal error: (?:runtime: )?(?:out of memory|cannot allocate memory)",
    },
    Program {
        by: "c++",
        action: UserAction::RanOut,
        has: "std::bad_alloc",
        pattern: r"terminate called after throwing an instance of 'std::bad_alloc'|what\(\):\s+std::bad_alloc",
    },
    Program {
        by: "python",
        action: UserAction::RanOut,
        has: "MemoryError",
        pattern: r"(?:^|\s|\.|_)(?:Array)?MemoryError(?::|\s*$)",
    },
    Program {
        by: "rust",
        action: UserAction::RanOut,
        has: "memory allocation of",
        pattern: r"memory allocation of (?<bytes>\d+) bytes failed",
    },
];

/// What any such line has.
static HAVE: LazyLock<Words> =
    LazyLock::new(|| Words::new(PROGRAMS.iter().map(|program| program.has)));

static PATTERNS: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| PROGRAMS.iter().map(|program| of_bytes(program.pattern)).collect());

fn of_bytes(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// The record of such a line.
pub(super) fn record(line: &[u8], spoken: &Spoken) -> Option<Record> {
    if !HAVE.are_in(line) {
        return None;
    }
    let mut all = PROGRAMS.iter().zip(PATTERNS.iter());
    let (words, found) = all.find_map(|(words, pattern)| {
        scan::find(line, words.has.as_bytes())?;
        Some((words, pattern.as_ref()?.captures(line)?))
    })?;
    let text = |name: &str| found.name(name).map(|it| KernelText::from(it.as_bytes()));
    let number = |name: &str| number(&found, name);
    let stamp = spoken.stamp;
    let pid = number("pid").and_then(|pid| u32::try_from(pid).ok());
    let when = stamp.boot_ns.map(i128::from).or(stamp.time.map(|time| time.as_nanosecond()));
    // Without a time, its place in the log names it.
    let incident = match when {
        Some(when) => format!("log-{when}-{}", pid.map_or(spoken.line, u64::from)),
        None => format!("log-{}", spoken.line),
    };
    let string =
        |name: &str| found.name(name).and_then(|it| String::from_utf8(it.as_bytes().into()).ok());
    let is_eviction = words.action == UserAction::Evicted;
    Some(Record::UserKill(Box::new(UserKill {
        schema: SCHEMA,
        kind: UserKillType::UserKill,
        incident,
        origin: Origin {
            time: stamp.time,
            time_guessed: stamp.time.and_then(|_| stamp.guessed.told()),
            boot_ns: stamp.boot_ns,
            boot_id: spoken.boot_id.clone(),
            host: spoken.host.clone(),
            kernel: None,
        },
        source: Source::Log,
        by: words.by.to_owned(),
        action: words.action,
        signal: string("signal"),
        pid,
        comm: text("comm").filter(|_| !is_eviction),
        uid: number("uid").and_then(|uid| u32::try_from(uid).ok()),
        cgroup: text("cgroup"),
        pod: string("pod").or_else(|| string("comm").filter(|_| is_eviction)),
        rss_bytes: number("mib")
            .and_then(|mib| mib.checked_mul(1 << 20))
            .or_else(|| number("kib")?.checked_mul(1024))
            .or_else(|| number("bytes")),
        swap_bytes: number("swap").and_then(|kib| kib.checked_mul(1024)),
        message: KernelText::from(spoken.text.trim_ascii()),
    })))
}

fn number(found: &Captures<'_>, name: &str) -> Option<u64> {
    str::from_utf8(found.name(name)?.as_bytes()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::reader::clock::Zone;
    use crate::kernel_log::reader::find::Finder;
    use crate::kernel_log::reader::words::OF_INTEREST;

    fn read(line: &str) -> Option<UserKill> {
        let zone = Zone::utc();
        let spoken = Finder::new(&zone).find(7, line.as_bytes(), false, false);
        match record(line.as_bytes(), &spoken)? {
            Record::UserKill(kill) => Some(*kill),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_programs_words() {
        for (line, by, pid, place) in [
            (
                r#"Jun 12 06:39:16 host earlyoom[397]: sending SIGTERM to process 696 uid 1001 "ipfs": badness 757, VmRSS 637 MiB"#,
                "earlyoom",
                Some(696),
                "",
            ),
            (
                "Jun 12 06:39:16 h earlyoom[3]: Killing process 'tail' with signal 15, pid: 24059, badness: 997, VmRSS: 4278 MiB",
                "earlyoom",
                Some(24059),
                "",
            ),
            (
                r#"Jun 12 06:39:16 h earlyoom[3]: killing process 2754 "bash" with signal 15: badness 550, VmRSS 7609 MiB"#,
                "earlyoom",
                Some(2754),
                "",
            ),
            (
                "Jun 12 06:39:16 h systemd-oomd[1]: Killed /user.slice/a.scope due to memory pressure for /user.slice being 61.23% > 50.00% for > 30s with reclaim activity",
                "systemd-oomd",
                None,
                "/user.slice/a.scope",
            ),
            (
                "Jun 12 06:39:16 h systemd[1]: a.service: systemd-oomd killed 12 process(es) in this unit.",
                "systemd-oomd",
                None,
                "a.service",
            ),
            (
                "Jun 12 06:39:16 h oomd[1]: oomd kill: 61.23 41.16 4.17 system.slice/a.service 41943040 ruleset:[x]",
                "oomd",
                None,
                "system.slice/a.service",
            ),
            (
                "10-24 14:24:26.342   710   710 I lowmemorykiller: Kill 'com.a' (17933), uid 10446, oom_score_adj 0 to free 140528kB rss, 37404kB swap; reason: x",
                "lmkd",
                Some(17933),
                "",
            ),
            (
                "lowmemorykiller: Killing 'a' (12), adj 906, to free 8kB on behalf of 'kswapd0' (65)",
                LOWMEMORYKILLER,
                Some(12),
                "",
            ),
            (
                r#"I0101 00:00:00.000000 1 eviction_manager.go:600] "Eviction manager: pod is evicted successfully" pod="default/web-1""#,
                "kubelet",
                None,
                "default/web-1",
            ),
            (
                "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space",
                "java",
                None,
                "",
            ),
            (
                "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
                "node",
                None,
                "",
            ),
            ("fatal error: runtime: out of memory", "go", None, ""),
            ("MemoryError", "python", None, ""),
            (
                "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 8 GiB",
                "python",
                None,
                "",
            ),
        ] {
            let kill = read(line).unwrap_or_else(|| panic!("{line}"));
            assert!(OF_INTEREST.are_in(line.as_bytes()), "{line}");
            let where_ = kill.cgroup.map(|it| it.to_string()).or(kill.pod).unwrap_or_default();
            assert_eq!((&*kill.by, kill.pid, &*where_), (by, pid, place), "{line}");
        }
        for other in [
            "Out of memory: Killed process 7 (a) total-vm:8kB",
            "oom_reaper: reaped process 7 (a), now anon-rss:0kB",
            "Jun 12 06:39:16 host earlyoom[397]: kill failed: Timer expired",
        ] {
            assert!(read(other).is_none(), "{other}");
        }
    }
}
