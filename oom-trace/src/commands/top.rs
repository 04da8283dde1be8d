//! `oom-trace top`: wires the live view to this machine and to where kills are told of.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::{anyhow, bail};

use crate::cli::{SortKey, TopArgs};
use crate::commands::select::{Follower, agent, instead_of, store_here};
use crate::commands::trigger::{Hierarchy, Version};
use crate::incident::model::Record;
use crate::quote::Quoted;
use crate::render::{Style, show_local_times};
use crate::sink::{Filter, FilterState, PathPattern};
use crate::top::{self, Arrivals, Kills, Mount, Settings, Sort};

/// Records that are looked through for the last kills: each has up to three.
const BEFORE: u64 = 250;

/// Shows how the machine stands, until a key ends it; or once.
///
/// # Errors
/// There is no terminal, it cannot be written, or a cgroup that is asked for is not there.
pub fn run(args: &TopArgs) -> anyhow::Result<ExitCode> {
    if !args.once
        && let Some(why) = top::why_not_live()
    {
        bail!("{why}, so there can be no live view; for one picture as text: oom-trace top --once");
    }
    if !args.utc && io::stdout().is_terminal() {
        show_local_times();
    }
    let settings = settings(args);
    let (kills, mut arrivals) = kills(args)?;
    if !args.once {
        top::live(&settings, kills, &mut arrivals)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = Style::of_stdout(crate::render::Color::Never, false).in_full_width().width;
    let text = top::once(&settings, kills, &mut arrivals, width)?;
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn settings(args: &TopArgs) -> Settings {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Settings {
        host,
        interval: args.interval.0,
        cgroups: args.cgroup.clone(),
        is_tree: args.tree,
        sort: match args.sort {
            SortKey::Limit => Sort::Fill,
            SortKey::Time => Sort::TimeLeft,
            SortKey::Growth => Sort::Growth,
            SortKey::Used => Sort::Used,
            SortKey::Pressure => Sort::Some,
            SortKey::Kills => Sort::Kills,
            SortKey::Name => Sort::Name,
        },
        mount: Hierarchy::seen_here().map(|it| Mount {
            point: it.mount_point,
            root: it.root,
            version: match it.version {
                Version::V1 => top::Version::V1,
                Version::V2 => top::Version::V2,
            },
        }),
        hides_processes: !rustix::process::geteuid().is_root() && hides_processes(&mounts),
    }
}

/// Whether `/proc` is mounted so that each sees only his own processes (`hidepid`, proc(5)).
fn hides_processes(mountinfo: &str) -> bool {
    let proc = mountinfo.lines().filter(|line| line.split(' ').nth(4) == Some("/proc"));
    proc.flat_map(|line| line.split([' ', ',']))
        .filter_map(|word| word.strip_prefix("hidepid="))
        .any(|value| !matches!(value, "0" | "off"))
}

/// Where kills come from while the view is shown, if from anywhere, and which of them are wanted: beside
/// one cgroup, all others would be taken for its own.
struct Source {
    follower: Option<Follower>,
    wanted: FilterState,
}

impl Source {
    /// With nothing to follow yet.
    fn of(cgroups: &[PathPattern]) -> (Self, Option<String>) {
        let wanted = Filter { cgroup: cgroups.to_vec(), ..Filter::default() };
        let which = wanted.words();
        (Self { follower: None, wanted: FilterState::new(wanted) }, which)
    }

    fn wanted(&mut self, mut records: Vec<Record>) -> Vec<Record> {
        records.retain(|record| self.wanted.takes(record));
        records
    }

    /// The last from before that are wanted; from now on it follows.
    fn follow(&mut self, follower: anyhow::Result<Follower>) -> anyhow::Result<Vec<Record>> {
        let before = self.follower.insert(follower?).before(BEFORE)?;
        Ok(self.wanted(before))
    }
}

impl Arrivals for Source {
    fn take(&mut self) -> anyhow::Result<Vec<Record>> {
        let came = self.follower.as_mut().map_or(Ok(Vec::new()), Follower::take)?;
        Ok(self.wanted(came))
    }
}

/// The last kills, and where the next ones come from: a store if there is one that can be read, else the
/// kernel's log.
///
/// # Errors
/// The store that is named cannot be read.
fn kills(args: &TopArgs) -> anyhow::Result<(Kills, Source)> {
    let (mut source, which) = Source::of(&args.cgroup);
    let agent = if args.log { None } else { agent() };
    let of_agent = agent.as_ref().and_then(|(_, store)| store.clone());
    let named =
        args.store.as_ref().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
    let mut unread = String::new();
    let store = match (args.log, named) {
        (true, _) => None,
        (false, Some(named)) => Some(named),
        (false, None) => store_here().unwrap_or_else(|denied| {
            unread = format!("{denied}; ");
            None
        }),
    };
    if let Some(path) = &store {
        match source.follow(Follower::of_store(path)) {
            Ok(before) => {
                let whose = match &agent {
                    Some((pid, _)) if of_agent.as_deref() == Some(path) => {
                        format!("the store of the running agent (pid {pid})")
                    }
                    Some((pid, _)) => {
                        format!(
                            "{}; it is not known whether agent {pid} writes there",
                            Quoted::from(path.as_path())
                        )
                    }
                    None => format!(
                        "{}; no agent is running, so nothing is added",
                        Quoted::from(path.as_path())
                    ),
                };
                return Ok((Kills::new(whose, which, &before), source));
            }
            Err(error) if args.store.is_some() => {
                return Err(match instead_of(path) {
                    Some(instead) => anyhow!("{error:#}; {instead}"),
                    None => error,
                });
            }
            Err(error) => unread = format!("{error:#}; "),
        }
    }
    let why = match &agent {
        _ if args.log || !unread.is_empty() => String::new(),
        Some((pid, _)) => format!("; agent {pid} keeps no store that can be seen from here"),
        None => "; no agent is running".to_owned(),
    };
    let kills = match source.follow(Follower::of_log()) {
        Ok(before) => Kills::new(format!("{unread}from the kernel's log{why}"), which, &before),
        Err(error) => {
            source.follower = None;
            Kills::new(format!("{unread}{error:#}"), which, &[])
        }
    };
    Ok((kills, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kills_in_the_cgroups_that_are_shown_are_wanted() {
        let kill = crate::render::fixtures::memcg();
        let own = kill.victim.cgroup.as_ref().unwrap().path.to_string();
        let kill = Record::OomKill(Box::new(kill));
        for (pattern, which, count) in
            [(own.as_str(), format!("in {own}"), 1), ("/nowhere/*", "in /nowhere/*".into(), 0)]
        {
            let (mut source, told) = Source::of(&[pattern.parse().unwrap()]);
            assert_eq!((source.wanted(vec![kill.clone()]).len(), told), (count, Some(which)));
        }
        assert_eq!(Source::of(&[]).1, None);
    }

    #[test]
    fn hidden_processes_are_known_by_the_mount() {
        let line = |options| {
            format!("22 28 0:21 / /proc rw,nosuid,relatime shared:5 - proc proc rw{options}\n")
        };
        assert!(!hides_processes(&line("")) && !hides_processes(&line(",hidepid=0")));
        assert!(hides_processes(&line(",gid=3,hidepid=2")));
        assert!(hides_processes(&line(",hidepid=invisible")));
    }
}
