//! An agent that runs on this machine, and the store that it keeps.

use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::run::running;
use crate::files::{STORE, is_begun_by};
use crate::quote::Quoted;
use crate::say::say;

/// Says, before this store is read or without one the kernel's log, that an agent runs whose records are
/// elsewhere.
pub(crate) fn tell_of_agent(read: Option<&Path>) {
    let Some((pid, store)) = agent() else { return };
    let place = read.map_or_else(|| "the kernel's log".into(), |read| read.display().to_string());
    match store {
        Some(store) if read == Some(store.as_path()) => {}
        Some(store) => {
            let store = Quoted::from(store.as_os_str().as_encoded_bytes()).to_string();
            say(format_args!(
                "this reads {place}; the running agent (pid {pid}) keeps its records in {store}; to read \
                 those, add: --store {store}"
            ));
        }
        None if read.is_none() => say(format_args!(
            "this reads {place}; the running agent (pid {pid}) keeps no records; to have it keep them, \
             start it with: --store FILE"
        )),
        None => {}
    }
}

/// The agent that runs here, and the store that it keeps, as far as that can be seen.
pub(crate) fn agent() -> Option<(i32, Option<PathBuf>)> {
    let pid = running()?.as_raw_pid();
    Some((pid, store_of(pid)))
}

/// The store that a process has open, where this one may look and finds it by the same name.
fn store_of(pid: i32) -> Option<PathBuf> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let mut paths = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    paths.find(|path| is_begun_by(path, STORE))
}
