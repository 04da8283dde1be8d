//! What a record says of the decision, held against the kernel's log.

use std::fs;

use serde_json::{Value, json};

use crate::dump::Dump;
use crate::support::log::line::{Cpu, Invoked, Summary, Usage};

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
