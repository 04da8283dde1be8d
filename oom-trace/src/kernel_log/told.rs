//! What an incident's messages tell, in the words of the public model.

use super::Machine;
use super::candidates::{Scale, candidates, census, memory};
use super::dump::Dump;
use super::message::{Chose, Counter, Cpu, Killed, Summary, Task};
use super::open::{Open, Victim};
use super::record::Boot;
use super::scan::utf8;
use crate::enrich::place::{Place, PlaceReader};
use crate::incident::model::{
    self, Build, CONSTRAINTS, Candidates, Census, Cgroup, Chosen, Limit, Memory, Origin,
    SYSRQ_ORDER, Scope, Shortage, System, Trigger,
};
use crate::release::Release;

/// All that was told.
pub(super) struct Told<'a> {
    pub(super) open: &'a Open,
    machine: &'a Machine,
    boot: Option<&'a Boot>,
    dump: &'a Dump,
    cpu: Option<&'a Cpu>,
}

impl<'a> Told<'a> {
    pub(super) fn new(open: &'a Open, machine: &'a Machine, boot: Option<&'a Boot>) -> Self {
        Self { open, machine, boot, dump: &open.dump, cpu: open.dump.cpu() }
    }

    pub(super) fn shortage(&self, constraint: Option<&str>, message: Option<&str>) -> Shortage {
        let Self { dump, cpu, boot, machine, .. } = self;
        let (header, summary) = (dump.header.as_ref(), dump.summary.as_ref());
        let known = CONSTRAINTS.into_iter().find(|(name, _)| Some(*name) == constraint);
        let release = self.origin().kernel;
        // Of another kernel it says nothing.
        let version = match boot {
            Some(boot) => (Some(&boot.release) == release.as_ref()).then(|| boot.version.clone()),
            None => machine.kernel_version.clone().filter(|_| machine.kernel == release),
        };
        let scope = self.scope(known.map(|(_, scope)| scope), message);
        Shortage {
            scope,
            constraint: known.map(|(name, _)| (*name).into()),
            nodemask: summary
                .and_then(|summary| summary.nodemask.clone())
                .or_else(|| header?.nodemask.clone()),
            page_size_bytes: self.page_size(),
            totalpages: self.totalpages(scope),
            trigger: self.trigger(),
            limit: self.limit(),
            cpu: cpu.and_then(|cpu| cpu.cpu),
            build: Build {
                kernel_version: version,
                preempt: cpu.and_then(|cpu| cpu.preempt.clone()),
                taint: cpu.map(|cpu| cpu.taint.clone()),
                hardware: dump.hardware.as_ref().and_then(|name| utf8(name.as_bytes())),
            },
            stack: dump.stack(),
        }
    }

    pub(super) fn origin(&self) -> Origin {
        let Self { open, machine, boot, .. } = self;
        let kernel = self.cpu.and_then(|cpu| cpu.release.clone());
        Origin {
            time: open.start.time,
            time_guessed: open.start.time.and_then(|_| open.start.guessed.told()),
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
    pub(super) fn incident(&self, victim: Option<u32>) -> String {
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
        let order = self.dump.header.as_ref().and_then(|header| header.order);
        match (constraint, order) {
            (_, Some(SYSRQ_ORDER)) => Some(Scope::Sysrq),
            // Without the header, it may have been done by hand: the message is the same.
            (Some(scope), _) => Some(scope),
            (None, _) => match message {
                Some("Memory cgroup out of memory") => Some(Scope::Memcg),
                _ if self.dump.is_memcg() == Some(true) => Some(Scope::Memcg),
                // A cpuset or a memory policy would be in the line that is missing; the oldest have none.
                Some(_) => Some(Scope::Global),
                None => None,
            },
        }
    }

    /// From the two ways in which the log prints the size of a victim, in pages and in bytes.
    fn page_size(&self) -> Option<u64> {
        let told = || {
            let first = self.open.victims.first()?;
            let pages = self.task(&first.killed)?.total_vm_pages;
            let total_vm_bytes = first.killed.total_vm_bytes?;
            let size = total_vm_bytes.checked_div(pages)?;
            let is_one = size.is_power_of_two()
                && (4096..=65536).contains(&size)
                && size * pages == total_vm_bytes;
            is_one.then_some(size)
        };
        let of_blocks = || self.dump.memory.page_size();
        let of_x86 = || self.is_x86().then_some(4096);
        self.machine.page_size.or_else(told).or_else(of_blocks).or_else(of_x86)
    }

    /// By the registers, or as distributors name its kernels.
    fn is_x86(&self) -> bool {
        let release = self.origin().kernel.unwrap_or_default();
        let names = ["x86_64", "amd64", "i686", "i386", "686-pae"];
        let hardware = self.dump.hardware.as_ref().map(|name| name.to_utf8()).unwrap_or_default();
        // What QEMU makes of a PC.
        self.dump.is_x86
            || names.iter().any(|name| release.ends_with(name))
            || hardware.starts_with("QEMU Standard PC (")
    }

    fn trigger(&self) -> Option<Trigger> {
        let Self { dump, cpu, .. } = self;
        let (header, summary, old) = (dump.header.as_ref(), dump.summary.as_ref(), &dump.cpuset);
        if header.is_none() && summary.is_none() && old.is_none() {
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
            gfp_mask: header.and_then(|header| header.gfp_mask.clone()),
            gfp_flags: header.and_then(|header| header.gfp_flags.clone()),
            order: header.and_then(|header| header.order),
            user_pc: dump.user_pc(),
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

    pub(super) fn chosen(&self) -> Option<Chosen> {
        let Self { dump, .. } = self;
        let old = |chose: &Chose| Chosen {
            tid: chose.tid,
            comm: chose.comm.clone(),
            score: chose.score,
            uid: dump.task(chose.tid).map(|task| task.uid),
            cgroup: dump.limit.as_ref().and_then(|(task, _)| task.clone()),
        };
        let new = |summary: &Summary| {
            Some(Chosen {
                tid: summary.pid?,
                comm: summary.task.clone(),
                score: None,
                uid: summary.uid,
                cgroup: summary.task_memcg.clone(),
            })
        };
        dump.summary.as_ref().and_then(new).or_else(|| dump.chose.as_ref().map(old))
    }

    fn limit(&self) -> Option<Limit> {
        let Self { dump, .. } = self;
        let cgroup = match (&dump.summary, &dump.limit, &dump.stats_for) {
            (Some(summary), ..) if summary.constraint == "CONSTRAINT_MEMCG" => {
                let told = || dump.stats_for.as_ref().and_then(|(_, limit)| limit.clone());
                // A cut may have left it off.
                summary
                    .oom_memcg
                    .clone()
                    .or_else(|| if summary.pid.is_none() { told() } else { None })
            }
            (None, Some((_, limit)), _) => limit.clone(),
            (None, None, Some((_, limit))) => limit.clone(),
            // The line that names it was cut off or left out.
            _ if dump.is_memcg() == Some(true) => match &dump.stats_for {
                Some((_, limit)) => limit.clone(),
                None => None,
            },
            _ => return None,
        };
        let is_known = cgroup.is_some() || dump.usage(Counter::Memory).is_some();
        if !is_known && dump.summary.is_none() && dump.limit.is_none() {
            return None;
        }
        let usage = |counter| dump.usage(counter);
        let (memory, swap) = (usage(Counter::Memory), usage(Counter::Swap));
        let (memsw, kmem) = (usage(Counter::MemorySwap), usage(Counter::Kmem));
        Some(Limit {
            cgroup,
            usage_bytes: memory.map(|memory| memory.usage_bytes),
            max_bytes: memory.and_then(|memory| memory.max_bytes),
            failcnt: memory.and_then(|memory| memory.failcnt),
            swap_usage_bytes: swap.map(|swap| swap.usage_bytes),
            swap_max_bytes: swap.and_then(|swap| swap.max_bytes),
            swap_failcnt: swap.and_then(|swap| swap.failcnt),
            memsw_usage_bytes: memsw.map(|memsw| memsw.usage_bytes),
            memsw_max_bytes: memsw.and_then(|memsw| memsw.max_bytes),
            memsw_failcnt: memsw.and_then(|memsw| memsw.failcnt),
            kmem_usage_bytes: kmem.map(|kmem| kmem.usage_bytes),
            kmem_max_bytes: kmem.and_then(|kmem| kmem.max_bytes),
            kmem_failcnt: kmem.and_then(|kmem| kmem.failcnt),
            stat: dump.stat().map(|stat| stat.iter().cloned().collect()),
            ..Limit::default()
        })
    }

    pub(super) fn victim(&self, victim: &Victim) -> model::Victim {
        let Victim { killed, at: _, again } = victim;
        let each = std::iter::once(killed).chain(again.iter().map(|(killed, _)| killed));
        let is_logged = !self.open.is_chosen_only;
        let memory_logged = each.filter(|_| is_logged).map(|it| self.logged(it)).collect();
        let task = self.task(killed);
        let chosen = self.chosen();
        let process = task.map(|task| task.pid);
        // A child that was killed in its parent's place may be elsewhere.
        let is_chosen = |chosen: &Chosen| {
            chosen.tid == killed.tid
                || process.is_some_and(|pid| self.dump.process(chosen.tid) == Some(pid))
        };
        let cgroup = chosen
            .filter(is_chosen)
            .and_then(|chosen| chosen.cgroup)
            .or_else(|| self.dump.only_cgroup().cloned());
        let swap_bytes = task
            .and_then(|task| task.swap_pages)
            .zip(self.page_size())
            .and_then(|(pages, size)| pages.checked_mul(size));
        let Place { unit, slice, container, pod, job, app } = cgroup
            .as_ref()
            .map(|path| PlaceReader::default().place(path.as_bytes()))
            .unwrap_or_default();
        model::Victim {
            pid: process,
            tid: killed.tid,
            comm: killed.comm.clone(),
            uid: killed.uid.or_else(|| Some(task?.uid)),
            oom_score_adj: killed.oom_score_adj.or_else(|| task?.oom_score_adj),
            memory: match task.filter(|_| !is_logged) {
                Some(task) => memory(task, self.page_size()),
                None => Memory { swap_bytes, ..self.logged(killed) },
            },
            memory_logged,
            cgroup: cgroup.map(|path| Cgroup { path, id: None }),
            unit,
            slice,
            container,
            pod,
            job,
            app,
            ..model::Victim::default()
        }
    }

    fn task(&self, killed: &Killed) -> Option<&Task> {
        self.dump.task(killed.tid)
    }

    fn logged(&self, killed: &Killed) -> Memory {
        Memory { pgtables_bytes: self.pgtables(killed), ..killed.memory() }
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

    /// `oom_control.totalpages`, where the log has what it is made of: memory and swap of the machine
    /// (`constrained_alloc`, mm/oom_kill.c), or what the cgroup may hold (`mem_cgroup_get_max`,
    /// mm/memcontrol.c).
    fn totalpages(&self, scope: Option<Scope>) -> Option<u64> {
        let Self { dump, .. } = self;
        let pages = |bytes: u64| bytes.checked_div(self.page_size()?);
        match scope? {
            Scope::Global | Scope::Sysrq => {
                dump.memory.ram_pages()?.checked_add(pages(dump.memory.swap_total_bytes()?)?)
            }
            Scope::Memcg => {
                let max = dump.usage(Counter::Memory)?.max_bytes?;
                let with_swap = match (dump.usage(Counter::Swap), dump.usage(Counter::MemorySwap)) {
                    // Beyond a limit of its own it is the machine's swap that bounds it, which a dump for
                    // a cgroup does not tell.
                    (Some(swap), _) if swap.max_bytes? == 0 => max,
                    (None, Some(both)) if both.max_bytes? == max => max,
                    _ => return None,
                };
                pages(with_swap)
            }
            // Of the nodes allowed; the log has all.
            Scope::Cpuset | Scope::Mempolicy => None,
        }
    }

    /// Who else could have died.
    pub(super) fn candidates(&self, scope: Option<Scope>) -> Option<Candidates> {
        let chosen = self.chosen().map(|chosen| chosen.tid);
        let first = || self.open.victims.first().map(|victim| victim.killed.tid);
        let chosen = chosen.or_else(first).and_then(|tid| self.dump.process(tid));
        candidates(self.dump, chosen, self.scale(scope))
    }

    /// All of them, summed.
    pub(super) fn census(&self, scope: Option<Scope>) -> Option<Census> {
        census(self.dump, self.scale(scope))
    }

    fn scale(&self, scope: Option<Scope>) -> Scale {
        let release = self.origin().kernel.map(|release| Release::new(&release).version());
        Scale {
            page_size: self.page_size(),
            totalpages: self.totalpages(scope),
            has_bonus: release.is_none_or(|release| release < (4, 17)),
        }
    }

    /// How the machine stood.
    pub(super) fn system(&self) -> Option<System> {
        self.dump.memory.system(self.page_size())
    }
}
