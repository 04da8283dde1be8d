//! A store on a disk that is full.

use std::fs;
use std::path::Path;

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};

use crate::here::{trigger, turn};
use crate::support::agent::Agent;
use crate::support::wait_for;
use crate::{Service, await_victims, in_file, once, stored, victims};

/// For what the kernel's log tells of as well.
const ROOM: usize = 32 << 20;

/// A small file system.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Self {
        fs::create_dir(at).unwrap();
        let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        fsconfig_set_string(&tmpfs, "size", ROOM.to_string()).unwrap();
        fsconfig_create(&tmpfs).unwrap();
        let flags = FsMountFlags::FSMOUNT_CLOEXEC;
        let mount = fsmount(&tmpfs, flags, MountAttrFlags::empty()).unwrap();
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(&mount, "", rustix::fs::CWD, at, flags).unwrap();
        Self(at)
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = unmount(self.0, UnmountFlags::DETACH);
    }
}

/// What is left of the room.
fn fill(filler: &Path) {
    let full = fs::write(filler, vec![0; 2 * ROOM]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
}

/// An agent with its store there, and a file that is elsewhere.
fn start(service: &Service, file: &Path, store: &Path) -> Agent {
    let (file, store) = (file.to_str().unwrap(), store.to_str().unwrap());
    service.start(&["--quiet", "--output", file, "--store", store])
}

/// It says so, the outputs get their records meanwhile, and when there is room the store has all.
#[test]
fn a_full_disk_costs_no_record() {
    let _turn = turn();
    let service = Service::new();
    let (state, file) = (service.path("state"), service.path("oom.json"));
    let _small = Small::mount(&state);
    let (filler, store) = (state.join("filler"), state.join("records.db"));
    let mut agent = start(&service, &file, &store);
    fill(&filler);

    let ours = [trigger(), trigger()];
    agent.wait_until_it_says("store: cannot write to");
    wait_for(&format!("no record of {ours:?}"), || victims(&in_file(&file), &ours) == once(&ours));
    fs::remove_file(&filler).unwrap();
    agent.wait_until_it_says("store: works again; no records are missing");
    agent.stop();
    assert_eq!(victims(&stored(&store), &ours), once(&ours));
}

/// An agent that was started meanwhile watches as well, and its store goes on where it was.
#[test]
fn a_full_disk_at_the_start_costs_no_record() {
    let _turn = turn();
    let service = Service::new();
    let (state, file) = (service.path("state"), service.path("oom.json"));
    let _small = Small::mount(&state);
    let (filler, store) = (state.join("filler"), state.join("records.db"));
    let agent = start(&service, &file, &store);
    let mut ours = vec![trigger()];
    await_victims(&file, &ours);
    agent.stop();
    fill(&filler);

    let mut agent = start(&service, &file, &store);
    agent.wait_until_it_says("store: cannot open");
    ours.push(trigger());
    await_victims(&file, &ours);
    fs::remove_file(&filler).unwrap();
    agent.wait_until_it_says("store: works again; no records are missing");
    agent.stop();
    assert_eq!(victims(&stored(&store), &ours), once(&ours));
}
