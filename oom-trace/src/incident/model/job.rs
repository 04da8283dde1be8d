//! The job that a victim was part of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quote::Quoted;

/// Digits of an allocation's id that Nomad shows and takes.
const SHORT: usize = 8;

/// A job of a batch system, of a scheduler, or of a CI runner.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Whose: `slurm`, `flux`, `nomad`, `gitlab`, `github`.
    pub system: String,
    /// As that names it; Nomad's is of an allocation.
    pub id: Option<String>,
    /// Slurm's step: its number, `batch`, `extern`, `interactive`.
    pub step: Option<String>,
    /// The task in it: Slurm's number, Nomad's name.
    pub task: Option<String>,
    /// Whose code it runs: GitLab's number of the project, GitHub's `OWNER-REPOSITORY`.
    pub project: Option<String>,
    /// GitHub's name of the runner.
    pub runner: Option<String>,
}

impl Job {
    /// As its system is called.
    #[must_use]
    pub fn system_name(&self) -> &str {
        match self.system.as_str() {
            "slurm" => "Slurm",
            "flux" => "Flux",
            "nomad" => "Nomad",
            "gitlab" => "GitLab",
            "github" => "GitHub",
            other => other,
        }
    }

    /// What tells it from others of its system, in one word.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        let Self { system: _, id, step: _, task: _, project, runner } = self;
        id.as_deref().or(runner.as_deref()).or(project.as_deref())
    }
}

/// What people know it by: `Slurm job 4711`.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let system = Quoted::from(self.system_name());
        match (&self.id, &self.runner, &self.project) {
            (Some(id), ..) if self.system == "nomad" => {
                write!(f, "{system} allocation {}", Quoted::from(id.get(..SHORT).unwrap_or(id)))
            }
            (Some(id), ..) => write!(f, "{system} job {}", Quoted::from(id.as_str())),
            (None, Some(runner), _) => {
                write!(f, "{system} runner {}", Quoted::from(runner.as_str()))
            }
            (None, None, Some(project)) => {
                write!(f, "{system} project {}", Quoted::from(project.as_str()))
            }
            (None, None, None) => write!(f, "{system} job"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_called_by_what_people_type() {
        let job = |system: &str| Job { system: system.to_owned(), ..Job::default() };
        let with = |system: &str, id: &str| Job { id: Some(id.to_owned()), ..job(system) };
        let shown = |job: Job| job.to_string();
        assert_eq!(shown(with("slurm", "4711")), "Slurm job 4711");
        let allocation = with("nomad", "416baca9-bc05-d4c4-29f0-d0feec4e355c");
        assert_eq!(shown(allocation), "Nomad allocation 416baca9");
        let project = Some("acme-shop".to_owned());
        let runner = Some("build 1".to_owned());
        let github = Job { project: project.clone(), runner, ..job("github") };
        assert_eq!(shown(github), "GitHub runner 'build 1'");
        assert_eq!(shown(Job { project, ..job("gitlab") }), "GitLab project acme-shop");
        assert_eq!(shown(job("slurm")), "Slurm job");
    }
}
