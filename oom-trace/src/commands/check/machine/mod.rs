//! How the machine is set up for the day when memory runs out: only what is worth a thought is told.

mod cgroups;
mod tasks;

use std::fs;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use self::cgroups::Cgroups;
use self::tasks::Tasks;
use crate::commands::trigger::Hierarchy;
use crate::enrich::system::SystemReader;
use crate::incident::model::{OOM_SCORE_ADJ_MIN, System};
use crate::text::Escaped;
use crate::units::Size;

/// What holds less of the machine's memory is not worth a word.
const NOTABLE_PERCENT: u64 = 10;

/// Something to think about.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(super) struct Remark {
    /// What is.
    pub(super) what: String,
    /// Why it matters.
    pub(super) why: String,
    /// What to set, or where to look.
    pub(super) advice: String,
}

impl Remark {
    fn new(what: impl Into<String>, why: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), advice: advice.into() }
    }

    pub(super) fn to_text(&self) -> String {
        let Self { what, why, advice } = self;
        format!("machine   {what}: {why}; {advice}")
    }
}

/// All remarks about this machine.
pub(super) fn remarks() -> Vec<Remark> {
    Machine::here().remarks()
}

/// What was found. A file that cannot be read tells nothing.
#[derive(Debug, Default)]
struct Machine {
    /// `kernel.panic`: seconds until a reboot, 0 for never.
    panic: Option<i32>,
    oom_kill_allocating_task: Option<u32>,
    oom_dump_tasks: Option<u32>,
    kptr_restrict: Option<u32>,
    system: System,
    tasks: Tasks,
    cgroups: Option<Cgroups>,
}

impl Machine {
    fn here() -> Self {
        let proc = Path::new("/proc");
        let page_size = rustix::param::page_size() as u64;
        let hierarchy = Hierarchy::seen_here();
        Self {
            panic: number(proc, "sys/kernel/panic"),
            oom_kill_allocating_task: number(proc, "sys/vm/oom_kill_allocating_task"),
            oom_dump_tasks: number(proc, "sys/vm/oom_dump_tasks"),
            kptr_restrict: number(proc, "sys/kernel/kptr_restrict"),
            system: SystemReader::here().read(None),
            tasks: Tasks::of(proc, page_size),
            cgroups: hierarchy.map(|it| Cgroups::of(&it.mount_point, it.version)),
        }
    }

    fn remarks(&self) -> Vec<Remark> {
        let all = [
            self.panics(),
            self.allocating_task(),
            self.overcommit(),
            self.no_swap(),
            self.no_table(),
            self.hidden_addresses(),
            self.killers(),
            self.exempt(),
        ];
        let cgroups = self.cgroups.iter().flat_map(|cgroups| self.of_cgroups(cgroups));
        all.into_iter().flatten().chain(cgroups).collect()
    }

    fn panics(&self) -> Option<Remark> {
        let value = self.system.panic_on_oom.filter(|value| *value != 0)?;
        let why = match value {
            1 => {
                "when the machine runs out of memory, the kernel panics instead of killing a process"
            }
            _ => {
                "when memory runs out, even in one cgroup, the kernel panics instead of killing a process"
            }
        };
        let advice = match self.panic {
            Some(0) => "set it to 0, or set kernel.panic=10 so that the machine reboots",
            _ => "set it to 0 unless a reboot is what you want",
        };
        Some(Remark::new(format!("vm.panic_on_oom is {value}"), why, advice))
    }

    fn allocating_task(&self) -> Option<Remark> {
        self.oom_kill_allocating_task.filter(|value| *value != 0)?;
        Some(Remark::new(
            "vm.oom_kill_allocating_task is on",
            "the kernel kills the process that happens to ask for memory, not the one that holds the most",
            "set it to 0",
        ))
    }

    fn overcommit(&self) -> Option<Remark> {
        let System { overcommit_memory, commit_limit_bytes, committed_bytes, .. } = &self.system;
        overcommit_memory.filter(|mode| *mode == 2)?;
        let used = match (committed_bytes, commit_limit_bytes) {
            (Some(committed), Some(limit)) => {
                format!(" ({} of {} are committed)", Size(*committed), Size(*limit))
            }
            _ => String::new(),
        };
        Some(Remark::new(
            format!("vm.overcommit_memory is 2{used}"),
            "at the commit limit, allocations fail even if memory is free, and no OOM kill shows it",
            "watch Committed_AS and CommitLimit in /proc/meminfo",
        ))
    }

    fn no_swap(&self) -> Option<Remark> {
        self.system.swap_total_bytes.filter(|total| *total == 0)?;
        Some(Remark::new(
            "no swap",
            "once the page cache is used up, the kernel kills",
            "add swap or zram unless that is intended",
        ))
    }

    fn no_table(&self) -> Option<Remark> {
        self.oom_dump_tasks.filter(|value| *value == 0)?;
        Some(Remark::new(
            "vm.oom_dump_tasks is 0",
            "the kernel's log does not say who else held memory, nor does `oom-trace explain`",
            "set it to 1",
        ))
    }

    fn hidden_addresses(&self) -> Option<Remark> {
        self.kptr_restrict.filter(|value| *value == 2)?;
        Some(Remark::new(
            "kernel.kptr_restrict is 2",
            "the agent may not see addresses of the kernel: resident memory is approximate, and stacks \
             have no names",
            "set it to 1",
        ))
    }

    fn killers(&self) -> Option<Remark> {
        let killers = &self.tasks.killers;
        (!killers.is_empty()).then_some(())?;
        let (are, they, their) =
            if killers.len() == 1 { ("is", "it", "its") } else { ("are", "they", "their") };
        Some(Remark::new(
            format!("{} {are} running", killers.join(" and ")),
            format!("{they} may kill before the kernel does, which the agent does not record"),
            format!("look in {their} own log as well"),
        ))
    }

    /// Those that may not be killed and hold much.
    fn exempt(&self) -> Option<Remark> {
        let Tasks { exempt, exempt_bytes, largest_exempt, .. } = &self.tasks;
        let total = self.system.total_bytes?;
        (*exempt_bytes >= total / 100 * NOTABLE_PERCENT).then_some(())?;
        let (largest, held) = largest_exempt.as_ref()?;
        let what = match exempt {
            1 => format!("{} has an oom_score_adj of {OOM_SCORE_ADJ_MIN}", Escaped(largest)),
            many => format!("{many} processes have an oom_score_adj of {OOM_SCORE_ADJ_MIN}"),
        };
        let (hold, most, whom) = match exempt {
            1 => ("it holds", String::new(), "it"),
            _ => {
                ("they hold", format!(" ({} of that in {})", Size(*held), Escaped(largest)), "them")
            }
        };
        Some(Remark::new(
            what,
            format!(
                "{hold} {} of {}{most}, and others are killed in their place",
                Size(*exempt_bytes),
                Size(total)
            ),
            format!("raise it, or limit {whom}"),
        ))
    }

    fn of_cgroups(&self, cgroups: &Cgroups) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let Some(total) = self.system.total_bytes else { return remarks };
        let is_notable = |bytes: u64| bytes >= total / 100 * NOTABLE_PERCENT;
        for (name, bytes) in cgroups.unlimited.iter().filter(|(_, bytes)| is_notable(*bytes)) {
            let set = match name.rsplit(|byte| *byte == b'/').next() {
                Some(unit) if unit.ends_with(b".service") => {
                    format!("set MemoryMax= of {}", Escaped(unit))
                }
                _ => "set its memory.max in what created it".to_owned(),
            };
            remarks.push(Remark::new(
                format!("{} has no memory limit", Escaped(name)),
                format!(
                    "it holds {} of {} and can take the whole machine",
                    Size(*bytes),
                    Size(total)
                ),
                set,
            ));
        }
        if cgroups.limited > 1 && cgroups.limits_bytes > total {
            remarks.push(Remark::new(
                format!(
                    "the limits of {} cgroups add up to {}",
                    cgroups.limited,
                    Size(cgroups.limits_bytes)
                ),
                format!(
                    "the machine has {}: it may run out of memory with no limit hit",
                    Size(total)
                ),
                "lower them, if all may be used at once",
            ));
        }
        if let Some(one) = &cgroups.one_group {
            let many = cgroups.groups;
            let what = match many {
                1 => format!("memory.oom.group is set in {}", Escaped(one)),
                _ => format!("memory.oom.group is set in {many} cgroups, such as {}", Escaped(one)),
            };
            let advice = if memchr::memmem::find(one, b"kubepods").is_some() {
                "the kubelet sets it: singleProcessOOMKill: true in its configuration turns it off"
            } else {
                "clear it (for a unit: OOMPolicy=continue) if the others can go on without the one that is killed"
            };
            remarks.push(Remark::new(what, "one kill there kills all of its processes", advice));
        }
        remarks
    }
}

fn number<T: FromStr>(proc: &Path, name: &str) -> Option<T> {
    fs::read_to_string(proc.join(name)).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn fine() -> Machine {
        let system = System {
            total_bytes: Some(16 * GIB),
            swap_total_bytes: Some(GIB),
            overcommit_memory: Some(0),
            panic_on_oom: Some(0),
            ..System::default()
        };
        Machine {
            panic: Some(0),
            oom_kill_allocating_task: Some(0),
            oom_dump_tasks: Some(1),
            kptr_restrict: Some(1),
            system,
            cgroups: Some(Cgroups::default()),
            ..Machine::default()
        }
    }

    fn only(machine: &Machine) -> String {
        let remarks = machine.remarks();
        let [remark] = remarks.as_slice() else { panic!("{remarks:#?}") };
        remark.to_text()
    }

    #[test]
    fn what_is_fine_or_unknown_is_not_told() {
        assert_eq!(fine().remarks(), []);
        assert_eq!(Machine::default().remarks(), []);
    }

    #[test]
    fn each_setting_is_told_with_what_it_does() {
        let mut machine = fine();
        machine.system.panic_on_oom = Some(2);
        assert_eq!(
            only(&machine),
            "machine   vm.panic_on_oom is 2: when memory runs out, even in one cgroup, the kernel panics \
             instead of killing a process; set it to 0, or set kernel.panic=10 so that the machine reboots"
        );
        (machine.system.panic_on_oom, machine.panic) = (Some(1), Some(10));
        assert!(only(&machine).ends_with("unless a reboot is what you want"));
        for (machine, begin) in [
            (
                Machine { oom_kill_allocating_task: Some(1), ..fine() },
                "vm.oom_kill_allocating_task is on: ",
            ),
            (Machine { oom_dump_tasks: Some(0), ..fine() }, "vm.oom_dump_tasks is 0: "),
            (Machine { kptr_restrict: Some(2), ..fine() }, "kernel.kptr_restrict is 2: "),
        ] {
            assert!(only(&machine).starts_with(&format!("machine   {begin}")), "{begin}");
        }
        let mut machine = fine();
        machine.system.swap_total_bytes = Some(0);
        assert!(only(&machine).starts_with("machine   no swap: once the page cache "));
        let mut machine = fine();
        machine.system.overcommit_memory = Some(2);
        (machine.system.committed_bytes, machine.system.commit_limit_bytes) =
            (Some(7 * GIB), Some(9 * GIB));
        assert!(only(&machine).contains("is 2 (7.0 GiB of 9.0 GiB are committed): "));
    }

    #[test]
    fn who_holds_much_is_told() {
        let mut machine = fine();
        machine.tasks.killers = vec!["earlyoom".into()];
        assert!(only(&machine).starts_with("machine   earlyoom is running: "));
        let mut machine = fine();
        machine.tasks = Tasks {
            killers: Vec::new(),
            exempt: 3,
            exempt_bytes: 4 * GIB,
            largest_exempt: Some((b"qemu".to_vec(), 3 * GIB)),
        };
        assert_eq!(
            only(&machine),
            "machine   3 processes have an oom_score_adj of -1000: they hold 4.0 GiB of 16.0 GiB (3.0 GiB \
             of that in qemu), and others are killed in their place; raise it, or limit them"
        );
        machine.tasks.exempt_bytes = GIB;
        assert_eq!(machine.remarks(), []);
        let mut machine = fine();
        machine.cgroups = Some(Cgroups {
            unlimited: vec![
                (b"/system.slice/db.service".to_vec(), 6 * GIB),
                (b"/system.slice/small.service".to_vec(), GIB),
            ],
            limited: 2,
            limits_bytes: 20 * GIB,
            groups: 2,
            one_group: Some(b"/kubepods/pod1".to_vec()),
        });
        let told: Vec<_> = machine.remarks().iter().map(Remark::to_text).collect();
        assert_eq!(told.len(), 3, "{told:#?}");
        assert_eq!(
            told[0],
            "machine   /system.slice/db.service has no memory limit: it holds 6.0 GiB of 16.0 GiB and can \
             take the whole machine; set MemoryMax= of db.service"
        );
        assert!(told[1].starts_with("machine   the limits of 2 cgroups add up to 20.0 GiB: "));
        assert!(told[2].contains("singleProcessOOMKill"));
    }
}
