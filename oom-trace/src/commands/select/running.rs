//! An agent that runs on this machine, and the store that it keeps.

use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use crate::commands::run::running;
use crate::config::service_store;
use crate::files::{STORE, is_begun_by};
use crate::quote::Quoted;
use crate::say::say;

/// Says, before this store is read or without one the kernel's log, that the service has another, or that the
/// agent that runs has none.
pub(crate) fn tell_of_agent(read: Option<&Path>) {
    let Some((pid, store)) = agent() else { return };
    match (read, store) {
        (Some(read), Some(_)) => {
            let service = service_store();
            if fs::canonicalize(&service).is_ok_and(|service| service != read) {
                say(format_args!(
                    "this reads {}, the store of the running agent (pid {pid}); to read the service's store, add: \
                     --store {}",
                    Quoted::from(read),
                    Quoted::from(service.as_path())
                ));
            }
        }
        // Of another user's agent nobody sees whether it has a store.
        (None, None) if open_files(pid).is_ok() => say(format_args!(
            "this reads the kernel's log; the running agent (pid {pid}) keeps no records; to have it keep them, \
             start it with: --store FILE"
        )),
        _ => {}
    }
}

/// The agent that runs here, and the store that it keeps, as far as that can be seen.
pub(crate) fn agent() -> Option<(i32, Option<PathBuf>)> {
    let pid = running()?.as_raw_pid();
    Some((pid, store_of(pid)))
}

/// The store that a process has open, where this one may look and finds it by the same name.
fn store_of(pid: i32) -> Option<PathBuf> {
    let mut paths = open_files(pid).ok()?.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    paths.find(|path| is_begun_by(path, STORE))
}

fn open_files(pid: i32) -> io::Result<ReadDir> {
    fs::read_dir(format!("/proc/{pid}/fd"))
}
