//! The places that a configuration has an agent write to.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{PROC_SUPER_MAGIC, statfs};

use crate::config;
use crate::sink::Spec;

/// As many links as the kernel follows.
const LINKS: usize = 40;

/// Where writing stays possible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Files are made, written, renamed and removed in it, and below.
    Folder(PathBuf),
    /// A device, or a file that is reached by a descriptor: there is nothing beside it.
    File(PathBuf),
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::commands) struct Places(Vec<Place>);

impl Places {
    /// Of a whole configuration, as its files lie now.
    pub(super) fn of(config: &config::Run) -> Self {
        let outputs = config.sinks.iter().flat_map(of_output);
        let store = config.store.iter().flat_map(|store| of_path(&store.path));
        Self::from(outputs.chain(store).collect::<Vec<_>>())
    }

    /// Whether an output writes nowhere else.
    pub(super) fn cover(&self, output: &Spec) -> bool {
        of_output(output).iter().all(|place| {
            let (Place::Folder(path) | Place::File(path)) = place;
            self.0.contains(place)
                || self.0.iter().any(|it| matches!(it, Place::Folder(it) if path.starts_with(it)))
        })
    }

    /// One by one.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    /// As the kernel names them.
    pub(in crate::commands) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(Place::Folder(path) | Place::File(path))| path.as_path())
    }
}

impl From<Vec<Place>> for Places {
    fn from(mut places: Vec<Place>) -> Self {
        places.sort();
        places.dedup();
        Self(places)
    }
}

fn of_output(output: &Spec) -> Vec<Place> {
    output.destination().file().map(of_path).unwrap_or_default()
}

/// For a file its folder, as another of its name may be made there: where its name is, and where that leads
/// to if it is a link. None where there is no folder: opening the file says so better.
fn of_path(path: &Path) -> Vec<Place> {
    let names = names(path);
    let is_device = fs::metadata(path).is_ok_and(|it| {
        let kind = it.file_type();
        kind.is_char_device() || kind.is_block_device()
    });
    if is_device || names.iter().any(|name| is_descriptor(name)) {
        // A pipe without a name is nowhere, and may be written without leave.
        let file = fs::canonicalize(path).ok();
        return file.map(Place::File).into_iter().collect();
    }
    let folders = [names.first(), names.last()].into_iter().flatten();
    let folders = folders.filter_map(|name| fs::canonicalize(folder(name)).ok());
    folders.map(Place::Folder).collect()
}

/// It, and what it leads to as a link.
fn names(path: &Path) -> Vec<PathBuf> {
    let next = |name: &PathBuf| fs::read_link(name).ok().map(|to| folder(name).join(to));
    std::iter::successors(Some(path.to_owned()), next).take(LINKS).collect()
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// `/dev/stdout` leads to one: a link whose target is no path, whatever it looks like.
fn is_descriptor(name: &Path) -> bool {
    name.is_symlink() && statfs(folder(name)).is_ok_and(|it| it.f_type == PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    use super::*;

    fn written(path: impl AsRef<Path>) -> Places {
        of_path(path.as_ref()).into()
    }

    fn folders<const N: usize>(paths: [&Path; N]) -> Places {
        let folder = |path: &Path| Place::Folder(fs::canonicalize(path).unwrap());
        paths.map(folder).to_vec().into()
    }

    fn only(file: impl Into<PathBuf>) -> Places {
        vec![Place::File(file.into())].into()
    }

    #[test]
    fn a_file_that_is_there_or_is_not_yet_is_written_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oom.json");
        assert_eq!(written(&path), folders([dir.path()]));
        fs::write(&path, "").unwrap();
        assert_eq!(written(dir.path().join("./oom.json")), folders([dir.path()]));
        assert_eq!(written("oom.json"), folders([Path::new(".")]));
        assert_eq!(written(dir.path().join("missing/oom.json")), folders([]));
    }

    /// To put it away is to rename the link, and to make it anew to make what it leads to.
    #[test]
    fn a_link_is_written_where_it_is_and_where_it_leads_to() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let link = |name: &str, target: &Path| {
            let link = from.path().join(name);
            symlink(target, &link).unwrap();
            link
        };
        let both = folders([from.path(), to.path()]);
        assert_eq!(written(link("oom.json", &to.path().join("other.json"))), both);
        assert_eq!(written(link("next", Path::new("oom.json"))), both);
        assert_eq!(written(link("round", Path::new("round"))), folders([from.path()]));
    }

    #[test]
    fn of_a_device_or_a_descriptor_nothing_but_itself_is_written() {
        assert_eq!(written("/dev/null"), only("/dev/null"));
        let dir = tempfile::tempdir().unwrap();
        let file = fs::canonicalize(dir.path()).unwrap().join("redirected");
        let open = File::create(&file).unwrap();
        let link = dir.path().join("stdout");
        symlink(format!("/proc/self/fd/{}", open.as_raw_fd()), &link).unwrap();
        assert_eq!(written(&link), only(file));
        let (_reader, pipe) = std::io::pipe().unwrap();
        assert_eq!(written(format!("/proc/self/fd/{}", pipe.as_raw_fd())), folders([]));
    }

    #[test]
    fn outputs_that_write_elsewhere_are_not_covered() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(own.path().join("below")).unwrap();
        let covers =
            |table: &str| written(own.path().join("oom.json")).cover(&table.parse().unwrap());
        let file = |path: &Path| format!("file:{{ path = {:?} }}", path.join("new.json"));
        assert!(covers(&file(own.path())) && covers(&file(&own.path().join("below"))));
        assert!(!covers(&file(other.path())));
        assert!(!covers(&format!("textfile:{{ path = {:?} }}", other.path().join("x.prom"))));
        assert!(!covers("file:{ path = \"/dev/null\" }"));
        assert!(covers("syslog:{ url = \"udp://127.0.0.1\" }"));
        // Opening it says what is wrong.
        assert!(covers("file:{ path = \"/nonexistent/x\" }"));
    }
}
