//! What is known of a kill: each key of a record, so that pages and blocks have all of their parts.

use serde_json::{Value, json};

use super::{BASE, Kill, boot_id, place};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn memory(mib: u64) -> Value {
    json!({
        "total_vm_bytes": (mib * 2 + 180) * MIB, "anon_rss_bytes": mib * MIB - mib * MIB / 16,
        "file_rss_bytes": mib * MIB / 16, "shmem_rss_bytes": 0, "swap_bytes": 0,
        "pgtables_bytes": (mib / 256 + 1) * MIB / 2,
    })
}

fn sum(processes: u64, mib: u64, largest: (u32, u64), adj: (i16, i16)) -> Value {
    json!({
        "processes": processes, "unkillable": 0, "rss_bytes": mib * MIB, "memory": memory(mib),
        "largest_pid": largest.0, "largest_bytes": largest.1 * MIB,
        "min_oom_score_adj": adj.0, "max_oom_score_adj": adj.1,
    })
}

impl Kill {
    pub(super) fn second(&self) -> u64 {
        let (days, hours, minutes) = self.after;
        days * 86_400 + hours * 3600 + minutes * 60 + u64::from(self.pid % 60)
    }

    /// What may be used: of the limit, or of the machine.
    fn whole(&self) -> u64 {
        if self.limit.is_empty() { 15_800 * MIB } else { self.limit_mib * MIB }
    }

    fn badness(&self, mib: u64, adj: i16) -> i64 {
        let pages = i64::try_from((mib * MIB + (mib / 256 + 1) * MIB / 2) / 4096).unwrap();
        pages + i64::from(adj) * i64::try_from(self.whole() / 4096).unwrap() / 1000
    }

    pub(super) fn told(&self) -> Value {
        let mut told = BASE.clone();
        place(&mut told, self.host, self.second());
        told["incident"] = format!("{}-{}", &boot_id(self.host)[..8], self.second() * 1000).into();
        told["log_us"] = (self.second() * 1_000_000).into();
        told["source"] = "kprobe".into();
        told["hardware"] = "Supermicro X12, BIOS 1.9 06/11/2024".into();
        told["totalpages"] = (self.whole() / 4096).into();
        told["system"] = self.system();
        told["chosen"] = Value::Null;
        self.tell_trigger(&mut told["trigger"]);
        self.tell_victim(&mut told["victim"]);
        told["candidates"] = self.candidates();
        told["census"] = self.census();
        if self.limit.is_empty() {
            told["scope"] = "global".into();
            told["constraint"] = "CONSTRAINT_NONE".into();
            told["message"] = "Out of memory".into();
            told["limit"] = Value::Null;
        } else {
            told["limit"] = self.limit();
        }
        told
    }

    fn tell_trigger(&self, trigger: &mut Value) {
        let is_same = self.trigger == self.comm;
        (trigger["pid"], trigger["tid"]) = match is_same {
            true => (self.pid.into(), self.pid.into()),
            false => ((self.pid + 3).into(), (self.pid + 3).into()),
        };
        trigger["comm"] = self.trigger.into();
        trigger["uid"] = self.uid.into();
        trigger["oom_score_adj"] = self.adj.into();
        trigger["cgroup"] = self.cgroup.into();
        trigger["cpuset"] = "/".into();
    }

    fn tell_victim(&self, victim: &mut Value) {
        (victim["pid"], victim["tid"]) = (self.pid.into(), self.pid.into());
        victim["comm"] = self.comm.into();
        (victim["uid"], victim["gid"]) = (self.uid.into(), self.uid.into());
        victim["user"] = match self.uid {
            33 => "www-data",
            26 => "postgres",
            _ => "app",
        }
        .into();
        (victim["ppid"], victim["parent_comm"]) = (1.into(), "systemd".into());
        victim["parents"] = json!([{ "pid": 1, "comm": "systemd" }]);
        victim["oom_score_adj"] = self.adj.into();
        victim["badness"] = self.badness(self.held_mib, self.adj).into();
        victim["threads"] = 8.into();
        victim["age_ms"] = 5_400_000.into();
        (victim["exe"], victim["argv"]) = (self.argv[0].into(), self.argv.into());
        victim["argv_cut"] = false.into();
        victim["memory"] = memory(self.held_mib);
        victim["memory_logged"] = json!([]);
        victim["cgroup"] = json!({ "path": self.cgroup, "id": 4711 });
        victim["unit"] = match self.cgroup.rsplit('/').next() {
            Some(unit) if unit.ends_with(".service") => unit.into(),
            _ => Value::Null,
        };
        if self.host == "node-a" {
            victim["ns_pid"] = 1.into();
            victim["container"] = json!({
                "id": "4f1a6d0b9c2e8a7f5d3c1b0e9f8a7d6c5b4e3f2a1d0c9b8e7f6a5d4c3b2e1f0a",
                "runtime": "containerd", "name": "checkout",
            });
            victim["pod"] = json!({
                "uid": "7c6e5a0c-0f0b-4f0e-9d0a-6d1b0c9f2a11", "namespace": "shop",
                "name": "checkout-7d9c", "container": "checkout", "qos": "burstable",
            });
        }
    }

    /// Those that were weighed, with what they hold.
    fn weighed(&self) -> Vec<(u32, &str, u64, i16)> {
        let victim = (self.pid, self.comm, self.held_mib, self.adj);
        let others =
            (1..).zip(self.others).map(|(n, (comm, mib, adj))| (self.pid + n, *comm, *mib, *adj));
        [victim].into_iter().chain(others).collect()
    }

    fn candidates(&self) -> Value {
        let candidate = |&(pid, comm, mib, adj): &(u32, &str, u64, i16)| {
            json!({
                "pid": pid, "tid": pid, "comm": comm, "uid": self.uid, "cgroup": self.cgroup,
                "memory": memory(mib), "rss_bytes": mib * MIB, "oom_score_adj": adj,
                "badness": self.badness(mib, adj),
            })
        };
        let weighed = self.weighed();
        let mut top: Vec<_> = weighed.iter().filter(|it| it.3 > -1000).map(candidate).collect();
        top.sort_by_key(|it| -it["badness"].as_i64().unwrap());
        let margin = top[0]["badness"].as_i64().unwrap() - top[1]["badness"].as_i64().unwrap();
        json!({
            "total": weighed.len(), "largest": candidate(&weighed[0]), "margin": margin,
            "decided_by_adj": false, "top": top,
        })
    }

    fn census(&self) -> Value {
        let weighed = self.weighed();
        let mut by_name: Vec<Value> = Vec::new();
        for &(pid, comm, _, adj) in &weighed {
            if by_name.iter().any(|group| group["comm"] == comm) {
                continue;
            }
            let same = || weighed.iter().filter(|it| it.1 == comm).map(|it| it.2);
            let (mib, largest) = (same().sum(), same().max().unwrap());
            let mut group = sum(same().count() as u64, mib, (pid, largest), (adj, adj));
            group["comm"] = comm.into();
            by_name.push(group);
        }
        let all = weighed.iter().map(|it| it.2).sum();
        let total = sum(weighed.len() as u64, all, (self.pid, self.held_mib), (-998, self.adj));
        json!({
            "total": total, "by_name": by_name, "other_names": null, "by_cgroup": null,
            "other_cgroups": null,
        })
    }

    fn limit(&self) -> Value {
        let level = |cgroup: &str, usage: u64, max: Option<u64>| {
            let mut level = BASE["limit"].clone();
            level["cgroup"] = cgroup.into();
            (level["usage_bytes"], level["max_bytes"]) = (usage.into(), max.into());
            level["failcnt"] = if cgroup == self.limit { 214 } else { 0 }.into();
            level["swap_usage_bytes"] = 0.into();
            level["stat"] = Value::Null;
            level
        };
        let mut limit = level(self.limit, self.whole(), Some(self.whole()));
        let used = self.weighed().iter().map(|it| it.2).sum::<u64>() * MIB;
        let cache = (self.whole() / 100 * 3).min(self.whole().saturating_sub(used));
        limit["stat"] = json!({
            "anon": used.min(self.whole()) - used / 16, "file": cache + used / 16, "shmem": 0, "kernel": 6 * MIB,
            "pagetables": 2 * MIB, "slab": 3 * MIB, "inactive_file": cache,
        });
        let mut above = Vec::new();
        let mut path = self.limit;
        while let Some((parent, _)) = path.rsplit_once('/') {
            path = parent;
            let name = if parent.is_empty() { "/" } else { parent };
            let max = (name == "/kubepods.slice").then_some(14 * GIB);
            above.push(level(name, self.whole() + (above.len() as u64 + 1) * 700 * MIB, max));
        }
        limit["ancestors"] = above.into();
        limit
    }

    fn system(&self) -> Value {
        let (free, available) = if self.limit.is_empty() { (61, 92) } else { (2100, 6400) };
        json!({
            "taken_after_ms": 2, "total_bytes": 15_900 * MIB, "free_bytes": free * MIB,
            "available_bytes": available * MIB, "page_cache_bytes": 90 * MIB + available * MIB / 2,
            "slab_bytes": 310 * MIB, "slab_unreclaimable_bytes": 120 * MIB, "shmem_bytes": 44 * MIB,
            "page_tables_bytes": 61 * MIB, "swap_total_bytes": 0, "swap_free_bytes": 0,
            "commit_limit_bytes": 7_950 * MIB, "committed_bytes": 14_200 * MIB, "overcommit_memory": 0,
            "panic_on_oom": 0,
            "pressure_some": { "avg10": 18.4, "avg60": 6.2, "avg300": 1.4 },
            "pressure_full": { "avg10": 11.0, "avg60": 3.1, "avg300": 0.7 },
            "nodes": null, "zones": null, "node_counters": null, "huge_pages": null, "counters": null,
            "unreclaimable_slabs": null, "allocations": null, "protection": null,
        })
    }

    pub(super) fn end(&self, kill: &Value) -> Value {
        let mut end = json!({
            "schema": 1, "type": "oom_exit", "incident": kill["incident"], "source": "kprobe",
            "pid": self.pid, "tid": self.pid, "comm": self.comm,
            "state": if self.freed_ms.is_some() { "freed" } else { "stuck" },
            "freed_after_ms": self.freed_ms, "by": self.freed_ms.map(|_| "exit"),
            "stuck_for_ms": if self.freed_ms.is_some() { None } else { Some(10_000) },
            "left": null, "kill_missing": false,
        });
        place(&mut end, self.host, self.second() + 1);
        end
    }
}
