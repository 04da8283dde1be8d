//! Where the victim ran, by the name that people know best.

use crate::incident::model::{Container, Job, Pod, Victim};
use crate::quote::Quoted;

/// `container web in pod shop/cart-0`; `None` for the root cgroup.
pub(super) fn of(victim: &Victim) -> Option<String> {
    match (&victim.container, &victim.pod) {
        (Some(container), Some(pod)) => {
            Some(format!("{} in {}", self::container(container), self::pod(pod)))
        }
        (Some(container), None) => Some(self::container(container)),
        (None, Some(pod)) => Some(self::pod(pod)),
        (None, None) => match (&victim.job, &victim.unit, &victim.cgroup) {
            (Some(job), ..) => Some(job.to_string()),
            (None, Some(unit), _) => Some(Quoted::from(unit.as_str()).to_string()),
            (None, None, Some(cgroup)) if cgroup.path.as_bytes() != b"/" => {
                Some(format!("cgroup {}", Quoted::from(&cgroup.path)))
            }
            _ => None,
        },
    }
}

pub(super) fn container(container: &Container) -> String {
    format!("container {}", Quoted::from(container.label()))
}

pub(super) fn pod(pod: &Pod) -> String {
    // As much of an id of podman's as podman shows and takes; a uid of Kubernetes' is whole.
    let short = if pod.qos.is_some() { None } else { pod.uid.get(..12) };
    let name = pod.full_name().unwrap_or_else(|| short.unwrap_or(&pod.uid).to_owned());
    format!("pod {}", Quoted::from(name.as_str()))
}

/// What sets the limit of the victim's job, where that is its system's to do.
pub(super) fn job_limit(victim: &Victim) -> Option<String> {
    let job = victim.job.as_ref()?;
    match job.system.as_str() {
        "slurm" => Some(format!("--mem of {job} (sbatch, srun)")),
        "nomad" => Some(format!("memory or memory_max in the resources of {}", task(job))),
        _ => None,
    }
}

/// `task web of Nomad allocation 416baca9`
fn task(job: &Job) -> String {
    match job.task.as_deref() {
        Some(task) => format!("task {} of {job}", Quoted::from(task)),
        None => job.to_string(),
    }
}

/// What to limit so that it cannot take the machine.
pub(super) fn own_limit(victim: &Victim) -> String {
    let Victim { container, pod, unit, .. } = victim;
    if let Some(knob) = job_limit(victim) {
        return format!("set or lower {knob}");
    }
    match (container, pod, unit.as_deref()) {
        // Podman's pods have none.
        (_, Some(pod), _) if pod.qos.is_some() => {
            format!("set or lower resources.limits.memory of {}", self::pod(pod))
        }
        (Some(container), ..) => {
            format!("set or lower the memory limit of {}", self::container(container))
        }
        (.., Some(unit)) if unit.ends_with(".service") => {
            format!("set or lower MemoryMax= of {}", Quoted::from(unit))
        }
        // Its machine may have no systemd, and its kernel no cgroups.
        _ if victim.cgroup.is_none() => {
            "run it under a limit of its own (ulimit -v; with systemd, \
                                         systemd-run --scope -p MemoryMax=…)"
                .to_owned()
        }
        _ => "run it under a limit of its own (systemd-run --scope -p MemoryMax=…)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::Cgroup;

    #[test]
    fn the_best_known_name_is_taken() {
        let mut victim =
            Victim { cgroup: Some(Cgroup { path: "/".into(), id: None }), ..Victim::default() };
        assert_eq!(of(&victim), None);
        victim.cgroup = Some(Cgroup { path: "/a b".into(), id: None });
        assert_eq!(of(&victim).as_deref(), Some("cgroup '/a b'"));
        victim.unit = Some("app.service".into());
        assert_eq!(of(&victim).as_deref(), Some("app.service"));
        let job = Job { system: "slurm".into(), id: Some("4711".into()), ..Job::default() };
        victim.job = Some(job);
        assert_eq!(of(&victim).as_deref(), Some("Slurm job 4711"));
        let (uid, id) = ("5f0e".to_owned(), "0123456789abcdef".to_owned());
        victim.pod = Some(Pod { uid, namespace: None, name: None, container: None, qos: None });
        assert_eq!(of(&victim).as_deref(), Some("pod 5f0e"));
        victim.container = Some(Container { id, runtime: None, name: None, image: None });
        assert_eq!(of(&victim).as_deref(), Some("container 0123456789ab in pod 5f0e"));
        victim.pod = None;
        assert_eq!(of(&victim).as_deref(), Some("container 0123456789ab"));
    }
}
