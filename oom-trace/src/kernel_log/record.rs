//! From an incident's messages to the public model.

use super::Machine;
use super::message::{Counter, Cpu, Killed, Task};
use super::open::{Dump, Open, Victim};
use super::scan::utf8;
use crate::enrich::place::{Place, PlaceReader};
use crate::incident::model::{
    self, Build, CONSTRAINTS, Cgroup, Chosen, Limit, Memory, OomKill, OomKillType, OomPanic,
    OomPanicType, Origin, Outcome, Record, SCHEMA, SYSRQ_ORDER, Scope, Shortage, Source, Trigger,
};

/// What the first line of a boot says.
#[derive(Debug)]
pub(super) struct Boot {
    /// `uname -r`.
    pub(super) release: String,
    /// `uname -v`.
    pub(super) version: String,
}

/// The records of an incident, one for each victim, in order.
pub(super) fn kills(open: &Open, machine: &Machine, boot: Option<&Boot>) -> Vec<Record> {
    let count = u32::try_from(open.victims.len()).unwrap_or(u32::MAX);
    let Some(first) = open.victims.first() else { return Vec::new() };
    let told = Told::new(open, machine, boot);
    let shared = told.kill(first);
    let record = |(index, victim): (u32, &Victim)| {
        Record::OomKill(Box::new(OomKill {
            victim_index: index,
            victim_count: count,
            kill_count: u32::try_from(1 + victim.again.len()).ok(),
            log_us: victim.log_us,
            victim: told.victim(victim),
            ..shared.clone()
        }))
    };
    (1..).zip(&open.victims).map(record).collect()
}

/// The record of a panic.
pub(super) fn panic(
    open: &Open,
    message: &'static str,
    machine: &Machine,
    boot: Option<&Boot>,
) -> Record {
    let told = Told::new(open, machine, boot);
    let of_the_machine = message.contains("system-wide");
    let constraint = match &open.dump.stats_for {
        Some(_) => Some("CONSTRAINT_MEMCG"),
        None => of_the_machine.then_some("CONSTRAINT_NONE"),
    };
    Record::OomPanic(Box::new(OomPanic {
        schema: SCHEMA,
        kind: OomPanicType::OomPanic,
        incident: told.incident(None),
        origin: told.origin(),
        source: Source::KernelLog,
        message: message.into(),
        shortage: told.shortage(constraint, None),
    }))
}

/// All that was told.
struct Told<'a> {
    open: &'a Open,
    machine: &'a Machine,
    boot: Option<&'a Boot>,
    dump: &'a Dump,
    cpu: Option<&'a Cpu>,
}

impl<'a> Told<'a> {
    fn new(open: &'a Open, machine: &'a Machine, boot: Option<&'a Boot>) -> Self {
        Self { open, machine, boot, dump: &open.dump, cpu: open.dump.cpu() }
    }

    /// All but the victim.
    fn kill(&self, first: &Victim) -> OomKill {
        let Self { open, dump, .. } = self;
        let constraint = dump.summary.as_ref().map(|summary| summary.constraint.as_str());
        let chose = dump.chose.as_ref();
        let message = first.killed.message.or_else(|| chose?.message);
        OomKill {
            schema: SCHEMA,
            kind: OomKillType::OomKill,
            incident: self.incident(Some(first.killed.tid)),
            origin: self.origin(),
            source: Source::KernelLog,
            outcome: Some(Outcome::Killed),
            victim_index: 1,
            victim_count: 1,
            kill_count: None,
            log_us: None,
            message: message.map(Into::into),
            shortage: self.shortage(constraint, message).into(),
            chosen: self.chosen(),
            victim: self.victim(first),
            group: open.group.clone().flatten(),
            candidates: None,
            system: None,
            why: None,
            shrunk: Vec::new(),
        }
    }

    fn shortage(&self, constraint: Option<&str>, message: Option<&str>) -> Shortage {
        let Self { dump, cpu, boot, machine, .. } = self;
        let (header, summary) = (dump.header.as_ref(), dump.summary.as_ref());
        let known = CONSTRAINTS.into_iter().find(|(name, _)| Some(*name) == constraint);
        let release = self.origin().kernel;
        // Of another kernel it says nothing.
        let version = match boot {
            Some(boot) => (Some(&boot.release) == release.as_ref()).then(|| boot.version.clone()),
            None => machine.kernel_version.clone().filter(|_| machine.kernel == release),
        };
        Shortage {
            scope: self.scope(known.map(|(_, scope)| scope), message),
            constraint: known.map(|(name, _)| (*name).into()),
            nodemask: summary
                .and_then(|summary| summary.nodemask.clone())
                .or_else(|| header?.nodemask.clone()),
            page_size_bytes: self.page_size(),
            totalpages: None,
            trigger: self.trigger(),
            limit: self.limit(),
            cpu: cpu.map(|cpu| cpu.cpu),
            build: Build {
                kernel_version: version,
                preempt: cpu.and_then(|cpu| cpu.preempt.clone()),
                taint: cpu.map(|cpu| cpu.taint.clone()),
                hardware: dump.hardware.as_ref().and_then(|name| utf8(name.as_bytes())),
            },
            stack: dump.stack(),
        }
    }

    fn origin(&self) -> Origin {
        let Self { open, machine, boot, .. } = self;
        let kernel = self.cpu.map(|cpu| cpu.release.clone());
        Origin {
            time: open.start.time,
            boot_ns: open.start.boot_ns,
            boot_id: open.boot_id.clone().or_else(|| machine.boot_id.clone()),
            host: open.host.clone().or_else(|| machine.host.clone()),
            kernel: kernel
                .or_else(|| boot.map(|boot| boot.release.clone()))
                .or_else(|| machine.kernel.clone()),
        }
    }

    /// As the hooks name an incident where the boot is known. Else its moment and its victim name
    /// it, so that a log read twice gives the same names.
    fn incident(&self, victim: Option<u32>) -> String {
        let tid = victim.unwrap_or(0);
        let Origin { time, boot_ns, boot_id, .. } = self.origin();
        match (boot_id, boot_ns, time) {
            (Some(boot_id), Some(boot_ns), _) => {
                format!("{}-{boot_ns}", boot_id.get(..8).unwrap_or(&boot_id))
            }
            (None, Some(boot_ns), None) => format!("log-{boot_ns}-{tid}"),
            (_, _, Some(time)) => format!("log-{}-{tid}", time.as_nanosecond()),
            (_, None, None) => format!("log-{tid}"),
        }
    }

    fn scope(&self, constraint: Option<Scope>, message: Option<&str>) -> Option<Scope> {
        let order = self.dump.header.as_ref().map(|header| header.order);
        match (constraint, order) {
            (_, Some(SYSRQ_ORDER)) => Some(Scope::Sysrq),
            // Without the header, it may have been done by hand.
            (Some(Scope::Global), None) => None,
            (Some(scope), _) => Some(scope),
            (None, _) => (message == Some("Memory cgroup out of memory")).then_some(Scope::Memcg),
        }
    }

    /// From the two ways in which the log prints the size of a victim, in pages and in bytes.
    fn page_size(&self) -> Option<u64> {
        let told = || {
            let first = self.open.victims.first()?;
            let pages = self.task(&first.killed)?.total_vm_pages;
            let size = first.killed.total_vm_bytes.checked_div(pages)?;
            let is_one = size.is_power_of_two()
                && (4096..=65536).contains(&size)
                && size * pages == first.killed.total_vm_bytes;
            is_one.then_some(size)
        };
        self.machine.page_size.or_else(told)
    }

    fn trigger(&self) -> Option<Trigger> {
        let Self { dump, cpu, .. } = self;
        let (header, summary, old) = (dump.header.as_ref(), dump.summary.as_ref(), &dump.cpuset);
        if header.is_none() && summary.is_none() {
            return None;
        }
        let tid = cpu.map(|cpu| cpu.tid);
        Some(Trigger {
            pid: tid.and_then(|tid| dump.process(tid)),
            tid,
            // In a printed log, a name may be the end of one that holds a line feed: only where it
            // stands twice it is sure.
            comm: cpu.and_then(|cpu| cpu.comm.known.clone()),
            uid: cpu.and_then(|cpu| cpu.uid),
            oom_score_adj: header.and_then(|header| header.oom_score_adj),
            gfp_mask: header.map(|header| header.gfp_mask.clone()),
            gfp_flags: header.map(|header| header.gfp_flags.clone()),
            order: header.map(|header| header.order),
            cgroup: None,
            cpuset: match summary {
                Some(summary) => summary.cpuset.clone(),
                None => old.as_ref().and_then(|(cpuset, _)| cpuset.clone()),
            },
            mems_allowed: match summary {
                Some(summary) => summary.mems_allowed.clone(),
                None => old.as_ref().map(|(_, nodes)| nodes.clone()),
            },
        })
    }

    fn chosen(&self) -> Option<Chosen> {
        let Self { dump, .. } = self;
        let old = |chose: &super::message::Chose| Chosen {
            tid: chose.tid,
            comm: chose.comm.clone(),
            uid: dump.task(chose.tid).map(|task| task.uid),
            cgroup: dump.limit.as_ref().and_then(|(task, _)| task.clone()),
        };
        let new = |summary: &super::message::Summary| Chosen {
            tid: summary.pid,
            comm: summary.task.clone(),
            uid: summary.uid,
            cgroup: summary.task_memcg.clone(),
        };
        dump.summary.as_ref().map(new).or_else(|| dump.chose.as_ref().map(old))
    }

    fn limit(&self) -> Option<Limit> {
        let Self { dump, .. } = self;
        let cgroup = match (&dump.summary, &dump.limit, &dump.stats_for) {
            (Some(summary), ..) if summary.constraint == "CONSTRAINT_MEMCG" => {
                summary.oom_memcg.clone()
            }
            (None, Some((_, limit)), _) => limit.clone(),
            (None, None, Some((_, limit))) => limit.clone(),
            _ => return None,
        };
        let usage = |counter| dump.usage(counter);
        let (memory, swap) = (usage(Counter::Memory), usage(Counter::Swap));
        let (memsw, kmem) = (usage(Counter::MemorySwap), usage(Counter::Kmem));
        Some(Limit {
            cgroup,
            usage_bytes: memory.map(|memory| memory.usage_bytes),
            max_bytes: memory.and_then(|memory| memory.max_bytes),
            failcnt: memory.map(|memory| memory.failcnt),
            swap_usage_bytes: swap.map(|swap| swap.usage_bytes),
            swap_max_bytes: swap.and_then(|swap| swap.max_bytes),
            swap_failcnt: swap.map(|swap| swap.failcnt),
            memsw_usage_bytes: memsw.map(|memsw| memsw.usage_bytes),
            memsw_max_bytes: memsw.and_then(|memsw| memsw.max_bytes),
            memsw_failcnt: memsw.map(|memsw| memsw.failcnt),
            kmem_usage_bytes: kmem.map(|kmem| kmem.usage_bytes),
            kmem_max_bytes: kmem.and_then(|kmem| kmem.max_bytes),
            kmem_failcnt: kmem.map(|kmem| kmem.failcnt),
            ..Limit::default()
        })
    }

    fn victim(&self, victim: &Victim) -> model::Victim {
        let Victim { killed, log_us: _, again } = victim;
        let task = self.task(killed);
        let chosen = self.chosen();
        let process = task.map(|task| task.pid);
        // A child that was killed in its parent's place may be elsewhere.
        let is_chosen = |chosen: &Chosen| {
            chosen.tid == killed.tid
                || process.is_some_and(|pid| self.dump.process(chosen.tid) == Some(pid))
        };
        let cgroup = chosen.filter(is_chosen).and_then(|chosen| chosen.cgroup);
        let swap_bytes = task
            .and_then(|task| task.swap_pages)
            .zip(self.page_size())
            .and_then(|(pages, size)| pages.checked_mul(size));
        let Place { unit, slice, container, pod } = cgroup
            .as_ref()
            .map(|path| PlaceReader::default().place(path.as_bytes()))
            .unwrap_or_default();
        model::Victim {
            pid: process,
            tid: killed.tid,
            comm: killed.comm.clone(),
            uid: killed.uid.or_else(|| Some(task?.uid)),
            oom_score_adj: killed.oom_score_adj.or_else(|| Some(task?.oom_score_adj)),
            memory: Memory { swap_bytes, ..self.logged(killed) },
            memory_logged: std::iter::once(killed).chain(again).map(|it| self.logged(it)).collect(),
            cgroup: cgroup.map(|path| Cgroup { path, id: None }),
            unit,
            slice,
            container,
            pod,
            ..model::Victim::default()
        }
    }

    fn task(&self, killed: &Killed) -> Option<&Task> {
        self.dump.task(killed.tid)
    }

    fn logged(&self, killed: &Killed) -> Memory {
        Memory {
            total_vm_bytes: Some(killed.total_vm_bytes),
            anon_rss_bytes: Some(killed.anon_rss_bytes),
            file_rss_bytes: Some(killed.file_rss_bytes),
            shmem_rss_bytes: killed.shmem_rss_bytes,
            swap_bytes: None,
            pgtables_bytes: self.pgtables(killed),
        }
    }

    /// 5.4, until one of its first stable releases, printed bytes and called them kB. Bytes are
    /// whole pages; a number of kilobytes that looks so is rare (4 MiB of page tables), and then
    /// it takes another line to tell.
    fn pgtables(&self, killed: &Killed) -> Option<u64> {
        let bytes = killed.pgtables_bytes?;
        if !(bytes / 1024).is_multiple_of(4096) || bytes == 0 {
            return Some(bytes);
        }
        let row = self.task(killed).and_then(|task| task.pgtables_bytes);
        let release = self.origin().kernel;
        match row {
            Some(row) if row == bytes => Some(bytes),
            Some(row) if row == bytes / 1024 => Some(row),
            _ => release.filter(|release| !release.starts_with("5.4.")).map(|_| bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_log::Parser;
    use crate::kernel_log::reader::{Zone, read};

    const KILL: &str = "(a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, UID:0 \
                        pgtables:4kB oom_score_adj:0";

    fn stamps(log: &str) -> Vec<(u32, Option<u64>)> {
        let (mut stamps, zone) = (Vec::new(), Zone::here(jiff::Timestamp::now()));
        read(log.as_bytes(), Parser::new(Machine::default()), &zone, |record: Record| {
            let kill = record.kill().unwrap();
            stamps.push((kill.victim.tid, kill.log_us));
            Ok::<_, std::io::Error>(())
        })
        .unwrap();
        stamps
    }

    /// A group's first victim is killed twice; the last kill turns out to be the first of the next
    /// group, whose announcement is a line of its own.
    #[test]
    fn each_victim_has_the_stamp_of_its_own_first_line_in_dmesg_and_in_dev_kmsg() {
        let group = "Tasks in /g are going to be killed due to memory.oom.group set";
        let words = "Memory cgroup out of memory: Killed process";
        let summary = "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
                       oom_memcg=/g,task_memcg=/g,task=a,pid=1,uid=0";
        let lines = [
            (3_504_669, summary.to_owned()),
            (3_504_670, format!("{words} 1 {KILL}")),
            (3_504_671, group.to_owned()),
            (3_504_672, format!("{words} 1 {KILL}")),
            (3_504_673, format!("{words} 2 {KILL}")),
            (3_504_674, format!("{words} 3 {KILL}")),
            (3_504_675, group.to_owned()),
            (3_504_676, format!("{words} 3 {KILL}")),
        ];
        let dmesg = |(us, text): &(u64, String)| {
            format!("[{:5}.{:06}] {text}\n", us / 1_000_000, us % 1_000_000)
        };
        let kmsg = |(us, text): &(u64, String)| format!("4,{us},{us},-;{text}\n");
        let expected = [(1, Some(3_504_670)), (2, Some(3_504_673)), (3, Some(3_504_674))];
        assert_eq!(stamps(&lines.iter().map(dmesg).collect::<String>()), expected);
        assert_eq!(stamps(&lines.iter().map(kmsg).collect::<String>()), expected);
        assert_eq!(stamps(&format!("{words} 1 {KILL}\n")), [(1, None)]);
    }
}
