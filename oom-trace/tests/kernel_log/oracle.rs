//! What the records of a log must be, by patterns over all its lines.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use crate::dump::{Dump, dumps};
use crate::log::line::{Task, Usage};
use crate::log::{Killed, kills};

/// The text of each line of a copy of `dmesg` or `/dev/kmsg`, with its time in microseconds.
#[derive(Debug, Clone, Copy)]
struct Stamped<'a>(u64, &'a str);

const DMESG: &str = r"^\[ *(\d+)\.(\d{6})\] (.*)$";
const KMSG: &str = r"^\d+,\d+,(\d+),-;(.*)$";
const UNIT: &str = r"/([^/]+\.(?:service|scope))(?:/|$)";
const SLICE: &str = r"/([^/]+\.slice)(?:/|$)";

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

fn stamped(log: &[u8]) -> Vec<Stamped<'_>> {
    static FORMS: LazyLock<[Regex; 2]> = LazyLock::new(|| [pattern(DMESG), pattern(KMSG)]);
    let number = |text: &str| text.parse::<u64>().unwrap();
    let of = |line| {
        if let Some((_, [seconds, micros, text])) = FORMS[0].captures(line).map(|it| it.extract()) {
            return Some(Stamped(number(seconds) * 1_000_000 + number(micros), text));
        }
        let (_, [micros, text]) = FORMS[1].captures(line)?.extract();
        Some(Stamped(number(micros), text))
    };
    str::from_utf8(log).unwrap().lines().filter_map(of).collect()
}

/// The messages of a log.
pub(crate) fn lines(log: &[u8]) -> Vec<String> {
    stamped(log).into_iter().map(|Stamped(_, text)| text.to_owned()).collect()
}

/// The stamp of the first line that says that this process was killed.
fn logged_us(stamped: &[Stamped<'_>], kill: &Killed) -> impl Iterator<Item = u64> {
    let said = format!(": Killed process {} (", kill.pid);
    stamped.iter().filter(move |line| line.1.contains(&said)).map(|line| line.0)
}

fn killed_again(stamped: &[Stamped<'_>], kill: &Killed) -> Vec<Value> {
    let again = logged_us(stamped, kill).skip(1);
    again.map(|us| json!({ "tid": kill.pid, "log_us": us })).collect()
}

/// The records of the one incident in a log.
pub(crate) fn expected(log: &[u8]) -> Vec<Value> {
    let stamped = stamped(log);
    let lines: Vec<String> = stamped.iter().map(|Stamped(_, text)| (*text).to_owned()).collect();
    let [dump] = <[Dump; 1]>::try_from(dumps(&lines)).unwrap();
    let Dump {
        invoked,
        cpu,
        hardware,
        stack,
        memory,
        swap,
        memsw: _,
        kmem: _,
        tasks,
        summary,
        group,
    } = &dump;
    let scope = if summary.oom_memcg.is_some() { "memcg" } else { "global" };
    let boot_ns =
        stamped.iter().find(|line| line.1.contains(" invoked oom-killer: ")).unwrap().0 * 1000;
    let limit = summary.oom_memcg.as_ref().map(|path| {
        let [usage, max, failcnt] = account(memory.as_ref());
        let [swap_usage, swap_max, swap_failcnt] = account(swap.as_ref());
        json!({
            "cgroup": path,
            "usage_bytes": usage,
            "max_bytes": max,
            "failcnt": failcnt,
            "high_bytes": null,
            "low_bytes": null,
            "min_bytes": null,
            "oom_group": null,
            "events": null,
            "swap_usage_bytes": swap_usage,
            "swap_max_bytes": swap_max,
            "swap_failcnt": swap_failcnt,
            "memsw_usage_bytes": null,
            "memsw_max_bytes": null,
            "memsw_failcnt": null,
            "kmem_usage_bytes": null,
            "kmem_max_bytes": null,
            "kmem_failcnt": null,
            "stat": null,
            "ancestors": null,
        })
    });
    let mut victims: Vec<Vec<Killed>> = Vec::new();
    for (_, kill) in kills(&lines) {
        match victims.iter_mut().find(|known| known[0].pid == kill.pid) {
            Some(known) => known.push(kill),
            None => victims.push(vec![kill]),
        }
    }
    let record = |(index, kills): (usize, &Vec<Killed>)| {
        let kill = &kills[0];
        let own = row(tasks, kill.pid);
        json!({
            "schema": 1,
            "type": "oom_kill",
            "incident": format!("log-{boot_ns}-{}", victims[0][0].pid),
            "id": format!("log-{boot_ns}-{}-{}", victims[0][0].pid, kill.pid),
            "time": null,
            "time_guessed": null,
            "boot_ns": boot_ns,
            "boot_id": null,
            "host": null,
            "kernel": cpu.release,
            "source": "kernel_log",
            "scope": scope,
            "outcome": "killed",
            "victim_index": index + 1,
            "victim_count": victims.len(),
            "kill_count": kills.len(),
            "killed_again": killed_again(&stamped, kill),
            "backfilled": false,
            "log_us": logged_us(&stamped, kill).next(),
            "message": kill.message,
            "constraint": summary.constraint,
            "nodemask": summary.nodemask,
            "page_size_bytes": kill.total_vm_kb * 1024 / own.total_vm,
            "totalpages": null,
            "trigger": {
                "pid": row(tasks, cpu.pid).tgid,
                "tid": cpu.pid,
                "comm": invoked.comm,
                "uid": cpu.uid,
                "oom_score_adj": invoked.oom_score_adj,
                "gfp_mask": invoked.gfp_mask,
                "gfp_flags": invoked.gfp_flags.split('|').collect::<Vec<_>>(),
                "order": invoked.order,
                "user_pc": user_pc(&lines),
                "cgroup": null,
                "cpuset": summary.cpuset,
                "mems_allowed": summary.mems_allowed,
            },
            "limit": limit,
            "cpu": cpu.cpu,
            "kernel_version": null,
            "preempt": cpu.preempt,
            "taint": cpu.taint,
            "hardware": hardware,
            "stack": stack,
            "chosen": {
                "tid": summary.pid,
                "comm": summary.task,
                "score": null,
                "uid": summary.uid,
                "cgroup": summary.task_memcg,
            },
            "victim": victim(kills, own, (summary.pid == kill.pid).then_some(&summary.task_memcg)),
            "group": group,
            "candidates": null,
            "census": null,
            "system": null,
            "why": null,
            "shrunk": [],
        })
    };
    victims.iter().enumerate().map(record).collect()
}

/// Where the trigger was in its program.
fn user_pc(lines: &[String]) -> Option<&str> {
    lines.iter().find_map(|line| line.strip_prefix("RIP: 0033:"))
}

/// Usage and limit in bytes, and how often the limit was met.
fn account(line: Option<&Usage>) -> [Option<u64>; 3] {
    let bytes = |kilobytes: u64| kilobytes * 1024;
    [
        line.map(|line| bytes(line.usage_kb)),
        line.and_then(|line| line.limit_kb.map(bytes)),
        line.map(|line| line.failcnt),
    ]
}

fn row(tasks: &[Task], tid: u64) -> &Task {
    tasks.iter().find(|task| task.tid == tid).unwrap()
}

fn victim(kills: &[Killed], row: &Task, cgroup: Option<&String>) -> Value {
    let kill = &kills[0];
    let page_size = kill.total_vm_kb * 1024 / row.total_vm;
    assert_eq!(row.name, kill.comm);
    assert_eq!(row.oom_score_adj, kill.oom_score_adj);
    assert_eq!(row.pgtables_bytes, kill.pgtables_kb * 1024);
    let part = |regex| Some(Regex::new(regex).unwrap().captures(cgroup?)?[1].to_owned());
    json!({
        "pid": row.tgid,
        "tid": kill.pid,
        "ns_pid": null,
        "comm": kill.comm,
        "uid": kill.uid,
        "gid": null,
        "ppid": null,
        "parent_comm": null,
        "oom_score_adj": kill.oom_score_adj,
        "badness": null,
        "threads": null,
        "started": null,
        "age_ms": null,
        "exe": null,
        "argv": null,
        "argv_cut": null,
        "user": null,
        "login_uid": null,
        "login_user": null,
        "parents": null,
        "memory": memory(kill, Some(row.swapents * page_size)),
        "memory_logged": kills.iter().map(|kill| memory(kill, None)).collect::<Vec<_>>(),
        "cgroup": cgroup.map(|path| json!({"path": path, "id": null})),
        "unit": part(UNIT),
        "slice": part(SLICE),
        "container": null,
        "pod": null,
        "job": null,
        "app": null,
        "shares_mm": null,
    })
}

fn memory(kill: &Killed, swap_bytes: Option<u64>) -> Value {
    json!({
        "total_vm_bytes": kill.total_vm_kb * 1024,
        "anon_rss_bytes": kill.anon_rss_kb * 1024,
        "file_rss_bytes": kill.file_rss_kb * 1024,
        "shmem_rss_bytes": kill.shmem_rss_kb * 1024,
        "swap_bytes": swap_bytes,
        "pgtables_bytes": kill.pgtables_kb * 1024,
    })
}
