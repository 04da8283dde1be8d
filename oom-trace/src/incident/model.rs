//! The public event: what `oom-trace` says of one kill. `docs/events.md` documents every key.
//!
//! Sizes are bytes (`*_bytes`), durations milliseconds (`*_ms`); `None` is "not known here" and
//! never zero. Members that this version does not fill yet are part of schema 1 and `None`.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::text::KernelText;

mod agent;

pub use agent::{Agent, AgentEvent, AgentType, Missing, Totals};

/// The number of the record's schema; raised when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// One line of output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// A task was marked as victim of the OOM killer.
    OomKill(Box<OomKill>),
    /// The agent speaks of itself.
    Agent(Box<Agent>),
}

/// Where and when a record was made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Origin {
    /// Wall-clock time of the hook, UTC.
    #[serde(serialize_with = "rfc3339_ns")]
    pub time: Timestamp,
    /// Time of the hook on `CLOCK_BOOTTIME`, in nanoseconds.
    pub boot_ns: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Node name, as `uname -n`.
    pub host: String,
    /// Kernel release, as `uname -r`.
    pub kernel: String,
}

/// One victim of one incident.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OomKill {
    /// [`SCHEMA`].
    pub schema: u32,
    /// `oom_kill`.
    #[serde(rename = "type")]
    pub kind: OomKillType,
    /// Names the shortage; the same in all records of a group kill, unique over boots.
    pub incident: String,
    /// The moment the kernel chose to act (the mark, where no probe saw the decision).
    #[serde(flatten)]
    pub origin: Origin,
    /// What reported the kill.
    pub source: Source,
    /// Whose memory ran out.
    pub scope: Option<Scope>,
    /// What the kernel did to the victim.
    pub outcome: Option<Outcome>,
    /// Which victim of the incident this is, from 1.
    pub victim_index: u32,
    /// How many victims the incident has; more than one for `memory.oom.group`.
    pub victim_count: u32,
    /// How often the kernel killed this victim in this incident: 2 for the first of a group kill.
    pub kill_count: Option<u32>,
    /// The kernel's own words before `: Killed process`.
    pub message: Option<KernelText>,
    /// `enum oom_constraint` by its kernel name, such as `CONSTRAINT_MEMCG`.
    pub constraint: Option<&'static str>,
    /// The nodes that the allocation was bound to, as the kernel's list format; `None` if unbound.
    pub nodemask: Option<String>,
    /// Bytes of the pages that `totalpages` and badness are counted in.
    pub page_size_bytes: u64,
    /// `oom_control.totalpages`: the pages that `badness` was weighed against.
    pub totalpages: Option<u64>,
    /// The task whose allocation ran out.
    pub trigger: Option<Trigger>,
    /// The task that the kernel chose; the victim may be another thread of it.
    pub chosen: Option<Chosen>,
    /// The task that was marked.
    pub victim: Victim,
    /// The cgroup whose limit was hit; `None` for a shortage of the whole machine.
    pub limit: Option<Limit>,
    /// The tasks the kernel weighed.
    pub candidates: Option<Candidates>,
    /// How the machine stood.
    pub system: Option<System>,
    /// The kernel stack of the trigger, innermost first, `function+0xoff/0xsize`.
    pub stack: Option<Vec<String>>,
    /// The kill in a sentence, and what to do.
    pub why: Option<Why>,
}

/// The `type` of an [`OomKill`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OomKillType {
    /// The only one.
    #[default]
    OomKill,
}

/// What reported a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// kprobes.
    Kprobe,
    /// fentry and fexit programs.
    Fentry,
    /// The raw tracepoint `oom/mark_victim`.
    Tracepoint,
    /// The kernel's log.
    KernelLog,
}

/// Whose memory ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The machine's.
    Global,
    /// A memory cgroup's.
    Memcg,
    /// That of the nodes a cpuset allows.
    Cpuset,
    /// That of the nodes a memory policy allows.
    Mempolicy,
    /// Nobody's: a kill by hand, sysrq `f`.
    Sysrq,
}

/// What the kernel did to a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// SIGKILL was sent.
    Killed,
    /// It was dying already: marked, never signalled.
    AlreadyExiting,
}

/// The task whose allocation ran out (`current` in the hook).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trigger {
    /// Process id (tgid) in the initial pid namespace.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// Real uid in the initial user namespace.
    pub uid: Option<u32>,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// The hex text the kernel prints, such as `0xcc0`.
    pub gfp_mask: Option<String>,
    /// The flag names as this kernel's `%pGg` prints them, in its order.
    pub gfp_flags: Option<Vec<String>>,
    /// The allocation's order; -1 for sysrq.
    pub order: Option<i32>,
    /// The path of its memory cgroup.
    pub cgroup: Option<KernelText>,
    /// The name (last component) of its cpuset cgroup.
    pub cpuset: Option<KernelText>,
    /// The nodes its cpuset allows, as the kernel's list format.
    pub mems_allowed: Option<String>,
}

/// The task that the kernel chose to kill, as its `oom-kill:` line prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chosen {
    /// `task_struct.pid`: a thread id.
    pub tid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// Real uid in the initial user namespace.
    pub uid: Option<u32>,
    /// The path of its memory cgroup.
    pub cgroup: Option<KernelText>,
}

/// The task that was marked.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    #[serde(serialize_with = "rfc3339_ns_option")]
    pub started: Option<Timestamp>,
    /// How long it had lived.
    pub age_ms: Option<u64>,
    /// Path of its executable.
    pub exe: Option<KernelText>,
    /// Its arguments.
    pub argv: Option<Vec<KernelText>>,
    /// Its memory at the mark, exact.
    pub memory: Memory,
    /// Its memory as this kernel's log prints it, once for each time the kernel killed it. Kernels
    /// from 6.2 to 6.19 print approximate sums.
    pub memory_logged: Vec<Memory>,
    /// Its cgroup.
    pub cgroup: Option<Cgroup>,
    /// The systemd unit it ran in.
    pub unit: Option<String>,
    /// The container it ran in.
    pub container: Option<Container>,
    /// The pod it ran in.
    pub pod: Option<Pod>,
}

/// The memory of one process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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

/// A memory cgroup, named from the root of its hierarchy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cgroup {
    /// Path, `/` for the root.
    pub path: KernelText,
    /// Inode number of its directory.
    pub id: Option<u64>,
}

/// The container a victim ran in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Container {
    /// As the runtime names it.
    pub id: String,
    /// `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `systemd-nspawn`.
    pub runtime: Option<String>,
    /// As people name it.
    pub name: Option<String>,
}

/// The pod a victim ran in.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

/// The cgroup whose limit was hit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    /// Path.
    pub cgroup: Option<KernelText>,
    /// `memory.current`.
    pub usage_bytes: Option<u64>,
    /// `memory.max`; `None` also for "no limit".
    pub max_bytes: Option<u64>,
    /// Swap in use; on cgroup v1 memory and swap together.
    pub swap_usage_bytes: Option<u64>,
    /// Its limit; `None` also for "no limit".
    pub swap_max_bytes: Option<u64>,
    /// The cgroups above it, nearest first.
    pub ancestors: Option<Vec<Self>>,
}

/// The tasks the kernel weighed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidates {
    /// How many there were.
    pub total: u64,
    /// Those with the most badness, highest first.
    pub top: Vec<Candidate>,
}

/// A task the kernel could have chosen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Process id.
    pub pid: u32,
    /// `task_struct.comm`.
    pub comm: Option<KernelText>,
    /// Path of its memory cgroup.
    pub cgroup: Option<KernelText>,
    /// Its memory.
    pub memory: Memory,
    /// `signal_struct.oom_score_adj`.
    pub oom_score_adj: Option<i16>,
    /// As the kernel weighs it, in pages.
    pub badness: Option<i64>,
}

/// How the machine stood.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct System {
    /// Usable memory.
    pub total_bytes: Option<u64>,
    /// Free memory.
    pub free_bytes: Option<u64>,
    /// What could be had without swapping.
    pub available_bytes: Option<u64>,
    /// Swap space.
    pub swap_total_bytes: Option<u64>,
    /// Free swap space.
    pub swap_free_bytes: Option<u64>,
}

/// The kill in a sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// One sentence.
    pub summary: String,
    /// What fits just this case.
    pub hints: Vec<String>,
}

/// Nine digits, always: a reader may sort the text.
fn rfc3339_ns<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.9}"))
}

fn rfc3339_ns_option<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339_ns(time, serializer),
        None => serializer.serialize_none(),
    }
}
