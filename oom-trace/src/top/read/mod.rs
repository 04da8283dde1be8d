//! Reads how the machine stands: `/proc` and the memory cgroups, a bounded amount at a time.

mod cgroups;
mod level;
mod status;
mod tasks;

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

pub(crate) use self::cgroups::Mount;
pub(crate) use self::level::Version;

use self::cgroups::Cgroups;
use self::level::Buffer;
use self::tasks::Tasks;
use super::sample::{Machine, Sample};
use crate::enrich::system::SystemReader;
use crate::kernel::namespace;
use crate::kernel::vmstat::Vmstat;
use crate::text::KernelText;

/// Files that this process needs besides those of cgroups.
const OTHER_FILES: u64 = 64;

/// Reads one [`Sample`] after the other.
#[derive(Debug)]
pub(super) struct Sampler {
    start: Instant,
    system: SystemReader,
    vmstat: Vmstat,
    cgroups: Option<Cgroups>,
    tasks: Tasks,
    buffer: Buffer,
}

impl Sampler {
    /// Of this machine; without a mount there are no cgroups to tell of.
    pub(super) fn new(mount: Option<Mount>) -> Self {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        Self {
            start: Instant::now(),
            system: SystemReader::here(),
            vmstat: Vmstat::open(),
            cgroups: mount.map(|mount| Cgroups::new(mount, files())),
            tasks: Tasks::new(Path::new("/proc"), page),
            buffer: Buffer::default(),
        }
    }

    /// How the machine stands now. Whatever is on the screen is read now, the rest in its turn.
    pub(super) fn read(&mut self, shown: &[KernelText]) -> Sample {
        let Self { start, system, vmstat, cgroups, tasks, buffer } = self;
        let at = start.elapsed();
        let allocating = buffer.read_at(Path::new("/proc/sys/vm/oom_kill_allocating_task"));
        let machine = Machine {
            is_first_pid_namespace: namespace::is_first_of_pids() != Some(false),
            kills_allocating_task: allocating.ok().and_then(level::number).is_some_and(|it| it > 0),
            system: system.read(None),
            oom_kills: vmstat.oom_kill(),
            uptime: uptime(buffer),
        };
        let mount = cgroups.as_ref().map(|it| it.mount().clone());
        let found = cgroups.as_mut().map(|it| it.read(shown, buffer)).unwrap_or_default();
        let (tasks, hidden_tasks) = tasks.read(mount.as_ref(), buffer);
        Sample { at, machine, cgroups: found, tasks, hidden_tasks }
    }
}

fn uptime(buffer: &mut Buffer) -> Option<Duration> {
    let text = buffer.read_at(Path::new("/proc/uptime")).ok()?;
    let seconds = text.split(|byte| *byte == b'.').next()?;
    level::number(seconds).map(Duration::from_secs)
}

/// How many files may stay open. The limit is raised as far as this user may.
fn files() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
    let may = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(may.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX)
}
