//! Names that are asked for and fit no kill that was read, with those that may be meant.

use std::collections::HashSet;

use crate::incident::model::{OomKill, Record, UserKill, Victim};
use crate::near::{Distance, distance};
use crate::quote::Quoted;
use crate::sink::{Filter, FilterState};
use crate::text::KernelText;

/// Names that are looked at; where there are more, the one that is meant was most likely among them.
const MOST: usize = 4096;

/// What is asked for by name.
#[derive(Debug)]
pub(super) struct Unmatched {
    asked: Vec<Asked>,
    seen: HashSet<(&'static str, String)>,
}

/// One name, of one filter.
#[derive(Debug)]
struct Asked {
    flag: String,
    word: String,
    alone: FilterState,
    is_matched: bool,
    nearest: Option<Near>,
}

/// A name that may be meant, and whose it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Near {
    distance: Distance,
    is_of_another_kind: bool,
    /// It runs what is asked for.
    is_runner: bool,
    flag: &'static str,
    name: String,
}

impl Unmatched {
    /// Of all that a filter has.
    pub(super) fn new(filter: &Filter) -> Self {
        let mut asked: Vec<_> = filter
            .places()
            .into_iter()
            .filter_map(|(name, alone)| {
                let (kind, word) = name.split_once(' ')?;
                Some(Asked::new(kind, word, alone))
            })
            .collect();
        let processes = filter.processes().into_iter();
        asked.extend(processes.map(|(name, alone)| Asked::new("comm", &name, alone)));
        Self { asked, seen: HashSet::new() }
    }

    /// A record was read, whether it is asked for or not.
    pub(super) fn note(&mut self, record: &Record) {
        let names = match record {
            _ if self.asked.iter().all(|asked| asked.is_matched) => return,
            Record::OomKill(kill) => of_kill(kill),
            Record::UserKill(kill) => of_user_kill(kill),
            _ => return,
        };
        for asked in &mut self.asked {
            asked.is_matched |= asked.alone.takes(record);
            record.kill().into_iter().for_each(|kill| asked.compare_scripts(&kill.victim));
        }
        for (flag, name) in names {
            if self.seen.len() < MOST && self.seen.insert((flag, name.clone())) {
                self.asked.iter_mut().for_each(|asked| asked.compare(flag, &name));
            }
        }
    }

    /// What is to be said of them.
    pub(super) fn told(self) -> Vec<String> {
        let unmatched = self.asked.into_iter().filter(|asked| !asked.is_matched);
        let told = unmatched.map(|Asked { flag, word, nearest, .. }| {
            let word = Quoted::from(word.as_str());
            let meant = nearest.map(|Near { flag, name, is_runner, .. }| {
                let who = if is_runner { format!(", which ran {word}") } else { String::new() };
                format!("; did you mean --{flag} {}{who}?", Quoted::from(name.as_str()))
            });
            format!("no kill matches --{flag} {word}{}", meant.unwrap_or_default())
        });
        told.collect()
    }
}

impl Asked {
    fn new(flag: &str, word: &str, alone: Filter) -> Self {
        let (flag, word) = (flag.to_owned(), word.to_owned());
        Self { flag, word, alone: FilterState::new(alone), is_matched: false, nearest: None }
    }

    fn compare(&mut self, flag: &'static str, name: &str) {
        let Some(distance) = distance(&self.word, name) else { return };
        let is_of_another_kind = flag != self.flag;
        // Of another kind it is meant only if it is spelt so.
        if is_of_another_kind && !distance.is_none() {
            return;
        }
        let (is_runner, name) = (false, name.to_owned());
        self.propose(Near { distance, is_of_another_kind, is_runner, flag, name });
    }

    /// A process may be asked for by what it was given to run.
    fn compare_scripts(&mut self, victim: &Victim) {
        let Some(comm) = &victim.comm else { return };
        if self.flag == "comm" && victim.ran(|name| name == self.word) {
            self.propose(Near {
                distance: Distance::NONE,
                is_of_another_kind: true,
                is_runner: true,
                flag: "comm",
                name: comm.to_utf8().into_owned(),
            });
        }
    }

    fn propose(&mut self, near: Near) {
        if self.nearest.as_ref().is_none_or(|nearest| near < *nearest) {
            self.nearest = Some(near);
        }
    }
}

/// By what a kill can be asked for.
fn of_kill(kill: &OomKill) -> Vec<(&'static str, String)> {
    let victim = &kill.victim;
    let limit = kill.shortage.limit.as_ref().and_then(|limit| limit.cgroup.as_ref());
    let mut names = Vec::new();
    let mut add = |flag, name: Option<&str>| names.extend(name.map(|it| (flag, it.to_owned())));
    add("comm", victim.comm.as_ref().map(KernelText::to_utf8).as_deref());
    add("unit", victim.unit.as_deref());
    add("unit", victim.slice.as_deref());
    if let Some(container) = &victim.container {
        add("container", container.name.as_deref());
    }
    if let Some(pod) = &victim.pod {
        add("namespace", pod.namespace.as_deref());
        add("pod", pod.name.as_deref());
        add("pod", pod.full_name().as_deref());
    }
    let paths = victim.cgroup.as_ref().map(|cgroup| &cgroup.path).into_iter().chain(limit);
    names.extend(paths.flat_map(of_path));
    names
}

fn of_user_kill(kill: &UserKill) -> Vec<(&'static str, String)> {
    let comm = kill.comm.iter().map(|comm| ("comm", comm.to_utf8().into_owned()));
    let pod = kill.pod.iter().map(|pod| ("pod", pod.clone()));
    comm.chain(pod).chain(kill.cgroup.iter().flat_map(of_path)).collect()
}

/// The cgroup and those above it, by their paths and by their names.
fn of_path(path: &KernelText) -> Vec<(&'static str, String)> {
    let path = path.to_utf8();
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    let above = ends.filter_map(|end| path.get(..end)).map(str::to_owned);
    let parts = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned);
    above.chain(parts).map(|name| ("cgroup", name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::{Cgroup, Pod};
    use crate::render::fixtures::unknown;

    fn told(filter: &str) -> Vec<String> {
        let mut unmatched = Unmatched::new(&toml::from_str(filter).unwrap());
        let kills = [
            ("java", "grafana.service", "/system.slice/grafana.service/job-4711"),
            ("nginx", "web.service", "/system.slice/web.service"),
        ];
        for (comm, unit, path) in kills {
            let mut kill = unknown();
            kill.victim.comm = Some(comm.into());
            kill.victim.argv = Some([comm, "-jar", "/srv/shop.jar"].map(Into::into).to_vec());
            kill.victim.unit = Some(unit.to_owned());
            kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
            let pod = Pod {
                uid: "u-1".to_owned(),
                namespace: Some("shop".to_owned()),
                name: Some("cart-7d9c".to_owned()),
                container: None,
                qos: None,
            };
            kill.victim.pod = Some(pod);
            unmatched.note(&Record::OomKill(Box::new(kill)));
        }
        unmatched.told()
    }

    #[test]
    fn what_fits_no_kill_is_told_with_what_may_be_meant() {
        for (filter, meant) in [
            ("unit = ['grafan']", "--unit grafan.service; did you mean --unit grafana.service?"),
            ("comm = ['Java']", "--comm Java; did you mean --comm java?"),
            ("unit = ['java']", "--unit java.service; did you mean --comm java?"),
            ("unit = ['job-4711']", "--unit job-4711.service; did you mean --cgroup job-4711?"),
            ("cgroup = ['job-471']", "--cgroup job-471; did you mean --cgroup job-4711?"),
            ("cgroup = ['job-4712']", "--cgroup job-4712"),
            (
                "cgroup = ['/system.slice/wep.service']",
                "--cgroup /system.slice/wep.service; did you mean --cgroup /system.slice/web.service?",
            ),
            ("pod = ['kart-7d9c']", "--pod kart-7d9c; did you mean --pod cart-7d9c?"),
            ("namespace = ['shopp']", "--namespace shopp; did you mean --namespace shop?"),
            ("comm = ['postgres']", "--comm postgres"),
            (
                "comm = ['shop.jar']",
                "--comm shop.jar; did you mean --comm java, which ran shop.jar?",
            ),
        ] {
            assert_eq!(told(filter), [format!("no kill matches {meant}")], "{filter}");
        }
    }

    #[test]
    fn what_fits_a_kill_is_not_told_of() {
        assert_eq!(told("comm = ['java', 'Nginx']\nunit = ['web']").len(), 1);
        assert_eq!(told(""), [""; 0]);
    }
}
