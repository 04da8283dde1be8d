//! What a record says of the decision, held against the kernel's log.

use std::cmp::Reverse;
use std::fs;

use serde_json::{Value, json};

use crate::dump::Dump;
use crate::support::log::line::{Cpu, Invoked, Summary, Task, Usage};
use crate::watch::PAGE;

/// How many candidates the agent tells of.
const TOP: usize = 10;

/// All that is said of the decision.
pub(crate) fn assert_decided(record: &Value, dump: &Dump) {
    assert_chosen(record, dump);
    assert_limit(&record["limit"], dump);
    // A row is of the process, and its swap is what the log has nowhere else.
    let row = dump.tasks.iter().find(|task| record["victim"]["pid"] == task.tgid);
    let logged = &record["victim"]["memory_logged"][0];
    if let Some(row) = row.filter(|_| !logged.is_null()) {
        assert_eq!(logged["swap_bytes"], row.swapents * 4096, "{record:#}");
    }
}

/// As [`assert_decided`], but for what others change while the kernel writes.
pub(crate) fn assert_chosen(record: &Value, dump: &Dump) {
    let Dump { invoked, cpu, hardware, stack, summary, group, .. } = dump;
    assert_invoked(record, invoked);
    assert_cpu(record, cpu);
    assert_eq!(record["hardware"], hardware.as_str(), "{record:#}");
    assert_eq!(record["stack"], json!(stack), "{record:#}");
    assert_summary(record, summary);
    assert_eq!(record["group"], json!(group), "{record:#}");
}

/// What a dump says of the shortage itself, as far as it is told by nobody else.
pub(crate) fn assert_told(record: &Value, dump: &Dump) {
    assert_invoked(record, &dump.invoked);
    assert_summary(record, &dump.summary);
    assert_limit(&record["limit"], dump);
}

fn assert_invoked(record: &Value, invoked: &Invoked) {
    let Invoked { comm, gfp_mask, gfp_flags, order, oom_score_adj } = invoked;
    let trigger = &record["trigger"];
    assert_eq!(trigger["comm"], comm.as_str(), "{record:#}");
    assert_eq!(trigger["gfp_mask"], gfp_mask.as_str(), "{record:#}");
    assert_eq!(trigger["gfp_flags"], json!(gfp_flags.split('|').collect::<Vec<_>>()), "{record:#}");
    assert_eq!(trigger["order"], *order, "{record:#}");
    assert_eq!(trigger["oom_score_adj"], *oom_score_adj, "{record:#}");
}

fn assert_cpu(record: &Value, line: &Cpu) {
    let Cpu { cpu, uid, pid, comm, taint, release, build, preempt: _ } = line;
    let trigger = &record["trigger"];
    assert_eq!(record["cpu"], *cpu, "{record:#}");
    assert_eq!(trigger["tid"], *pid, "{record:#}");
    assert!(uid.is_none_or(|uid| trigger["uid"] == uid), "{record:#}");
    assert_eq!(trigger["comm"], comm.as_str(), "{record:#}");
    assert_eq!(record["taint"], taint.as_str(), "{record:#}");
    assert_eq!(record["kernel"], release.as_str(), "{record:#}");
    let version = fs::read_to_string("/proc/sys/kernel/version").unwrap();
    assert_eq!(record["kernel_version"], version.trim_end(), "{record:#}");
    assert!(version.starts_with(build.as_str()), "{record:#}");
}

fn assert_limit(limit: &Value, dump: &Dump) {
    let Dump { memory, swap, memsw, kmem, .. } = dump;
    let kinds = [("", memory), ("swap_", swap), ("memsw_", memsw), ("kmem_", kmem)];
    for (kind, logged) in kinds {
        let bytes = |kb: u64| kb * 1024;
        let usage = logged.as_ref().map(|Usage { usage_kb, .. }| bytes(*usage_kb));
        let max = logged.as_ref().and_then(|Usage { limit_kb, .. }| limit_kb.map(bytes));
        let failcnt = logged.as_ref().map(|Usage { failcnt, .. }| *failcnt);
        for (key, logged) in [("usage_bytes", usage), ("max_bytes", max), ("failcnt", failcnt)] {
            let key = format!("{kind}{key}");
            assert_eq!(limit[&key], json!(logged), "{key}: {limit:#}, {dump:#?}");
        }
    }
}

/// The kernel's table of tasks has those that it weighed, each with what it was weighed by.
pub(crate) fn assert_weighed(record: &Value, rows: &[Task]) {
    let candidates = &record["candidates"];
    if record["message"] == "Out of memory (oom_kill_allocating_task)" {
        assert!(candidates.is_null(), "{record:#}");
        return;
    }
    assert_eq!(candidates["total"], rows.len(), "{rows:#?}: {record:#}");
    let totalpages = record["totalpages"].as_i64().unwrap();
    let badness = |row: &Task| {
        let held = row.rss + row.swapents + row.pgtables_bytes / PAGE;
        held.cast_signed() + row.oom_score_adj * (totalpages / 1000)
    };
    let top = candidates["top"].as_array().unwrap();
    let largest = &candidates["largest"];
    for candidate in top.iter().chain([largest]) {
        let row = rows.iter().find(|row| candidate["tid"] == row.tid).unwrap();
        let memory = |key: &str| candidate["memory"][key].as_u64().unwrap();
        let rss = ["anon_rss_bytes", "file_rss_bytes", "shmem_rss_bytes"].map(memory);
        assert_eq!(candidate["pid"], row.tgid, "{candidate:#}");
        assert_eq!(candidate["comm"], row.name.as_str(), "{candidate:#}");
        assert_eq!(rss.iter().sum::<u64>(), row.rss * PAGE, "{row:?}: {candidate:#}");
        assert_eq!(memory("total_vm_bytes"), row.total_vm * PAGE, "{row:?}: {candidate:#}");
        assert_eq!(memory("swap_bytes"), row.swapents * PAGE, "{row:?}: {candidate:#}");
        assert_eq!(memory("pgtables_bytes"), row.pgtables_bytes, "{row:?}: {candidate:#}");
        assert_eq!(candidate["oom_score_adj"], row.oom_score_adj, "{row:?}: {candidate:#}");
        let may_die = row.oom_score_adj != -1000;
        assert_eq!(candidate["badness"], json!(may_die.then(|| badness(row))), "{row:?}");
    }
    let mut worst: Vec<_> =
        rows.iter().filter(|row| row.oom_score_adj != -1000).map(badness).collect();
    worst.sort_unstable_by_key(|points| Reverse(*points));
    worst.truncate(TOP);
    let points: Vec<_> = top.iter().map(|it| it["badness"].as_i64().unwrap()).collect();
    assert_eq!(points, worst, "{rows:#?}: {record:#}");
    let most = rows.iter().map(|row| row.rss + row.swapents + row.pgtables_bytes / PAGE).max();
    let row = rows.iter().find(|row| largest["tid"] == row.tid).unwrap();
    assert_eq!(Some(row.rss + row.swapents + row.pgtables_bytes / PAGE), most, "{rows:#?}");
    // The chosen one is the first of them, and its points are the kernel's own.
    assert_eq!(top[0]["pid"], record["victim"]["pid"], "{record:#}");
    assert_eq!(top[0]["badness"], record["victim"]["badness"], "{record:#}");
}

fn assert_summary(record: &Value, summary: &Summary) {
    let Summary { constraint, nodemask, cpuset, mems_allowed, oom_memcg, .. } = summary;
    let Summary { task_memcg, task, pid, uid, .. } = summary;
    assert_eq!(record["constraint"], constraint.as_str(), "{record:#}");
    assert_eq!(record["nodemask"], json!(nodemask), "{record:#}");
    assert_eq!(record["trigger"]["cpuset"], cpuset.as_str(), "{record:#}");
    assert_eq!(record["trigger"]["mems_allowed"], mems_allowed.as_str(), "{record:#}");
    let scope = match (record["trigger"]["order"].as_i64(), constraint.as_str()) {
        (Some(-1), _) => "sysrq",
        (_, "CONSTRAINT_MEMCG") => "memcg",
        (_, "CONSTRAINT_CPUSET") => "cpuset",
        (_, "CONSTRAINT_MEMORY_POLICY") => "mempolicy",
        _ => "global",
    };
    assert_eq!(record["scope"], scope, "{record:#}");
    assert_eq!(record["limit"]["cgroup"], json!(oom_memcg), "{record:#}");
    let chosen = json!({ "tid": pid, "comm": task, "uid": uid, "cgroup": task_memcg });
    assert_eq!(record["chosen"], chosen, "{record:#}");
}
