//! Kills that may be what was meant: a misspelt name fits none of them, and must not look like a place where
//! nothing was killed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::super::trigger::Hierarchy;
use crate::enrich::place::Place;
use crate::enrich::place::names::Asked as Named;
use crate::incident::model::OomKill;
use crate::near::{Distance, distance, letters};
use crate::sink::{Filter, Whereabouts};
use crate::text::KernelText;

/// Below these are the files of units, in `systemd/KIND` (systemd.unit(5)): one that is stopped, or has failed,
/// has no cgroup.
const UNIT_FILES: [&str; 8] = [
    "/etc",
    "/run",
    "/usr/local/lib",
    "/usr/lib",
    "/lib",
    "/root/.config",
    "/home/*/.config",
    "/run/user/*",
];
const UNIT_KINDS: [&str; 7] = [
    "system",
    "system.attached",
    "user",
    "transient",
    "generator",
    "generator.early",
    "generator.late",
];

/// Units without a file: who made them removes them, too.
const MADE_BY_PROGRAMS: [&str; 2] = ["scope", "slice"];

/// Cgroups that are looked at.
const MOST: usize = 20_000;

/// Where processes are (proc(5)).
const PROC: &str = "/proc";

/// A place or a process that is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// As people read it.
    pub(super) name: String,
    filter: Filter,
    /// It is on this machine, or a record names it.
    pub(super) is_known: bool,
    /// It was looked for on this machine.
    is_of_here: bool,
    /// A cgroup of this machine that has the name of a unit which there is not.
    pub(super) as_cgroup: Option<KernelText>,
    /// Kills in cgroups whose name is like it, or of processes whose name is.
    alike: BTreeMap<(By, String), u64>,
    /// Kills below a cgroup that its pattern fits.
    below: BTreeMap<(By, String), u64>,
    /// Kills in other units, if it is one itself, or in cgroups beside it, if it is one.
    elsewhere: BTreeMap<(By, String), u64>,
}

/// What a kill may be asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Cgroup,
    Comm,
    /// The name of what runs the script that was asked for.
    Runner,
    Unit,
}

impl By {
    /// As the filter is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Comm | Self::Runner => "comm",
            Self::Unit => "unit",
        }
    }
}

/// All that are asked for.
#[derive(Debug, Default)]
pub(super) struct Meant(Vec<Asked>);

impl Asked {
    const fn is_process(&self) -> bool {
        !self.filter.comm.is_empty()
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        self.name.split_once(' ').map_or(&self.name, |(_, text)| text)
    }

    /// Whether its name stands on this machine wherever it is; of a container or a pod, it may not.
    pub(super) fn is_findable(&self) -> bool {
        let Filter { cgroup, unit, comm, .. } = &self.filter;
        !cgroup.is_empty() || !unit.is_empty() || !comm.is_empty()
    }

    /// Whether it is a unit that has a file as long as it is installed; also if it is asked for as a cgroup, of
    /// which only the name is given.
    fn has_file(&self) -> bool {
        let kind = Path::new(self.text()).extension().and_then(OsStr::to_str);
        let is_made = kind.is_some_and(|kind| MADE_BY_PROGRAMS.contains(&kind));
        let is_service = kind == Some("service") && !self.text().contains('/');
        (!self.filter.unit.is_empty() && !is_made) || (!self.filter.cgroup.is_empty() && is_service)
    }

    /// Whether nothing here knows of it, and a unit of that name should be known: a misspelt one has no kills
    /// either.
    pub(super) fn is_unheard_of(&self) -> bool {
        self.is_of_here && !self.is_known && self.has_file()
    }

    /// Cgroups in which something was killed that may be meant, or names of processes, and how often.
    pub(super) fn kills(&self) -> impl Iterator<Item = (By, &str, u64)> {
        let alike = self.alike.iter().filter(|_| !self.is_known);
        self.below.iter().chain(alike).map(|((by, name), kills)| (*by, name.as_str(), *kills))
    }

    /// Where something was killed in that time: units, those with most kills first, or cgroups beside it, those
    /// first whose names are most like its own.
    pub(super) fn elsewhere(&self) -> Vec<(By, &str, u64)> {
        let rank = |by, name: &str, kills| match by {
            By::Unit => (0, u64::MAX - kills),
            By::Cgroup | By::Comm | By::Runner => (letters(self.text(), name), u64::MAX - kills),
        };
        let mut places: Vec<(By, &str, u64)> = Vec::new();
        for ((by, name), kills) in &self.elsewhere {
            let own = rank(*by, name, *kills);
            let at = places.partition_point(|(by, name, kills)| rank(*by, name, *kills) <= own);
            places.insert(at, (*by, name, *kills));
        }
        places
    }

    fn count(&mut self, kill: &OomKill) {
        let comm = kill.victim.comm.as_ref().map(KernelText::to_utf8).unwrap_or_default();
        let is_slip = |it: Distance| it.is_slip_of(self.text());
        let by_name = || distance(self.text(), &comm).is_some_and(is_slip).then_some(By::Comm);
        let by = by_name().or_else(|| self.is_run_by(kill).then_some(By::Runner));
        if let Some(by) = by.filter(|_| self.is_process()) {
            *self.alike.entry((by, comm.into_owned())).or_default() += 1;
            return;
        }
        let unit = kill.victim.unit.as_deref().filter(|_| self.has_file());
        if let Some(unit) = unit {
            // A unit that nothing knows has no "no" to lose: whatever is like it may be meant.
            let is_like = distance(self.text(), unit).is_some();
            let kills = if is_like { &mut self.alike } else { &mut self.elsewhere };
            *kills.entry((By::Unit, unit.to_owned())).or_default() += 1;
            if is_like {
                return;
            }
        }
        // A process may be asked for by the name of its place.
        let Some(cgroup) = &kill.victim.cgroup else { return };
        let is_below = self.filter.cgroup.iter().any(|pattern| pattern.fits_above(&cgroup.path));
        let kills = match is_below {
            true => &mut self.below,
            false if self.is_like(kill) => &mut self.alike,
            false if self.is_beside(&cgroup.path.to_utf8()) => &mut self.elsewhere,
            false => return,
        };
        *kills.entry((By::Cgroup, cgroup.path.to_string())).or_default() += 1;
    }

    /// Whether its command has that name: an interpreter runs it.
    fn is_run_by(&self, kill: &OomKill) -> bool {
        kill.victim.ran(|name| self.filter.comm.iter().any(|pattern| pattern.fits(name)))
    }

    /// Whether a cgroup is beside it; where its path is not known, whether it is called the same but for numbers.
    fn is_beside(&self, path: &str) -> bool {
        let (above, last) = path.rsplit_once('/').unwrap_or_default();
        let unnumbered = |name: &str| name.replace(|it: char| it.is_ascii_digit(), "");
        match self.text().rsplit_once('/') {
            _ if self.filter.cgroup.is_empty() => false,
            Some((asked, _)) => asked == above,
            None => unnumbered(self.text()) == unnumbered(last),
        }
    }

    fn is_like(&self, kill: &OomKill) -> bool {
        let at = Whereabouts::of(kill);
        let path = at.cgroup.map(KernelText::to_utf8).unwrap_or_default();
        let of_pod = at.pod.and_then(|pod| pod.name.as_deref());
        let of_container = at.container.and_then(|it| it.name.as_deref());
        let mut names = path.split('/').chain(of_pod).chain(of_container);
        let asked = self.text().rsplit('/').next().unwrap_or_default();
        let is_like = if self.is_process() { Distance::is_none } else { Distance::is_slip };
        names.any(|name| distance(asked, name).is_some_and(is_like))
    }
}

impl Meant {
    /// All that are asked for.
    pub(super) fn of(filter: &Filter) -> Self {
        let asked = |(name, filter)| Asked {
            name,
            filter,
            is_known: false,
            is_of_here: false,
            as_cgroup: None,
            alike: BTreeMap::new(),
            below: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
        };
        let processes = filter.processes().into_iter();
        let processes = processes.map(|(name, alone)| (format!("process {name}"), alone));
        Self(filter.places().into_iter().chain(processes).map(asked).collect())
    }

    /// Those beside which something was killed that may be meant.
    pub(super) fn unsure(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().filter(|asked| asked.kills().next().is_some())
    }

    /// Those that were found neither here nor in a record; what is certain of them may be of no use to who asked.
    pub(super) fn unfound(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().filter(|asked| !asked.is_known)
    }

    /// Units that nothing here has heard of, and for which no other may be meant.
    pub(super) fn unheard_of(&self) -> impl Iterator<Item = &Asked> {
        self.0.iter().filter(|asked| asked.is_unheard_of() && asked.kills().next().is_none())
    }

    /// Whether a "no" is of what was meant.
    pub(super) fn is_sure(&self) -> bool {
        self.unsure().next().is_none() && self.unheard_of().next().is_none()
    }

    /// A record tells who its victim was, and where it ran.
    pub(super) fn hear(&mut self, kill: &OomKill) {
        self.exists(&Whereabouts::of(kill));
        if let Some(comm) = &kill.victim.comm {
            self.runs(&comm.to_utf8());
        }
    }

    /// A kill of that time is not asked for.
    pub(super) fn count(&mut self, kill: &OomKill) {
        self.0.iter_mut().for_each(|asked| asked.count(kill));
    }

    fn exists(&mut self, at: &Whereabouts<'_>) {
        for asked in self.0.iter_mut().filter(|asked| !asked.is_process()) {
            // Of a record that does not tell where it was, nobody is known.
            asked.is_known |= asked.filter.fits_place(at) == Some(true);
        }
    }

    /// There is a process of this name.
    fn runs(&mut self, comm: &str) {
        for asked in &mut self.0 {
            asked.is_known |= asked.filter.comm.iter().any(|pattern| pattern.fits(comm));
        }
    }

    /// Looks for them on this machine.
    pub(super) fn look_around(&mut self) {
        self.0.iter_mut().for_each(|asked| asked.is_of_here = true);
        if self.0.iter().all(|asked| asked.is_known) {
            return;
        }
        for folder in UNIT_FILES.iter().flat_map(|folder| folders(folder)) {
            UNIT_KINDS.iter().for_each(|kind| self.units(&folder.join("systemd").join(kind)));
        }
        if let Some(hierarchy) = Hierarchy::seen_here() {
            self.cgroups(&hierarchy.mount_point, &hierarchy.root);
        }
        if self.0.iter().any(Asked::is_process) {
            self.processes(Path::new(PROC));
        }
    }

    fn processes(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for comm in entries.filter_map(|entry| fs::read(entry.path().join("comm")).ok()) {
            self.runs(&String::from_utf8_lossy(comm.trim_ascii_end()));
        }
    }

    fn units(&mut self, folder: &Path) {
        let nowhere = KernelText::default();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let unit = name.to_str();
            self.exists(&Whereabouts { cgroup: Some(&nowhere), unit, ..Whereabouts::default() });
            for asked in self.0.iter_mut().filter(|asked| asked.has_file()) {
                let name = asked.text();
                asked.is_known |= unit == Some(name) || unit == template(name).as_deref();
            }
        }
    }

    /// `root` is the one that is mounted there.
    fn cgroups(&mut self, mount_point: &Path, root: &Path) {
        let mut folders = vec![mount_point.to_owned()];
        for _ in 0..MOST {
            let Some(folder) = folders.pop() else { return };
            self.cgroup(&root.join(folder.strip_prefix(mount_point).unwrap_or(&folder)));
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()));
            folders.extend(below.map(|entry| entry.path()));
        }
    }

    fn cgroup(&mut self, path: &Path) {
        let path = path.as_os_str().as_bytes();
        let last =
            String::from_utf8_lossy(path.rsplit(|byte| *byte == b'/').next().unwrap_or(path));
        for asked in self.0.iter_mut().filter(|asked| !asked.filter.unit.is_empty()) {
            if distance(asked.text(), &last).is_some_and(Distance::is_none) {
                asked.as_cgroup = Some(path.into());
            }
        }
        let place = Place::by_path(path);
        let place = match Named::new(path, place.clone(), std::iter::empty()) {
            Some(named) => named.look_up(Path::new("/")),
            None => place,
        };
        let Place { unit, slice, container, pod, job: _, app: _ } = place;
        self.exists(&Whereabouts {
            cgroup: Some(&path.into()),
            limit: None,
            unit: unit.as_deref(),
            slice: slice.as_deref(),
            container: container.as_ref(),
            pod: pod.as_ref(),
        });
    }
}

/// One, or those of each user.
fn folders(pattern: &str) -> Vec<PathBuf> {
    let Some((users, of_user)) = pattern.split_once("/*") else { return vec![pattern.into()] };
    let users = fs::read_dir(users).into_iter().flatten().flatten();
    let of_user = of_user.trim_start_matches('/');
    users.map(|user| user.path().join(of_user)).collect()
}

/// The file of a unit that is one of many of its kind: `getty@.service` (systemd.unit(5)).
fn template(unit: &str) -> Option<String> {
    let (kind, instance) = unit.split_once('@')?;
    Some(format!("{kind}@.{}", instance.rsplit_once('.')?.1))
}

#[cfg(test)]
mod tests;
