//! Who died.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Job, rfc3339_ns};
use crate::text::{KernelText, SHORT_ID};

/// The task that was marked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Victim {
    /// Process id (tgid) in the initial pid namespace; `None` on kernels that only tell the tid.
    pub pid: Option<u32>,
    /// The marked thread, which the kernel's log calls pid.
    pub tid: u32,
    /// Process id in the victim's own pid namespace.
    pub ns_pid: Option<u32>,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// Real uid in the initial user namespace.
    pub uid: Option<u32>,
    /// Real gid in the initial user namespace.
    pub gid: Option<u32>,
    /// Process id of the parent.
    pub ppid: Option<u32>,
    /// `comm` of the parent.
    pub parent_comm: Option<KernelText>,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// `oom_control.chosen_points`, in pages; `None` for the others of a group kill.
    pub badness: Option<i64>,
    /// Threads of the process.
    pub threads: Option<u32>,
    /// When the process started, UTC.
    #[serde(serialize_with = "rfc3339_ns")]
    pub started: Option<Timestamp>,
    /// How long it had lived.
    pub age_ms: Option<u64>,
    /// Path of its executable.
    pub exe: Option<KernelText>,
    /// Its arguments, as `/proc/PID/cmdline` has them, the values of secret flags left out.
    pub argv: Option<Vec<KernelText>>,
    /// Whether there was more of them than is kept.
    pub argv_cut: Option<bool>,
    /// The name of `uid` on this machine.
    pub user: Option<String>,
    /// Who logged in to the session that it belongs to (`task_struct.loginuid`).
    pub login_uid: Option<u32>,
    /// The name of `login_uid` on this machine.
    pub login_user: Option<String>,
    /// Its parent, that one's parent, and so on to process 1.
    pub parents: Option<Vec<Process>>,
    /// Its memory at the mark, exact.
    pub memory: Memory,
    /// Its memory as this kernel's log prints it, once for each time the kernel killed it: what its line
    /// has, or what it would have had at the mark. Kernels from 6.2 to 6.19 print approximate sums.
    pub memory_logged: Vec<Memory>,
    /// Its cgroup.
    pub cgroup: Option<Cgroup>,
    /// The systemd unit it ran in.
    pub unit: Option<String>,
    /// The systemd slice it ran in.
    pub slice: Option<String>,
    /// The container it ran in.
    pub container: Option<Container>,
    /// The pod it ran in.
    pub pod: Option<Pod>,
    /// The job of a batch system, a scheduler or a CI runner that it was part of.
    #[serde(default)]
    pub job: Option<Job>,
    /// The desktop application it was part of, as its `.desktop` file is named.
    #[serde(default)]
    pub app: Option<String>,
    /// The processes that share its memory and were signalled with it.
    pub shares_mm: Option<Vec<Sharer>>,
}

/// Arguments before that of a script, at the most.
const ARGUMENTS: usize = 4;

impl Victim {
    /// What a process may know it by, in whichever pid namespace that is itself.
    #[must_use]
    pub fn ids(&self) -> [Option<u32>; 3] {
        [Some(self.tid), self.pid, self.ns_pid]
    }

    /// Whether it was given a file of this name to run, as an interpreter is.
    #[must_use]
    pub fn ran(&self, is_named: impl Fn(&str) -> bool) -> bool {
        let mut arguments = self.argv.iter().flatten().skip(1).take(ARGUMENTS);
        arguments.any(|argument| is_named(argument.to_utf8().rsplit('/').next().unwrap_or("")))
    }
}

/// A process that shares a victim's memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sharer {
    /// Process id (tgid) in the initial pid namespace.
    pub pid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
}

/// A process by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Process id (tgid) in the initial pid namespace.
    pub pid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
}

/// The memory of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Address space.
    pub total_vm_bytes: Option<u64>,
    /// Resident anonymous memory.
    pub anon_rss_bytes: Option<u64>,
    /// Resident file mappings.
    pub file_rss_bytes: Option<u64>,
    /// Resident shared memory and tmpfs.
    pub shmem_rss_bytes: Option<u64>,
    /// Swapped out.
    pub swap_bytes: Option<u64>,
    /// Page tables.
    pub pgtables_bytes: Option<u64>,
}

impl Memory {
    /// What is resident, as the kernel sums it (`get_mm_rss`). Kernels before 4.5 count shared memory among
    /// files, and their logs know none apart.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        let Self { anon_rss_bytes, file_rss_bytes, shmem_rss_bytes, .. } = *self;
        anon_rss_bytes?.checked_add(file_rss_bytes?)?.checked_add(shmem_rss_bytes.unwrap_or(0))
    }
}

/// A memory cgroup, named from the root of its hierarchy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cgroup {
    /// Path, `/` for the root.
    pub path: KernelText,
    /// Inode number of its directory.
    pub id: Option<u64>,
}

/// The container a victim ran in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// As the runtime names it.
    pub id: String,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `systemd-nspawn`.
    pub runtime: Option<String>,
    /// As people name it.
    pub name: Option<String>,
    /// What it was made of, as the runtime calls it.
    #[serde(default)]
    pub image: Option<String>,
}

impl Container {
    /// As much of its id as runtimes show and accept.
    #[must_use]
    pub fn short_id(&self) -> &str {
        self.id.get(..SHORT_ID).unwrap_or(&self.id)
    }

    /// What people know it by: its name, or as much of its id as runtimes show.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.short_id())
    }
}

/// The pod a victim ran in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pod {
    /// Kubernetes' uid.
    pub uid: String,
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// The container's name in the pod.
    pub container: Option<String>,
    /// Quality of service: `guaranteed`, `burstable`, `besteffort`.
    pub qos: Option<String>,
}

impl Pod {
    /// What people know it by, `namespace/name`; `None` if its uid alone is known.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        let Self { namespace, name, .. } = self;
        Some(format!("{}/{}", namespace.as_deref()?, name.as_deref()?))
    }
}
