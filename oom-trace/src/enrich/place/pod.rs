//! Pods, by the folders that kubelet makes for them (`--cgroup-driver`): with `systemd`
//! `kubepods-burstable-podUID.slice`, dashes in the uid written as underscores; with `cgroupfs`
//! `kubepods/burstable/podUID`. A pod without a class in its name is guaranteed. Podman's have an id in place
//! of the uid: `machine-libpod_pod_ID.slice`, and with `cgroupfs` `libpod_parent/ID`.

use crate::incident::model::Pod;

const CLASSES: [&str; 2] = ["burstable", "besteffort"];

pub(super) fn find(parts: &[&str]) -> Option<Pod> {
    of_kubernetes(parts).or_else(|| of_podman(parts))
}

fn of_podman(parts: &[&str]) -> Option<Pod> {
    let parents = std::iter::once(&"").chain(parts);
    parents.zip(parts).find_map(|(parent, part)| {
        let of_systemd =
            || part.strip_suffix(".slice")?.split_once("libpod_pod_").map(|(_, id)| id);
        let of_cgroupfs = || (*parent == "libpod_parent").then_some(*part);
        let id = of_systemd().or_else(of_cgroupfs).filter(|id| super::container::is_digest(id))?;
        Some(Pod { uid: id.to_owned(), namespace: None, name: None, container: None, qos: None })
    })
}

fn of_kubernetes(parts: &[&str]) -> Option<Pod> {
    let root = parts.iter().position(|part| part.contains("kubepods"))?;
    parts.get(root..)?.iter().rev().find_map(|part| {
        let before_colon = part.split(':').next()?;
        let name = before_colon.strip_suffix(".slice").unwrap_or(before_colon);
        let (before, uid) = name.rsplit_once("pod").filter(|(before, _)| is_prefix(before))?;
        is_uid(uid).then(|| pod(uid, before, parts))
    })
}

/// What may stand before `podUID`: nothing, or `kubepods-`, with the class or kubelet's own slice.
fn is_prefix(before: &str) -> bool {
    before.is_empty() || (before.contains("kubepods") && before.ends_with('-'))
}

/// A UUID, or the digest that names a static pod.
fn is_uid(uid: &str) -> bool {
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let others = uid.bytes().filter(|byte| matches!(byte, b'-' | b'_')).count();
    digits == 32 && digits + others == uid.len()
}

fn pod(uid: &str, before: &str, parts: &[&str]) -> Pod {
    let class = CLASSES.iter().find(|class| before.contains(*class) || parts.contains(class));
    Pod {
        uid: uid.replace('_', "-"),
        namespace: None,
        name: None,
        container: None,
        qos: Some(class.copied().unwrap_or("guaranteed").to_owned()),
    }
}
