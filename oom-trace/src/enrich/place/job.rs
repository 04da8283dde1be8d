//! Jobs, by the folders that batch systems and schedulers make for them, the unit of a CI runner, and the names
//! and labels that those give to what they start.

use std::collections::HashMap;

use crate::incident::model::{Container, Job, Pod};

/// The job in a path.
pub(super) fn find(parts: &[&str]) -> Option<Job> {
    slurm(parts).or_else(|| nomad(parts)).or_else(|| {
        let mut units = parts.iter().rev().filter_map(|part| part.strip_suffix(".service"));
        units.find_map(|unit| flux(unit).or_else(|| github(unit)))
    })
}

/// `slurmstepd.scope/job_4711/step_0/user/task_2`, below `NODE_slurmstepd.scope` where a machine is several nodes
/// (Slurm's cgroup/v2 plugin); `slurm/uid_1000/job_4711/step_0/task_2`, or below `slurm_NODE` (cgroup/v1).
fn slurm(parts: &[&str]) -> Option<Job> {
    let is_scope = |part: &&str| *part == "slurmstepd.scope" || part.ends_with("_slurmstepd.scope");
    let is_folder = |part: &&str| *part == "slurm" || part.starts_with("slurm_");
    let below = match parts.iter().position(is_scope) {
        Some(scope) => parts.get(scope + 1..)?,
        None => {
            let folder = parts.iter().position(is_folder)?;
            parts.get(folder + 1..)?.split_first().filter(|(uid, _)| uid.starts_with("uid_"))?.1
        }
    };
    let (first, below) = below.split_first()?;
    let id = first.strip_prefix("job_").filter(|id| is_number(id))?;
    let named = |prefix: &str| below.iter().find_map(|part| part.strip_prefix(prefix));
    Some(Job {
        system: "slurm".to_owned(),
        id: Some(id.to_owned()),
        step: named("step_").map(str::to_owned),
        task: named("task_").filter(|task| is_number(task)).map(str::to_owned),
        ..Job::default()
    })
}

/// `nomad.slice/share.slice/ALLOCATION.TASK.scope`, or `reserve.slice`, or neither before Nomad 1.7;
/// `nomad/ALLOCATION.TASK` on cgroup v1 (client/lib/cgroupslib of Nomad).
fn nomad(parts: &[&str]) -> Option<Job> {
    let root = parts.iter().position(|part| matches!(*part, "nomad.slice" | "nomad"))?;
    parts.get(root + 1..)?.iter().find_map(|part| {
        let (id, task) = part.strip_suffix(".scope").unwrap_or(part).split_once('.')?;
        is_uuid(id).then(|| allocation(id, Some(task)))
    })
}

fn allocation(id: &str, task: Option<&str>) -> Job {
    let task = task.map(str::to_owned);
    Job { system: "nomad".to_owned(), id: Some(id.to_owned()), task, ..Job::default() }
}

/// `shell-RANK-JOB`, or `imp-shell-RANK-JOB` where jobs are of several users; the job's id in Flux's base 58
/// (src/common/libsubprocess/bulk-exec.c of flux-core).
fn flux(unit: &str) -> Option<Job> {
    let rest = unit.strip_prefix("imp-").unwrap_or(unit).strip_prefix("shell-")?;
    let (rank, id) = rest.split_once('-')?;
    let is_base_58 = |byte: u8| byte.is_ascii_alphanumeric() && !b"0OIl".contains(&byte);
    let is_id = id.strip_prefix('f').is_some_and(|it| !it.is_empty() && it.bytes().all(is_base_58));
    let job = || Job { system: "flux".to_owned(), id: Some(id.to_owned()), ..Job::default() };
    (is_number(rank) && is_id).then(job)
}

/// `actions.runner.OWNER-REPOSITORY.RUNNER`, or the organisation's name alone (`svc.sh` of GitHub's runner). Both
/// may have dots: with more than one nobody can tell where the runner's name begins.
fn github(unit: &str) -> Option<Job> {
    let (project, runner) = unit.strip_prefix("actions.runner.")?.split_once('.')?;
    let is_certain = !runner.contains('.');
    let [project, runner] = [project, runner].map(|it| is_certain.then(|| it.to_owned()));
    Some(Job { system: "github".to_owned(), project, runner, ..Job::default() })
}

/// The job that a container was started for, by the labels that it was given: those of GitLab's Docker executor,
/// and of Nomad's Docker driver.
pub(super) fn by_labels(labels: &HashMap<String, String>) -> Option<Job> {
    const GITLAB: &str = "com.gitlab.gitlab-runner";
    const NOMAD: &str = "com.hashicorp.nomad";
    let label = |system: &str, name: &str| labels.get(&format!("{system}.{name}")).cloned();
    let gitlab = |id| {
        let project = label(GITLAB, "project.id");
        Job { system: "gitlab".to_owned(), id: Some(id), project, ..Job::default() }
    };
    let nomad = |id: String| allocation(&id, label(NOMAD, "task_name").as_deref());
    label(GITLAB, "job.id").map(gitlab).or_else(|| label(NOMAD, "alloc_id").map(nomad))
}

/// The same by the name of a container or a pod: `runner-TOKEN-project-42-concurrent-0-…` is GitLab's.
pub(super) fn by_name(container: Option<&Container>, pod: Option<&Pod>) -> Option<Job> {
    let of_pod = pod.and_then(|pod| pod.name.as_deref());
    let of_container = container.and_then(|container| container.name.as_deref());
    of_pod.into_iter().chain(of_container).find_map(|name| {
        let (_, rest) = name.strip_prefix("runner-")?.split_once("-project-")?;
        let (project, _) = rest.split_once("-concurrent-").filter(|(it, _)| is_number(it))?;
        let project = Some(project.to_owned());
        Some(Job { system: "gitlab".to_owned(), project, ..Job::default() })
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match DASHES.contains(&at) {
            true => byte == b'-',
            false => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOCATION: &str = "416baca9-bc05-d4c4-29f0-d0feec4e355c";

    fn job(path: &str) -> Option<Job> {
        find(&path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>())
    }

    /// All that is known, in one line.
    fn told(job: &Job) -> String {
        let Job { system, id, step, task, project, runner } = job;
        let parts = [id, step, task, project, runner].map(|it| it.as_deref().unwrap_or("-"));
        format!("{system} {}", parts.join(" "))
    }

    #[test]
    fn a_job_is_named_by_its_folders() {
        let nomad = format!("nomad {ALLOCATION} - web - -");
        for (path, expected) in [
            ("/system.slice/slurmstepd.scope/job_4711/step_0/user/task_2", "slurm 4711 0 2 - -"),
            ("/system.slice/n1_slurmstepd.scope/job_4711/step_batch", "slurm 4711 batch - - -"),
            (
                "/system.slice/slurmstepd.scope/job_4/step_extern/user/task_special",
                "slurm 4 extern - - -",
            ),
            ("/slurm/uid_1000/job_4711/step_0/task_0", "slurm 4711 0 0 - -"),
            ("/slurm_n1/uid_0/job_1", "slurm 1 - - - -"),
            (&format!("/nomad.slice/share.slice/{ALLOCATION}.web.scope"), &nomad),
            (&format!("/nomad.slice/{ALLOCATION}.web.scope"), &nomad),
            (&format!("/nomad/{ALLOCATION}.web"), &nomad),
            (
                "/user.slice/user-500.slice/user@500.service/app.slice/imp-shell-0-fTE9HHdZvi3.service",
                "flux fTE9HHdZvi3 - - - -",
            ),
            ("/system.slice/shell-12-f2q.service", "flux f2q - - - -"),
            (
                "/system.slice/actions.runner.acme-shop.build-1.service",
                "github - - - acme-shop build-1",
            ),
            ("/system.slice/actions.runner.acme-next.js.build-1.service", "github - - - - -"),
        ] {
            assert_eq!(job(path).as_ref().map(told).as_deref(), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_only_looks_like_a_job_is_none() {
        for path in [
            "/system.slice/slurmstepd.scope/system",
            "/system.slice/slurmd.service",
            "/system.slice/slurmstepd.scope/job_/step_0",
            "/slurm/job_4711",
            "/job_4711/step_0",
            "/nomad.slice/share.slice",
            "/nomad.slice/web.task.scope",
            "/system.slice/nomad.service",
            "/system.slice/shell-one-two.service",
            "/system.slice/shell-1-gone.service",
            "/system.slice/web.service",
            "/system.slice/actions.runner.service",
            "/",
        ] {
            assert_eq!(job(path), None, "{path}");
        }
    }

    #[test]
    fn what_a_runner_started_says_so() {
        let labels = |all: &[(&str, &str)]| {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let gitlab = labels(&[
            ("com.gitlab.gitlab-runner.job.id", "99"),
            ("com.gitlab.gitlab-runner.project.id", "42"),
        ]);
        assert_eq!(told(&by_labels(&gitlab).unwrap()), "gitlab 99 - - 42 -");
        let nomad = labels(&[("com.hashicorp.nomad.alloc_id", ALLOCATION)]);
        assert_eq!(told(&by_labels(&nomad).unwrap()), format!("nomad {ALLOCATION} - - - -"));
        assert_eq!(by_labels(&labels(&[("maintainer", "42")])), None);

        let named = |name: &str| {
            let pod = Pod { name: Some(name.to_owned()), ..Pod::default() };
            by_name(None, Some(&pod)).as_ref().map(told)
        };
        let name = "runner-ab12cd-project-42-concurrent-0-x7";
        assert_eq!(named(name).as_deref(), Some("gitlab - - - 42 -"));
        assert_eq!(named("runner-ab12cd-project-shop-concurrent-0"), None);
    }
}
