//! A store on a disk that is full.

use std::fs;
use std::path::Path;

use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};

use crate::here::{trigger, turn, wait_for};
use crate::{Service, in_file, once, stored, victims};

/// A file system with room for so much.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path, bytes: u64) -> Self {
        fs::create_dir(at).unwrap();
        let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        fsconfig_set_string(&tmpfs, "size", bytes.to_string()).unwrap();
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

/// It says so, the outputs get their records meanwhile, and when there is room the store has all.
#[test]
fn a_full_disk_costs_no_record() {
    let _turn = turn();
    let service = Service::new();
    let (state, file) = (service.path("state"), service.path("oom.json"));
    let _small = Small::mount(&state, 1 << 20);
    let filler = state.join("filler");
    let store = state.join("records.db");
    let mut agent = service.start(&[
        "--quiet",
        "--output",
        file.to_str().unwrap(),
        "--store",
        store.to_str().unwrap(),
    ]);
    // What is left of the room.
    let full = fs::write(&filler, vec![0; 2 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);

    let ours = [trigger(), trigger()];
    agent.wait_until_it_says("store: cannot write to");
    wait_for(&format!("no record of {ours:?}"), || victims(&in_file(&file), &ours) == once(&ours));
    fs::remove_file(&filler).unwrap();
    agent.wait_until_it_says("store: works again; it has all records");
    agent.stop();
    assert_eq!(victims(&stored(&store), &ours), once(&ours));
}
