//! Where a victim ran, as far as the path of its cgroup tells: systemd unit and slice, container,
//! pod, job, application. The names of a pod come from the links that kubelet keeps on the node.

mod app;
mod container;
mod job;
mod kubelet;
pub(crate) mod names;
mod pod;

use std::path::PathBuf;

use crate::incident::model::{Container, Job, Pod};
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
    /// The job.
    pub job: Option<Job>,
    /// The desktop application.
    pub app: Option<String>,
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
        Self {
            unit: systemd::unit(&parts),
            slice: systemd::slice(&parts),
            container: container::find(&parts),
            pod: pod::find(&parts),
            job: job::find(&parts),
            app: app::find(&parts),
        }
    }

    /// Asks the names of its container and its pod, where nothing else tells of a job.
    fn name_job(&mut self) {
        let Self { container, pod, job, .. } = self;
        *job = job.take().or_else(|| job::by_name(container.as_ref(), pod.as_ref()));
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
        place.name_job();
        place
    }
}

#[cfg(test)]
mod tests;
