//! The names behind a container's id, from the links that kubelet keeps for log collectors:
//! `/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log` (`pkg/kubelet/kuberuntime/legacy.go`), and from the
//! name that CRI-O and cri-dockerd make of all of them.
//!
//! A link lives until the container is removed, which takes longer than its death.

use std::fs;
use std::path::Path;

use crate::incident::model::{Container, Pod};

pub(super) const LOGS: &str = "/var/log/containers";

/// Puts them where they belong.
pub(super) fn name(logs: &Path, container: &mut Container, pod: &mut Pod) {
    let made_of_them = container.name.as_deref().and_then(Names::in_name);
    let is_unnamed = container.name.is_none() || made_of_them.is_some();
    if let Some(names) = Names::in_links(logs, &container.id).or(made_of_them) {
        if is_unnamed {
            container.name = Some(names.container.clone());
        }
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

impl Names {
    /// Looks for the container's link; a node has some hundreds at the most.
    fn in_links(logs: &Path, id: &str) -> Option<Self> {
        let suffix = format!("-{id}.log");
        fs::read_dir(logs).ok()?.flatten().find_map(|entry| {
            let name = entry.file_name();
            // None of the three may hold an underscore (RFC 1123 names).
            let mut parts = name.to_str()?.strip_suffix(&suffix)?.splitn(3, '_');
            Some(Self {
                pod: parts.next()?.to_owned(),
                namespace: parts.next()?.to_owned(),
                container: parts.next()?.to_owned(),
            })
        })
    }

    /// `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, as dockershim began it.
    fn in_name(name: &str) -> Option<Self> {
        let parts: Vec<_> = name.split('_').collect();
        let ["k8s", container, pod, namespace, _uid, _attempt] = *parts else { return None };
        let [pod, namespace, container] = [pod, namespace, container].map(str::to_owned);
        Some(Self { pod, namespace, container })
    }
}
