//! `oom-trace verify`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::When;
use super::select::{SpanError, not_empty};
use crate::setting::number;
use crate::sink::{ContainerPattern, Filter, NamePattern, PathPattern, UnitPattern};

/// Of what and when to say whether there was an OOM kill.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status: 0 if the kernel's OOM killer killed nothing, as its own count proves; 1 if there was a kill (tests count, \
and recorded kills by programs such as systemd-oomd); 2 for wrong usage; 3 if it is unknown, or after an error.

If the kernel has just counted a kill that is not recorded yet, verify waits up to four seconds for its record.

Examples:
  oom-trace verify --since '2 hours ago' --unit nginx
  oom-trace verify --since \"$JOB_START\" --pid \"$PID\" && echo 'exit 137 was not the OOM killer'
  oom-trace verify --since yesterday --until today --pod shop/web-7d9c --json")]
pub struct VerifyArgs {
    /// Start of the period: 2026-11-25, "2026-11-25 22:30", 22:30 (the most recent), today, "yesterday
    /// 22:30", "2 hours ago", 2h or RFC 3339
    #[arg(short = 'S', long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: When,
    /// End of the period, in the same formats [default: now]
    #[arg(short = 'U', long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<When>,
    /// Only kills in this cgroup or below it, or at its limit: a path, a name at any depth such as job-4711, or a
    /// pattern such as '/kubepods.slice/**' (* stays within one level, ** does not). A filter given twice matches
    /// either value; different filters must all match
    #[arg(long, value_name = "GLOB")]
    pub cgroup: Vec<PathPattern>,
    /// Only kills in this systemd unit or slice, such as nginx or 'user@*.service'
    #[arg(long, value_name = "GLOB")]
    pub unit: Vec<UnitPattern>,
    /// Only kills in this pod: NAME, NAMESPACE/NAME, or its uid or the beginning of its uid
    #[arg(long, value_name = "GLOB")]
    pub pod: Vec<NamePattern>,
    /// Only kills in this container: its name, or at least the first four digits of its id
    #[arg(long, value_name = "GLOB")]
    pub container: Vec<ContainerPattern>,
    /// Only kills of processes with this name (comm, which the kernel cuts off after 15 bytes)
    #[arg(long, alias = "process", value_name = "GLOB")]
    pub comm: Vec<NamePattern>,
    /// Only the kill of this process or thread
    #[arg(long, value_parser = number::<u32>)]
    pub pid: Option<u32>,
    /// An agent's store [default: the running agent's, else the service's, else the running kernel's log]
    #[arg(value_name = "FILE", conflicts_with = "store")]
    pub file: Option<PathBuf>,
    /// An agent's store, as if it were given as FILE
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Show times in UTC (the default is local time on a terminal, else UTC), and take times without a
    /// zone to be UTC
    #[arg(long)]
    pub utc: bool,
}

impl VerifyArgs {
    /// Its store, however it is named.
    #[must_use]
    pub fn named_store(&self) -> Option<&PathBuf> {
        self.store.as_ref().or(self.file.as_ref())
    }

    /// The period; nothing of it is to come.
    ///
    /// # Errors
    /// It is empty.
    pub fn span(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), SpanError> {
        let since = self.since.moment(self.utc);
        if since > now {
            return Err(SpanError::Future { since });
        }
        let Some(until) = self.until else { return Ok((since, now)) };
        let until = until.moment(self.utc);
        not_empty(since, until)?;
        Ok((since, until.min(now)))
    }

    /// Whose kills are asked for.
    #[must_use]
    pub fn filter(&self) -> Filter {
        let Self {
            since: _,
            until: _,
            cgroup,
            unit,
            pod,
            container,
            comm,
            pid: _,
            file: _,
            store: _,
            json: _,
            utc: _,
        } = self;
        Filter {
            cgroup: cgroup.clone(),
            unit: unit.clone(),
            pod: pod.clone(),
            container: container.clone(),
            comm: comm.clone(),
            ..Filter::default()
        }
    }
}
