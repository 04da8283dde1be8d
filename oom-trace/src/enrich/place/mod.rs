//! Where a victim ran, as far as the path of its cgroup tells: systemd unit and slice, container,
//! pod. The names of a pod come from the links that kubelet keeps on the node.

mod container;
mod kubelet;
pub(crate) mod names;
mod pod;

use std::path::PathBuf;

use crate::incident::model::{Container, Pod};
use crate::systemd;

/// Where a victim ran.
#[derive(Debug, Clone, Default, PartialEq)]
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

impl Place {
    /// What the path alone says. A container's own systemd has units too; the innermost is taken.
    #[must_use]
    pub fn by_path(path: &[u8]) -> Self {
        // What is not UTF-8 no runtime has named.
        let parts: Vec<&str> = path
            .split(|&byte| byte == b'/')
            .filter(|part| !part.is_empty())
            .filter_map(|part| std::str::from_utf8(part).ok())
            .collect();
        let (container, pod) = (container::find(&parts), pod::find(&parts));
        Self { unit: systemd::unit(&parts), slice: systemd::slice(&parts), container, pod }
    }
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
    /// What the path says, and kubelet's links.
    #[must_use]
    pub fn place(&self, path: &[u8]) -> Place {
        let mut place = Place::by_path(path);
        if let (Some(container), Some(pod)) = (&mut place.container, &mut place.pod) {
            kubelet::name(&self.logs, container, pod);
        }
        place
    }
}

#[cfg(test)]
mod tests;
