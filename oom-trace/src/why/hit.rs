//! The limit that was hit: whose it is, and what sets it.

use super::facts::{is_share, sum};
use super::place;
use crate::incident::model::{Container, Job, Limit, OomKill, Pod, Scope, Victim};
use crate::quote::Quoted;
use crate::text::{KernelText, SHORT_ID, with_short_ids};
use crate::units::Size;

/// Who holds half of a limit is what it is about.
const MOST_PERCENT: u64 = 50;

/// Digits of a container's or pod's id, and those that people know it by.
const DIGEST: usize = 64;

/// What writes `memory.max` (mm/memcontrol.c), and kills if usage does not go below it.
const LOWERS: &str = "memory_max_write+";

/// A limit that was hit.
pub(super) struct Hit<'a> {
    pub(super) limit: &'a Limit,
    pub(super) of: Of<'a>,
    pub(super) level: Level,
    /// Of memory and swap together, as cgroup v1 has it.
    pub(super) with_swap: bool,
    victim: &'a Victim,
}

/// What a cgroup stands for.
pub(super) enum Of<'a> {
    Container(&'a Container),
    Pod(&'a Pod),
    /// A pod of which only its folder's name tells.
    PodFolder(String),
    /// A job whose system sets its limit.
    Job(&'a Job),
    /// All pods of the node, or all of one quality of service.
    Pods(&'a str),
    /// A systemd unit, slices among them.
    Unit(&'a str),
    Cgroup(&'a KernelText),
    Unknown,
}

/// Where the limit is, seen from the victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Own,
    Above,
    Unknown,
}

impl<'a> Hit<'a> {
    pub(super) fn new(kill: &'a OomKill) -> Option<Self> {
        let limit = kill.shortage.limit.as_ref();
        let limit = limit.filter(|_| kill.shortage.scope == Some(Scope::Memcg))?;
        let victim = &kill.victim;
        let of = limit.cgroup.as_ref().map_or(Of::Unknown, |path| Of::new(path, victim));
        let level = level(&of, limit, victim);
        Some(Self { limit, of, level, with_swap: is_with_swap(limit), victim })
    }

    pub(super) fn max(&self) -> Option<u64> {
        if self.with_swap { self.limit.memsw_max_bytes } else { self.limit.max_bytes }
    }

    /// What the victim has, as far as it may be charged here.
    pub(super) fn held(&self) -> Option<u64> {
        sum([self.victim.memory.resident(), self.swap()])
    }

    /// What of it is charged here for certain: what is its own.
    pub(super) fn charged(&self) -> Option<u64> {
        sum([self.victim.memory.anon_rss_bytes, self.swap()])
    }

    fn swap(&self) -> Option<u64> {
        if self.with_swap { self.victim.memory.swap_bytes } else { Some(0) }
    }

    /// Whether most of the limit is charged for the victim.
    pub(super) fn is_most(&self) -> bool {
        self.max().zip(self.charged()).is_some_and(|(max, held)| is_share(held, max, MOST_PERCENT))
    }

    /// The limit and what the victim has, if that is less than half of it.
    pub(super) fn less(&self) -> Option<(u64, u64)> {
        let (max, held) = (self.max()?, self.held()?);
        (max > 0 && !is_share(held, max, MOST_PERCENT)).then_some((max, held))
    }

    /// Whether nothing below the limit may be swapped out, whatever swap there is.
    pub(super) fn forbids_swap(&self) -> bool {
        self.no_swap().is_some() || self.is_held_down()
    }

    /// Whether v1's limit of memory and swap is no higher than that of memory, which the kernel then refuses to
    /// raise (`mem_cgroup_resize_max`, mm/memcontrol-v1.c).
    fn is_held_down(&self) -> bool {
        let Limit { max_bytes, memsw_max_bytes, .. } = self.limit;
        memsw_max_bytes.zip(*max_bytes).is_some_and(|(sum, own)| sum <= own)
    }

    /// The level whose `memory.swap.max` is 0.
    pub(super) fn no_swap(&self) -> Option<&'a Limit> {
        let above = self.limit.ancestors.as_deref().unwrap_or_default();
        let is_zero = |limit: &&Limit| limit.swap_max_bytes == Some(0);
        std::iter::once(self.limit).chain(above).find(is_zero)
    }

    pub(super) fn name(&self) -> String {
        match &self.of {
            Of::Container(container) => {
                place::of(self.victim).unwrap_or_else(|| place::container(container))
            }
            Of::Pod(pod) => place::pod(pod),
            Of::PodFolder(uid) => format!("pod {}", Quoted::from(uid.as_str())),
            Of::Job(job) => job.to_string(),
            Of::Pods(name) => {
                let which = ["burstable", "besteffort"].into_iter().find(|qos| name.contains(qos));
                let space = if which.is_some() { " " } else { "" };
                let which = which.unwrap_or_default();
                format!(
                    "{}, the cgroup of all {which}{space}pods on this node,",
                    Quoted::from(*name)
                )
            }
            Of::Unit(name) => Quoted::from(with_short_ids(name).as_str()).to_string(),
            Of::Cgroup(path) => format!("cgroup {}", Quoted::from(*path)),
            Of::Unknown => "a memory cgroup".to_owned(),
        }
    }

    /// What to raise.
    pub(super) fn knob(&self) -> String {
        if let Of::Job(_) | Of::Container(_) = self.of
            && let Some(knob) = place::job_limit(self.victim)
        {
            return knob;
        }
        match &self.of {
            Of::Container(_) if self.victim.pod.is_some() => {
                format!("resources.limits.memory of {}", self.name())
            }
            Of::Container(container) => match container.runtime.as_deref() {
                Some(runtime @ ("docker" | "podman")) => {
                    let option = match (self.with_swap, self.is_held_down()) {
                        (true, _) => "--memory-swap",
                        (false, true) => "--memory-swap and --memory",
                        (false, false) => "--memory",
                    };
                    format!("{runtime}'s {option} of {}", self.name())
                }
                _ => format!("the memory limit of {}", self.name()),
            },
            Of::Pod(_) | Of::PodFolder(_) => {
                format!("resources.limits.memory in {}", self.name())
            }
            Of::Pods(_) => "the node's allocatable memory (lower kubelet's system-reserved or \
                            kube-reserved)"
                .to_owned(),
            Of::Unit(_) | Of::Cgroup(_) | Of::Unknown if self.with_swap => {
                self.file("memory.memsw.limit_in_bytes")
            }
            _ if self.is_v1() => {
                let setting = self.setting("memory.limit_in_bytes", "MemoryMax=");
                let first = self.is_held_down().then(|| match self.of {
                    Of::Unit(_) => self.file("memory.memsw.limit_in_bytes") + " and then ",
                    _ => "memory.memsw.limit_in_bytes and then ".to_owned(),
                });
                first.unwrap_or_default() + &setting
            }
            _ => self.setting("memory.max", "MemoryMax="),
        }
    }

    /// A setting of the limit's cgroup, as its systemd unit or its file.
    pub(super) fn setting(&self, file: &str, systemd: &str) -> String {
        match self.of {
            Of::Unit(unit) => format!("{systemd} of {}{}", Quoted::from(unit), self.manager()),
            _ => self.file(file),
        }
    }

    /// Whose unit it is, if not the system's.
    fn manager(&self) -> &'static str {
        let path = self.limit.cgroup.as_ref().map_or(&b""[..], |path| path.as_bytes());
        let of_user = |part: &[u8]| part.starts_with(b"user@") && part.ends_with(b".service");
        match path.rsplit(|&byte| byte == b'/').skip(1).any(of_user) {
            true => " (systemctl --user)",
            false => "",
        }
    }

    /// A file of the limit's cgroup.
    pub(super) fn file(&self, file: &str) -> String {
        match &self.limit.cgroup {
            // Paths of theirs are digests, and longer than a line.
            Some(_) if matches!(self.of, Of::Container(_) | Of::Pod(_) | Of::PodFolder(_)) => {
                format!("{file} of {}", self.name())
            }
            Some(path) => format!("{file} of {}", Quoted::from(path)),
            None => file.to_owned(),
        }
    }

    /// Whether kubelet, or the system that a job is of, sets its limits.
    pub(super) fn is_scheduled(&self) -> bool {
        self.is_kubernetes() || place::job_limit(self.victim).is_some()
    }

    /// Whether kubelet manages it.
    pub(super) fn is_kubernetes(&self) -> bool {
        self.victim.pod.is_some() || matches!(self.of, Of::Pods(_) | Of::PodFolder(_))
    }

    fn is_v1(&self) -> bool {
        let Limit { memsw_usage_bytes, kmem_usage_bytes, .. } = self.limit;
        memsw_usage_bytes.or(*kmem_usage_bytes).is_some()
    }
}

impl<'a> Of<'a> {
    fn new(path: &'a KernelText, victim: &'a Victim) -> Self {
        // What is not UTF-8 no runtime has named.
        let Ok(whole) = std::str::from_utf8(path.as_bytes()) else { return Self::Cgroup(path) };
        let last = whole.rsplit('/').next().unwrap_or(whole);
        let job = victim.job.as_ref().filter(|job| is_job(whole, job));
        let job = job.filter(|_| place::job_limit(victim).is_some());
        match (&victim.container, &victim.pod, job) {
            (Some(it), ..) if is_container(last, &it.id) => Self::Container(it),
            (_, Some(pod), _) if is_pod(last, &pod.uid) => Self::Pod(pod),
            (.., Some(job)) => Self::Job(job),
            _ if is_pods(whole) => Self::Pods(last),
            (_, None, _) if pod_folder(whole).is_some() => {
                Self::PodFolder(pod_folder(whole).unwrap_or_default())
            }
            _ if [".service", ".scope", ".slice"].iter().any(|end| last.ends_with(end)) => {
                Self::Unit(last)
            }
            _ => Self::Cgroup(path),
        }
    }
}

/// Whether a folder is the container's: a digest is no part of another name, but a name may be.
fn is_container(folder: &str, id: &str) -> bool {
    if id.len() == DIGEST {
        return folder.contains(id);
    }
    let name = folder
        .strip_prefix("lxc.payload.")
        .or_else(|| folder.strip_prefix("systemd-nspawn@")?.strip_suffix(".service"));
    name.unwrap_or(folder) == id
}

/// Whether a path leads to a job's folder, or below it.
fn is_job(path: &str, job: &Job) -> bool {
    let Some(id) = job.id.as_deref() else { return false };
    let is_own = |part: &str| {
        part.strip_prefix("job_") == Some(id)
            || part.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'))
    };
    path.split('/').any(is_own)
}

fn is_pod(folder: &str, uid: &str) -> bool {
    !uid.is_empty() && (folder.contains(uid) || folder.contains(&uid.replace('-', "_")))
}

/// The uid in `kubepods-burstable-podUID.slice` or `kubepods/burstable/podUID`.
fn pod_folder(path: &str) -> Option<String> {
    let last = path.rsplit('/').next().filter(|_| path.contains("kubepods"))?;
    let name = last.strip_suffix(".slice").unwrap_or(last);
    let uid = name.strip_prefix("pod").or_else(|| Some(name.rsplit_once("-pod")?.1))?;
    let is_uid = uid.len() >= SHORT_ID && uid.starts_with(|c: char| c.is_ascii_hexdigit());
    is_uid.then(|| uid.replace('_', "-"))
}

/// The folder that kubelet limits to the node's allocatable memory, and those of its classes.
fn is_pods(path: &str) -> bool {
    const FOLDERS: [&str; 3] = ["kubepods", "kubepods-burstable", "kubepods-besteffort"];
    let mut parts = path.rsplit('/').map(|part| part.strip_suffix(".slice").unwrap_or(part));
    match parts.next() {
        Some("burstable" | "besteffort") => parts.next() == Some("kubepods"),
        // A kubelet with a root cgroup of its own puts that before.
        Some(last) => FOLDERS.iter().any(|folder| {
            last.strip_suffix(folder).is_some_and(|root| root.is_empty() || root.ends_with('-'))
        }),
        None => false,
    }
}

fn level(of: &Of<'_>, limit: &Limit, victim: &Victim) -> Level {
    match of {
        // Below them is what they made for themselves.
        Of::Container(_) | Of::Pod(_) | Of::PodFolder(_) | Of::Job(_) => return Level::Own,
        Of::Unit(unit) if victim.unit.as_deref() == Some(*unit) => return Level::Own,
        _ => {}
    }
    let (Some(limit), Some(own)) = (&limit.cgroup, &victim.cgroup) else { return Level::Unknown };
    match own.path.as_bytes().strip_prefix(limit.as_bytes()) {
        Some([]) => Level::Own,
        Some([b'/', ..]) => Level::Above,
        Some(_) if limit.as_bytes() == b"/" => Level::Above,
        _ => Level::Unknown,
    }
}

/// Of v1's two limits, whether that of memory and swap is the nearer. Where both are full, memory could still
/// have been swapped out but for that (`try_charge_memcg`, mm/memcontrol.c, charges it first).
fn is_with_swap(limit: &Limit) -> bool {
    let room = |usage: Option<u64>, max: Option<u64>| Some(max?.saturating_sub(usage?));
    let both = room(limit.memsw_usage_bytes, limit.memsw_max_bytes);
    let memory = room(limit.usage_bytes, limit.max_bytes);
    let is_above = limit.memsw_max_bytes > limit.max_bytes;
    both.is_some_and(|both| memory.is_none_or(|memory| both < memory || both == memory && is_above))
}

/// Whether it was not usage that met the limit, but the limit that was set below it.
pub(super) fn is_lowered(kill: &OomKill) -> bool {
    let frames = kill.shortage.stack.as_deref().unwrap_or_default();
    kill.shortage.scope == Some(Scope::Memcg)
        && frames.iter().any(|frame| frame.starts_with(LOWERS))
}

/// `512.0 MiB`, or `512.0 MiB of memory and swap`
pub(super) fn amount(hit: &Hit<'_>) -> Option<String> {
    let max = Size(hit.max()?);
    Some(if hit.with_swap { format!("{max} of memory and swap") } else { max.to_string() })
}

#[cfg(test)]
mod tests;
