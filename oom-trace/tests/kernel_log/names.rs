//! Names that look like what the kernel prints behind a name, in logs that end anywhere.

use serde_json::Value;

use crate::cut::{excess, told};

/// What a stranger may call a process.
const NAMES: [&str; 30] = [
    "",
    "(",
    ")",
    "()",
    "))",
    "x)",
    "a) b",
    ") x",
    ") total-vm",
    ") total-vm:",
    ") total-vm:8kB",
    ") total-vm:8kB,",
    ") anon-rss:",
    ") anon-rss:1kB,",
    ") vsz:",
    ") vsz:1kB, anon",
    "), UID:",
    "), UID 5",
    "), UID 5, total",
    ") , UID 5, tot",
    ") score 9",
    ") score 9 or sa",
    ") score 9 or a ",
    "), now anon-rss",
    ",pid=1,uid=0",
    "a,pid=1,uid=0,p",
    ",task=,pid=1,ui",
    "a Not tainted 6",
    "6 Not tainted 6",
    "fifteen_letters",
];

/// Each kernel's lines of a kill.
const WORDINGS: [(&str, &[&str]); 7] = [
    (
        "6.12",
        &[
            "NAME invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=7",
            "CPU: 0 UID: 0 PID: 95 Comm: NAME Not tainted 6.12.9 #1",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g,task_memcg=/g/a,task=NAME,pid=95,uid=1000",
            "Memory cgroup out of memory: Killed process 95 (NAME) total-vm:64kB, anon-rss:32kB, file-rss:16kB, shmem-rss:48kB, UID:1000 pgtables:84kB oom_score_adj:-17",
            "oom_reaper: reaped process 95 (NAME), now anon-rss:12kB, file-rss:0kB, shmem-rss:48kB",
        ],
    ),
    (
        "6.12 without a dump",
        &[
            "Out of memory: Killed process 95 (NAME) total-vm:64kB, anon-rss:32kB, file-rss:16kB, shmem-rss:48kB, UID:1000 pgtables:84kB oom_score_adj:-17",
        ],
    ),
    (
        "4.18",
        &[
            "NAME invoked oom-killer: gfp_mask=0x6000c0(GFP_KERNEL), nodemask=(null), order=0, oom_score_adj=7",
            "NAME cpuset=/ mems_allowed=0",
            "CPU: 0 PID: 95 Comm: NAME Not tainted 4.18.9 #1",
            "Task in /g/a killed as a result of limit of /g",
            "Memory cgroup out of memory: Kill process 95 (NAME) score 950 or sacrifice child",
            "Killed process 95 (NAME) total-vm:64kB, anon-rss:32kB, file-rss:16kB, shmem-rss:48kB",
            "oom_reaper: reaped process 95 (NAME), now anon-rss:12kB, file-rss:0kB, shmem-rss:48kB",
        ],
    ),
    (
        "4.6",
        &[
            "Out of memory: Kill process 95 (NAME) score 950 or sacrifice child",
            "Killed process 95 (NAME) total-vm:64kB, anon-rss:32kB, file-rss:16kB, shmem-rss:48kB",
            "oom_reaper: reaped process :95 (NAME) anon-rss:12kB, file-rss:0kB, shmem-rss:48kB",
        ],
    ),
    (
        "Red Hat's 7",
        &[
            "Out of memory: Kill process 95 (NAME) score 950 or sacrifice child",
            "Killed process 95 (NAME), UID 1000, total-vm:64kB, anon-rss:32kB, file-rss:16kB, shmem-rss:48kB",
        ],
    ),
    (
        "Red Hat's 6",
        &[
            "Out of memory: Kill process 95 (NAME) score 950 or sacrifice child",
            "Killed process 95, UID 1000, (NAME) total-vm:64kB, anon-rss:32kB, file-rss:16kB",
        ],
    ),
    (
        "2.6.32",
        &[
            "Out of memory: kill process 95 (NAME) score 950 or a child",
            "Killed process 95 (NAME) vsz:64kB, anon-rss:32kB, file-rss:16kB",
        ],
    ),
];

/// As dmesg has it, or `/dev/kmsg`.
fn log(lines: &[&str], name: &str, is_kmsg: bool) -> Vec<String> {
    let line = |(no, line): (usize, &&str)| {
        let text = line.replace("NAME", name);
        match is_kmsg {
            true => format!("4,{no},{no},-;{text}\n"),
            false => format!("[    1.{no:06}] {text}\n"),
        }
    };
    lines.iter().enumerate().map(line).collect()
}

fn kill(records: &[Value]) -> Option<&Value> {
    records.iter().find(|record| record["type"] == "oom_kill")
}

/// What is told of the log that ends after so many bytes of its line, and is not so.
fn wrong(lines: &[String], no: usize, at: usize, whole: &[Value], name: &str) -> Option<String> {
    let log = [&lines[..no].concat(), &lines[no][..at]].concat();
    let records = told(log.as_bytes());
    let of = |kind: &Value| whole.iter().find(|record| record["type"] == *kind).unwrap();
    let found = records.iter().find_map(|record| excess("", record, of(&record["type"])));
    let line = &lines[no][..at];
    // What another line has of it decides.
    let begins = line.find("Killed process 95").map(|at| at + "Killed process 95 (".len());
    let is_named = kill(whole).is_some_and(|kill| kill["chosen"]["comm"] == name);
    let lacks = || {
        let kill = kill(&records).map(|kill| &kill["victim"]["comm"]);
        let due = is_named && begins.is_some_and(|begins| at >= begins);
        (due && kill != Some(&name.into())).then(|| format!("the name is {kill:?}"))
    };
    Some(format!("{} of {name:?} in …{line:?}", found.or_else(lacks)?))
}

#[test]
fn no_cut_makes_another_name() {
    let mut wrongs = Vec::new();
    for (order, (kernel, lines)) in WORDINGS.into_iter().enumerate() {
        for (no, name) in NAMES.into_iter().enumerate() {
            let lines = log(lines, name, (order + no) % 2 == 0);
            let whole = told(lines.concat().as_bytes());
            let of_whole = kill(&whole).map(|kill| &kill["victim"]);
            let is = |key: &str| of_whole.map(|victim| victim[key].clone());
            if is("comm") != Some(name.into()) || is("tid") != Some(95.into()) {
                wrongs.push(format!("{kernel}: {name:?} is {:?}", is("comm")));
                continue;
            }
            for (no, line) in lines.iter().enumerate() {
                // Around the name, which stands somewhere behind these.
                let begins = ["Comm: ", ",task=", "rocess "].iter().find_map(|it| line.find(it));
                let Some(begins) = begins else { continue };
                let cuts = begins..line.len().min(begins + name.len() + 40);
                let wrong = cuts.filter_map(|at| wrong(&lines, no, at, &whole, name));
                wrongs.extend(wrong.map(|wrong| format!("{kernel}: {wrong}")));
            }
        }
    }
    assert!(wrongs.is_empty(), "{} of it is not so:\n{}", wrongs.len(), wrongs.join("\n"));
}
