//! Where a victim ran, and whose limit it was, by the names that people know best.

use std::fmt::Display;

use crate::incident::model::{OomKill, Pod, Scope, Shortage, Victim};
use crate::text::{Escaped, KernelText, with_short_ids};

/// What kind of place a victim ran in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// A pod.
    Pod,
    /// A container in no pod.
    Container,
    /// A systemd unit.
    Unit,
    /// Any other cgroup.
    Cgroup,
}

/// The kind of place, and its name, escaped.
pub(super) fn of_victim(victim: &Victim) -> Option<(Kind, String)> {
    let Victim { pod, container, unit, cgroup, .. } = victim;
    if let Some(pod) = pod {
        return Some((Kind::Pod, self::pod(pod)));
    }
    if let Some(container) = container {
        return Some((Kind::Container, escaped(container.label())));
    }
    if let Some(unit) = unit {
        return Some((Kind::Unit, escaped(unit)));
    }
    cgroup.as_ref().map(|cgroup| (Kind::Cgroup, cgroup.path.to_string()))
}

/// `namespace/name`, and the container of several.
fn pod(pod: &Pod) -> String {
    let Pod { uid, namespace: _, name, container, qos: _ } = pod;
    let name = escaped(&pod.full_name().or(name.clone()).unwrap_or_else(|| uid.clone()));
    match container {
        Some(container) => format!("{name} ({})", Escaped(container.as_bytes())),
        None => name,
    }
}

/// Whose memory ran out.
pub(super) fn of_limit(shortage: &Shortage) -> Option<String> {
    let cgroup = || shortage.limit.as_ref()?.cgroup.as_ref().map(KernelText::to_string);
    match shortage.scope {
        Some(Scope::Memcg) => Some(cgroup().unwrap_or_else(|| "an unknown memory cgroup".into())),
        Some(Scope::Global) => Some("the machine".into()),
        Some(Scope::Cpuset) => Some("the nodes of a cpuset".into()),
        Some(Scope::Mempolicy) => Some("the nodes of a memory policy".into()),
        Some(Scope::Sysrq) => Some("none: SysRq by hand".into()),
        None => cgroup(),
    }
}

/// How large it was: the limit, or the memory of the machine.
pub(super) fn size(kill: &OomKill) -> Option<u64> {
    let OomKill { shortage, system, .. } = kill;
    match shortage.scope {
        Some(Scope::Global) => system.as_ref()?.total_bytes,
        _ => shortage.limit.as_ref()?.max_bytes,
    }
}

/// A long path by its end, which tells it from others: a pod's has 150 characters of the same.
pub(super) fn short(path: &str, room: usize) -> String {
    if path.chars().count() <= room {
        return path.to_owned();
    }
    let path = &with_short_ids(path);
    let length = path.chars().count();
    if length <= room || room == 0 {
        return path.to_owned();
    }
    let end: String = path.chars().skip(length - (room - 1)).collect();
    // From the beginning of a name, if there is one.
    match end.find('/') {
        Some(at) if at < room / 2 => format!("…{}", end.get(at..).unwrap_or(&end)),
        _ => format!("…{end}"),
    }
}

pub(super) fn escaped(text: &str) -> String {
    Escaped(text.as_bytes()).to_string()
}

/// A name, and the host where there are several.
pub(super) fn on_host(name: &dyn Display, host: Option<&str>) -> String {
    match host {
        Some(host) => format!("{name} on {host}"),
        None => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_cut_at_the_beginning_of_a_name() {
        assert_eq!(short("/system.slice/app.service", 40), "/system.slice/app.service");
        assert_eq!(short("/kubepods.slice/pod1.slice/app.scope", 28), "…/pod1.slice/app.scope");
        assert_eq!(short("/a/0123456789abcdef", 8), "…9abcdef");
        let id = "0123456789abcdef".repeat(4);
        let path = format!("/kubepods.slice/pod1.slice/cri-containerd-{id}.scope");
        assert_eq!(short(&path, 40), "…/cri-containerd-0123456789ab….scope");
        assert_eq!(short(&path, 200), path);
        assert_eq!(short("é".repeat(9).as_str(), 4), "…ééé");
    }
}
