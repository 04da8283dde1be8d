//! What lies on the node of a container that was killed: its name, its image, its pod. The path of a cgroup
//! has an id at the most. It is looked for at once, as a container that is removed with its death
//! (`--rm`) leaves nothing after two seconds, and reading it may take time: see [`Asked::look_up`].

mod containerd;
mod docker;
mod nspawn;
mod podman;

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::de::DeserializeOwned;

use super::{Place, kubelet};
use crate::incident::model::Container;
use crate::text::KernelText;

/// What is read of one file: a thousand containers of podman's.
const MOST_BYTES: u64 = 1 << 20;

/// The processes that stand between a container and the system's manager, as the kernel names them.
const SHIMS: [&[u8]; 3] = [b"conmon", b"containerd-shim", b"systemd-nspawn"];

/// A victim whose place may have a name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    place: Place,
    path: String,
    /// The shims above it, the nearest first.
    shims: Vec<u32>,
}

/// A process above the victim that belongs to a runtime.
struct Shim {
    args: Vec<String>,
}

impl Asked {
    /// `None` where nothing on the node could tell more than the path: no container is there, or it has its
    /// name.
    pub(crate) fn new<'a>(
        path: &[u8],
        place: Place,
        parents: impl Iterator<Item = (u32, &'a KernelText)>,
    ) -> Option<Self> {
        let path = std::str::from_utf8(path).ok()?.to_owned();
        let shims: Vec<_> = parents
            .filter(|(_, comm)| SHIMS.contains(&comm.as_bytes()))
            .map(|(pid, _)| pid)
            .collect();
        let unnamed = place.container.as_ref().is_some_and(|it| it.name.is_none());
        (unnamed || !shims.is_empty()).then_some(Self { place, path, shims })
    }

    /// What is there of it, below `root`. Reads files of the node.
    pub(crate) fn look_up(mut self, root: &Path) -> Place {
        let shims: Vec<_> = self.shims.iter().filter_map(|pid| Shim::read(root, *pid)).collect();
        let Self { place, path, .. } = &mut self;
        let Place { container, pod, job, .. } = place;
        if container.is_none() {
            *container =
                containerd::find(&shims, path).or_else(|| nspawn::find(root, &shims, path));
        }
        if let Some(container) = container {
            podman::name(root, &shims, container);
            docker::name(root, container, job);
            containerd::name(root, &shims, container, pod);
        }
        if let (Some(container), Some(pod)) = (container, pod) {
            let logs = kubelet::LOGS.trim_start_matches('/');
            kubelet::name(&root.join(logs), container, pod);
        }
        self.place.name_job();
        self.place
    }
}

impl Shim {
    /// Its arguments. Who may be root in a container may call itself a shim; what it says counts where the
    /// path says the same.
    fn read(root: &Path, pid: u32) -> Option<Self> {
        let text = read(&root.join("proc").join(pid.to_string()).join("cmdline"))?;
        let args = text.split('\0').map(str::to_owned).collect();
        Some(Self { args })
    }

    /// What follows one of the flags.
    fn flag(&self, names: &[&str]) -> Option<&str> {
        let at = self.args.iter().position(|arg| names.contains(&arg.as_str()))?;
        self.args.get(at + 1).map(String::as_str)
    }

    /// The same, or what follows the sign in `--flag=value`.
    fn setting(&self, names: &[&str]) -> Option<&str> {
        self.flag(names).or_else(|| {
            self.args.iter().find_map(|arg| {
                let (name, value) = arg.split_once('=')?;
                names.contains(&name).then_some(value)
            })
        })
    }
}

/// The text of a file that is not too large. Who runs containers without being root chose where it lies: a
/// pipe there, which nobody writes to, is left.
fn read(path: &Path) -> Option<String> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let mut text = String::new();
    let is_file = file.metadata().ok()?.is_file();
    is_file.then(|| file.take(MOST_BYTES).read_to_string(&mut text)).and_then(Result::ok)?;
    Some(text)
}

/// What of a file of JSON is wanted; the rest of it is kept nowhere.
fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_str(&read(path)?).ok()
}

/// An id that names a folder of the runtime's, and nothing beside it.
fn folder(parent: PathBuf, id: &str) -> Option<PathBuf> {
    let is_plain = !id.is_empty() && !id.starts_with('.') && !id.contains('/');
    is_plain.then(|| parent.join(id))
}

fn is_of(container: &Container, runtime: &str) -> bool {
    container.runtime.as_deref().is_none_or(|it| it == runtime)
}

#[cfg(test)]
mod tests;
