//! The names behind a container's id, from the links that kubelet keeps for log collectors:
//! `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` (`pkg/kubelet/kuberuntime/legacy.go`).
//!
//! A link lives until the container is removed, which takes longer than its death.

use std::fs;
use std::path::Path;

use crate::incident::model::{Container, Pod};

pub(super) const LOGS: &str = "/var/log/containers";

/// Puts them where they belong.
pub(super) fn name(logs: &Path, container: &mut Container, pod: &mut Pod) {
    if let Some(names) = names(logs, &container.id) {
        container.name.get_or_insert_with(|| names.container.clone());
        pod.namespace = Some(names.namespace);
        pod.name = Some(names.pod);
        pod.container = Some(names.container);
    }
}

/// A container's names in Kubernetes.
struct Names {
    pod: String,
    namespace: String,
    container: String,
}

/// Looks for the container's link; a node has some hundreds at the most.
fn names(logs: &Path, id: &str) -> Option<Names> {
    let suffix = format!("-{id}.log");
    fs::read_dir(logs).ok()?.flatten().find_map(|entry| {
        let name = entry.file_name();
        // None of the three may hold an underscore (RFC 1123 names).
        let mut parts = name.to_str()?.strip_suffix(&suffix)?.splitn(3, '_');
        Some(Names {
            pod: parts.next()?.to_owned(),
            namespace: parts.next()?.to_owned(),
            container: parts.next()?.to_owned(),
        })
    })
}
