//! Where it writes, by Landlock: nowhere but where its outputs and its store are, and it runs nothing.
//!
//! Reading is free: it reads of all processes, of the kernel, of containers' runtimes, certificates and its
//! configuration. So is the network: outputs are reached at whatever address the DNS has by then.

use super::places::{Place, Places};
use landlock::{
    ABI, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, PathFdError, RestrictionStatus,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, make_bitflags,
};

/// In a folder: what appending, rotating and replacing a file takes, and SQLite for those beside the store's.
const IN_FOLDER: BitFlags<AccessFs> =
    make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | RemoveFile});

/// To a device, or what standard output is.
const TO_FILE: BitFlags<AccessFs> = make_bitflags!(AccessFs::{WriteFile | Truncate});

/// The last version that knows of something that is asked for here: devices' ioctl(2), Linux 6.10.
const NEWEST: ABI = ABI::V5;

/// The first by which files cannot be emptied either, Linux 6.2.
const WITH_TRUNCATE: i32 = 3;

/// What the kernel has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Landlock {
    /// This version of its interface, in force.
    Abi(i32),
    /// It is built in, and not among the kernel's `lsm=`.
    SwitchedOff,
    /// It came with Linux 5.13; or a filter keeps this process from asking.
    Absent,
}

impl Landlock {
    /// Whether files elsewhere may still be emptied, though not written.
    pub(in crate::commands) fn lets_files_be_emptied(self) -> bool {
        matches!(self, Self::Abi(abi) if abi < WITH_TRUNCATE)
    }
}

impl From<LandlockStatus> for Landlock {
    fn from(status: LandlockStatus) -> Self {
        match status {
            LandlockStatus::NotEnabled => Self::SwitchedOff,
            LandlockStatus::NotImplemented => Self::Absent,
            LandlockStatus::Available { effective_abi, kernel_abi } => {
                Self::Abi(kernel_abi.unwrap_or(effective_abi as i32))
            }
        }
    }
}

/// Why nothing is restricted, though the kernel could.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unrestricted {
    #[error(transparent)]
    Place(#[from] PathFdError),
    #[error(transparent)]
    Rules(#[from] RulesetError),
}

/// Restricts this thread and those that it starts, as far as this kernel can.
///
/// # Errors
/// A place cannot be opened, or the kernel has Landlock and refuses.
pub(super) fn restrict(places: &Places) -> Result<Landlock, Unrestricted> {
    let handled = AccessFs::from_write(NEWEST) | AccessFs::Execute;
    let mut rules = Ruleset::default().handle_access(handled)?.create()?;
    for place in places.iter() {
        let (path, access) = match place {
            Place::Folder(path) => (path, IN_FOLDER),
            Place::File(path) => (path, TO_FILE),
        };
        rules = rules.add_rule(PathBeneath::new(PathFd::new(path)?, access))?;
    }
    let RestrictionStatus { landlock, .. } = rules.restrict_self()?;
    Ok(landlock.into())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, ErrorKind, Write as _, stdout};
    use std::path::Path;
    use std::process::Command;
    use std::thread;

    use super::*;
    use crate::files::replace;
    use crate::setting::{ByteSize, ConfigDuration};
    use crate::store::{Archive, Retention, Store};

    /// Root's own rights do not help.
    fn is_refused<T>(tried: io::Result<T>) -> bool {
        // Another folder is another device to the first version of Landlock.
        let kinds = [ErrorKind::PermissionDenied, ErrorKind::CrossesDevices];
        tried.is_err_and(|error| kinds.contains(&error.kind()))
    }

    fn saves(path: &Path) {
        let retention = Retention {
            max_age: ConfigDuration(std::time::Duration::from_secs(60)),
            max_bytes: ByteSize(1 << 20),
        };
        let mut store = Store::open(path, &retention).unwrap();
        store.save(1, &[], &[("file", 1)]).unwrap();
        assert_eq!(Archive::of_agent(path).next_number().unwrap(), 1);
    }

    #[test]
    fn it_writes_where_its_store_and_outputs_are_and_nowhere_else() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inside = |name: &str| own.path().join(name);
        let outside = |name: &str| other.path().join(name);
        fs::write(outside("file"), "as it was").unwrap();
        fs::write(inside("file"), "").unwrap();
        fs::create_dir(outside("folder")).unwrap();
        let null = Place::File("/dev/null".into());
        let places = Places::from(vec![Place::Folder(own.path().to_owned()), null]);
        let confined = || {
            let Landlock::Abi(abi) = restrict(&places).unwrap() else {
                let _ = writeln!(stdout(), "\nnot tried: Landlock: this kernel has none");
                return;
            };
            saves(&inside("records.db"));
            fs::write(inside("file"), "more").unwrap();
            fs::rename(inside("file"), inside("file.1")).unwrap();
            replace(&inside("metrics.prom"), 0o644, b"whole").unwrap();
            fs::remove_file(inside("file.1")).unwrap();
            File::options().append(true).open("/dev/null").unwrap();

            assert!(is_refused(File::options().append(true).open(outside("file"))));
            assert!(is_refused(File::create_new(outside("new"))));
            assert!(is_refused(fs::create_dir(outside("new"))));
            assert!(is_refused(fs::remove_file(outside("file"))));
            assert!(is_refused(fs::remove_dir(outside("folder"))));
            assert!(is_refused(fs::rename(outside("file"), outside("new"))));
            assert!(is_refused(fs::rename(outside("file"), inside("new"))));
            assert!(is_refused(fs::rename(inside("metrics.prom"), outside("new"))));
            assert!(is_refused(fs::hard_link(outside("file"), inside("new"))));
            assert!(is_refused(std::os::unix::fs::symlink("/", inside("link"))));
            assert!(is_refused(File::options().write(true).open("/dev/full")));
            assert!(is_refused(Command::new("/bin/true").status()));
            // It may be read, and be emptied before the third version.
            assert_eq!(fs::read_to_string(outside("file")).unwrap(), "as it was");
            if !Landlock::Abi(abi).lets_files_be_emptied() {
                assert!(is_refused(
                    rustix::fs::open(
                        outside("file"),
                        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC,
                        rustix::fs::Mode::empty()
                    )
                    .map_err(io::Error::from)
                ));
            }
        };
        thread::scope(|scope| scope.spawn(confined).join().unwrap());
        // And nobody but that thread.
        fs::write(outside("new"), "").unwrap();
    }

    #[test]
    fn what_cannot_be_opened_restricts_nothing_and_is_told() {
        let gone = Places::from(vec![Place::Folder("/nonexistent/folder".into())]);
        let tried = thread::spawn(move || restrict(&gone).map_err(|error| error.to_string()));
        let error = tried.join().unwrap().unwrap_err();
        assert!(error.contains("/nonexistent/folder"), "{error}");
    }
}
