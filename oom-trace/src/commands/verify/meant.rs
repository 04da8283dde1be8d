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
use crate::near::{Distance, distance};
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
    /// Kills in units, if it is one itself.
    elsewhere: BTreeMap<(By, String), u64>,
}

/// What a kill may be asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Cgroup,
    Comm,
    Unit,
}

impl By {
    /// As the filter is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Comm => "comm",
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

    /// Units in which something was killed in that time, those with most kills first.
    pub(super) fn elsewhere(&self) -> Vec<(&str, u64)> {
        let mut units: Vec<(&str, u64)> = Vec::new();
        for ((_, unit), kills) in &self.elsewhere {
            let at = units.partition_point(|(_, more)| more >= kills);
            units.insert(at, (unit, *kills));
        }
        units
    }

    fn count(&mut self, kill: &OomKill) {
        let comm = kill.victim.comm.as_ref().map(KernelText::to_utf8).unwrap_or_default();
        let is_like = |it: Distance| it.is_slip_of(self.text());
        if self.is_process() && distance(self.text(), &comm).is_some_and(is_like) {
            *self.alike.entry((By::Comm, comm.into_owned())).or_default() += 1;
            return;
        }
        let unit = kill.victim.unit.as_deref().filter(|_| self.has_file());
        if let Some(unit) = unit {
            *self.elsewhere.entry((By::Unit, unit.to_owned())).or_default() += 1;
        }
        let is_like_unit = |unit: &&str| distance(self.text(), unit).is_some_and(Distance::is_slip);
        if let Some(unit) = unit.filter(is_like_unit) {
            *self.alike.entry((By::Unit, unit.to_owned())).or_default() += 1;
            return;
        }
        // A process may be asked for by the name of its place.
        let Some(cgroup) = &kill.victim.cgroup else { return };
        let is_below = self.filter.cgroup.iter().any(|pattern| pattern.fits_above(&cgroup.path));
        let kills = match is_below {
            true => &mut self.below,
            false if self.is_like(kill) => &mut self.alike,
            false => return,
        };
        *kills.entry((By::Cgroup, cgroup.path.to_string())).or_default() += 1;
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

    /// Those that could be found here by their names, and were not, nor in a record; what is certain of them
    /// may be of no use to who asked.
    pub(super) fn unfound(&self) -> impl Iterator<Item = &Asked> {
        let is_unfound = |asked: &&Asked| {
            let Filter { cgroup, unit, comm, .. } = &asked.filter;
            let is_findable = !cgroup.is_empty() || !unit.is_empty() || !comm.is_empty();
            is_findable && !asked.is_known
        };
        self.0.iter().filter(is_unfound)
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
        let Place { unit, slice, container, pod } = place;
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
mod tests {
    use super::*;
    use crate::incident::model::Cgroup;

    fn meant(filter: &str) -> Meant {
        Meant::of(&toml::from_str(filter).unwrap())
    }

    fn unknown(meant: &Meant) -> Vec<&str> {
        meant.0.iter().filter(|it| !it.is_known).map(|it| it.name.as_str()).collect()
    }

    fn killed_in(path: &str) -> OomKill {
        let mut kill = crate::render::fixtures::unknown();
        kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
        kill
    }

    #[test]
    fn what_has_a_cgroup_or_a_units_file_is_known() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("system.slice/web.service/worker")).unwrap();
        let mut asked = meant(
            "unit = ['web', 'wep', 'system.slice', 'old']\ncgroup = ['worker', '/system.slice', '/web']",
        );
        asked.cgroups(root.path(), Path::new("/"));
        assert_eq!(unknown(&asked), ["cgroup /web", "unit wep.service", "unit old.service"]);
        fs::write(root.path().join("old.service"), "").unwrap();
        asked.units(root.path());
        assert_eq!(unknown(&asked), ["cgroup /web", "unit wep.service"]);
        fs::write(root.path().join("getty@.service"), "").unwrap();
        let mut asked = meant("unit = ['getty@tty1', 'getti@tty1', 'getty', 'getty@tty1.timer']");
        asked.units(root.path());
        let strangers = ["unit getti@tty1.service", "unit getty.service", "unit getty@tty1.timer"];
        assert_eq!(unknown(&asked), strangers);
        let mut asked =
            meant("cgroup = ['old.service', 'odl.service', '/system.slice/old.service']");
        asked.units(root.path());
        let strangers = ["cgroup odl.service", "cgroup /system.slice/old.service"];
        assert_eq!(unknown(&asked), strangers);
        let mut asked = meant("unit = ['worker']");
        asked.cgroups(root.path(), Path::new("/"));
        let named = asked.unfound().next().unwrap().as_cgroup.as_ref().map(ToString::to_string);
        assert_eq!(named.as_deref(), Some("/system.slice/web.service/worker"));
        for (pid, comm) in [("1", "init\n"), ("17", "shop-api\n")] {
            fs::create_dir(root.path().join(pid)).unwrap();
            fs::write(root.path().join(pid).join("comm"), comm).unwrap();
        }
        let mut asked = meant("comm = ['shop-*', 'shop_api']");
        asked.processes(root.path());
        assert_eq!(unknown(&asked), ["process shop_api"]);
    }

    #[test]
    fn a_unit_that_nothing_here_has_heard_of_makes_no_no() {
        let mut asked = meant(
            "unit = ['no-such-unit', 'no-such.scope', 'no-such.slice']\n\
             cgroup = ['/no-such', '/system.slice/no-such.service', 'no-such.service']\ncomm = ['no-such']",
        );
        assert!(asked.is_sure());
        asked.look_around();
        let unheard_of: Vec<_> = asked.unheard_of().map(|it| it.name.as_str()).collect();
        assert_eq!(unheard_of, ["cgroup no-such.service", "unit no-such-unit.service"]);
        assert!(!asked.is_sure() && asked.unfound().count() == 7);
        let mut kill = killed_in("/system.slice/no-such-unit.service");
        kill.victim.unit = Some("no-such-unit.service".into());
        asked.hear(&kill);
        kill.victim.cgroup.as_mut().unwrap().path = "/system.slice/no-such.service".into();
        asked.hear(&kill);
        assert!(asked.is_sure() && asked.unfound().count() == 4);
    }

    #[test]
    fn units_of_users_are_looked_for_too() {
        let root = tempfile::tempdir().unwrap();
        for user in ["ann", "bob"] {
            fs::create_dir_all(root.path().join(user).join("units")).unwrap();
        }
        let mut found = folders(root.path().join("*/units").to_str().unwrap());
        found.sort();
        assert_eq!(found, ["ann", "bob"].map(|user| root.path().join(user).join("units")));
        assert_eq!(folders("/no/*/units"), [""; 0].map(PathBuf::from));
    }

    /// A "no" of a name that nothing has would be taken for one of the process that was killed.
    #[test]
    fn a_process_is_meant_by_a_name_that_is_like_its_own() {
        let mut kill = killed_in("/system.slice/shop.service");
        kill.victim.comm = Some("shop-api".into());
        for (filter, is_meant) in
            [("shop_api", true), ("shop", true), ("nginx", false), ("slop", false), ("api", false)]
        {
            let filter = format!("comm = ['{filter}']");
            let mut asked = meant(&filter);
            asked.count(&kill);
            let meant: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
            let expected = is_meant.then_some((By::Comm, "shop-api", 1));
            assert_eq!(meant, Vec::from_iter(expected), "{filter}");
            asked.hear(&kill);
            assert_eq!(asked.unfound().count(), 1);
            asked.runs(asked.0[0].text().to_owned().as_str());
            assert_eq!((asked.unsure().count(), asked.unfound().count()), (0, 0));
        }
        kill.victim.comm = Some("hog".into());
        let mut asked = meant("comm = ['dog', 'log', 'hot', 'sho']");
        asked.count(&kill);
        assert_eq!(asked.unsure().count(), 0);
        // Or by that of where it ran.
        let mut asked = meant("comm = ['build-8812']");
        asked.count(&killed_in("/runner.slice/build-8812"));
        let kills: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
        assert_eq!(kills, [(By::Cgroup, "/runner.slice/build-8812", 1)]);
    }

    #[test]
    fn what_a_record_tells_of_is_known() {
        let mut asked = meant("cgroup = ['job-1', 'job-2']");
        asked.hear(&killed_in("/jobs/job-1"));
        asked.hear(&crate::render::fixtures::unknown());
        assert_eq!(unknown(&asked), ["cgroup job-2"]);
    }

    #[test]
    fn a_kill_is_meant_where_a_name_is_like_its_place_or_a_pattern_fits_above_it() {
        let kill = killed_in("/system.slice/jenkins.service/job-4711");
        for filter in [
            "unit = ['job-4711']",
            "unit = ['enkins']",
            "unit = ['jenkisn']",
            "cgroup = ['/job-4711']",
            "cgroup = ['/system.slice/Jenkins.service']",
            "cgroup = ['/system.slice/*']",
        ] {
            let mut asked = meant(filter);
            asked.count(&kill);
            let meant: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
            let path = "/system.slice/jenkins.service/job-4711";
            assert_eq!(meant, [(By::Cgroup, path, 1)], "{filter}");
        }
        for filter in ["unit = ['job-4712']", "unit = ['nginx']", "cgroup = ['/user.slice/*']"] {
            let mut asked = meant(filter);
            asked.count(&kill);
            assert_eq!(asked.unsure().count(), 0, "{filter}");
        }
    }

    #[test]
    fn a_unit_is_meant_by_its_name_and_else_by_its_cgroup() {
        let mut kill = killed_in("/system.slice/mailer.service/worker");
        kill.victim.unit = Some("mailer.service".into());
        for (filter, by, name) in [
            ("unit = ['mailserver', 'maler']", By::Unit, "mailer.service"),
            ("unit = ['wroker']", By::Cgroup, "/system.slice/mailer.service/worker"),
            ("cgroup = ['/mailr.service']", By::Cgroup, "/system.slice/mailer.service/worker"),
        ] {
            let mut asked = meant(filter);
            asked.count(&kill);
            let meant: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
            assert_eq!(meant, [(by, name, 1)], "{filter}");
        }
        let mut asked = meant("unit = ['nginx']");
        let mut other = killed_in("/system.slice/backup.service");
        other.victim.unit = Some("backup.service".into());
        let nowhere = killed_in("/jobs/job-1");
        [&other, &kill, &kill, &nowhere].into_iter().for_each(|kill| asked.count(kill));
        assert_eq!(asked.0[0].elsewhere(), [("mailer.service", 2), ("backup.service", 1)]);
    }

    #[test]
    fn who_has_a_name_of_its_own_is_not_taken_for_another() {
        let mut asked = meant("unit = ['web']");
        asked.count(&killed_in("/system.slice/web-cache.service"));
        assert_eq!(asked.unsure().count(), 1);
        asked.0[0].is_known = true;
        assert_eq!(asked.unsure().count(), 0);
    }
}
