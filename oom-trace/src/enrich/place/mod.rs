//! Where a victim ran, as far as the path of its cgroup tells: systemd unit and slice, container,
//! pod. The names of a pod come from the links that kubelet keeps on the node.

mod container;
mod kubelet;
mod pod;

use std::path::PathBuf;

use crate::incident::model::{Container, Pod};
use crate::systemd;

/// Where a victim ran.
#[derive(Debug, Default, PartialEq)]
pub struct Place {
    /// The innermost systemd unit.
    pub unit: Option<String>,
    /// The innermost systemd slice.
    pub slice: Option<String>,
    /// The innermost container.
    pub container: Option<Container>,
    /// The pod.
    pub pod: Option<Pod>,
}

/// Knows where kubelet keeps its links.
#[derive(Debug, Clone)]
pub struct PlaceReader {
    logs: PathBuf,
}

impl Default for PlaceReader {
    fn default() -> Self {
        Self { logs: PathBuf::from(kubelet::LOGS) }
    }
}

impl PlaceReader {
    /// What the path says. A container's own systemd has units too; the innermost is taken.
    #[must_use]
    pub fn place(&self, path: &[u8]) -> Place {
        // What is not UTF-8 no runtime has named.
        let parts: Vec<&str> = path
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
            .filter_map(|part| std::str::from_utf8(part).ok())
            .collect();
        let mut container = container::find(&parts);
        let mut pod = pod::find(&parts);
        if let (Some(container), Some(pod)) = (&mut container, &mut pod)
            && let Some(names) = kubelet::names(&self.logs, &container.id)
        {
            container.name.get_or_insert_with(|| names.container.clone());
            pod.namespace = Some(names.namespace);
            pod.name = Some(names.pod);
            pod.container = Some(names.container);
        }
        Place { unit: systemd::unit(&parts), slice: systemd::slice(&parts), container, pod }
    }
}

#[cfg(test)]
mod tests;
