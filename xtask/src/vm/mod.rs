//! Real kernels in virtual machines.

pub(crate) mod archive;
mod image;
pub(crate) mod kernels;
mod qemu;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use xtask::job::Job;

use self::image::Image;
use self::kernels::Kernel;
use self::qemu::{Accel, Guest};
use crate::artifacts::{self, Binary};
use crate::setup::tools;
use crate::sh::{self, say};

/// The tests that need a kernel of their own are all marked to be ignored elsewhere.
const TESTS: &str = "/bin/guest-tests";
const ALL_TESTS: &[&str] = &[TESTS, "--ignored", "--test-threads=1"];
const TIMEOUT: Duration = Duration::from_secs(300);
const MEMORY_MIB: u32 = 768;

/// The folder of all that virtual machines need and leave.
pub(crate) fn folder() -> PathBuf {
    sh::root().join("target/vm")
}

/// What a guest carries, and what it does.
pub(crate) struct Load {
    init: PathBuf,
    /// Programs by their paths in the guest.
    programs: Vec<(&'static str, PathBuf)>,
    /// A folder laid over the root.
    tree: Option<PathBuf>,
    command: Vec<String>,
    cpus: u32,
    memory_mib: u32,
    timeout: Duration,
}

impl Load {
    /// Builds what the command needs; without a command, it is all tests.
    pub(crate) fn new(command: &[String], cpus: u32) -> Result<Self> {
        tools::programs(&[("qemu-system-x86_64", "qemu-system-x86")])?;
        let command = match command {
            [] => ALL_TESTS.iter().copied().map(str::to_owned).collect(),
            command => command.to_vec(),
        };
        let mut programs = vec![("/bin/oom-trace", artifacts::build(Binary::AGENT)?)];
        if command.first().is_some_and(|program| program == TESTS) {
            programs.push((TESTS, artifacts::build(Binary::GUEST_TESTS)?));
        }
        Ok(Self {
            init: artifacts::build(Binary::GUEST_INIT)?,
            programs,
            tree: None,
            command,
            cpus,
            memory_mib: MEMORY_MIB,
            timeout: TIMEOUT,
        })
    }

    /// Adds a program of ours.
    pub(crate) fn with(mut self, path: &'static str, binary: Binary) -> Result<Self> {
        self.programs.push((path, artifacts::build(binary)?));
        Ok(self)
    }

    /// Lays a folder over the root; a large one takes memory, and time to unpack.
    pub(crate) fn with_tree(self, root: PathBuf) -> Self {
        let (memory_mib, timeout) = (4 * MEMORY_MIB, 4 * TIMEOUT);
        Self { tree: Some(root), memory_mib, timeout, ..self }
    }
}

/// Boots the kernel and does what the load says; answers the command's exit status.
pub(crate) fn run(kernel: &Kernel, load: &Load, output: &mut dyn Write) -> Result<i32> {
    let Load { init, programs, tree, command, cpus, memory_mib, timeout } = load;
    let vmlinuz = kernel.image()?;
    let accel = accel(&vmlinuz, init)?;
    let folder = folder().join(kernel.name);
    fs::create_dir_all(&folder)?;
    // Another run on this kernel would take our image and files from under us.
    let turn = File::create(folder.join("lock"))?;
    turn.lock()?;
    say(format!("guest {}, {accel:?}: {}", kernel.name, command.join(" ")));
    let path = folder.join("initramfs.gz");
    let job = Job { argv: command.clone(), env: environment() };
    let mut image = Image::create(&path, init, &job)?;
    for (name, from) in programs {
        image.program(name, from)?;
    }
    if let Some(root) = tree {
        image.tree(root)?;
    }
    image.finish()?;
    let guest = Guest {
        kernel: &vmlinuz,
        image: &path,
        accel,
        cpus: *cpus,
        memory_mib: *memory_mib,
        timeout: *timeout,
        folder: &folder,
    };
    guest.run(output)
}

fn environment() -> BTreeMap<String, String> {
    let vars = [
        ("HOME", "/root"),
        ("OOM_TRACE_BIN", "/bin/oom-trace"),
        ("PATH", "/bin"),
        ("RUST_BACKTRACE", "1"),
    ];
    vars.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// KVM where it truly works; the answer is remembered, for finding out costs a boot.
fn accel(kernel: &Path, init: &Path) -> Result<Accel> {
    let remembered = folder().join("accel");
    match fs::read_to_string(&remembered).unwrap_or_default().trim() {
        "kvm" => return Ok(Accel::Kvm),
        "tcg" => return Ok(Accel::Tcg),
        _ => {}
    }
    let scratch = tempfile::tempdir()?;
    let image = scratch.path().join("initramfs.gz");
    Image::create(&image, init, &Job::default())?.finish()?;
    let works = qemu::kvm_boots(kernel, &image, scratch.path());
    let (accel, word) = if works { (Accel::Kvm, "kvm") } else { (Accel::Tcg, "tcg") };
    say(format!("virtual machines: {word}, remembered in {}", remembered.display()));
    fs::write(remembered, word)?;
    Ok(accel)
}
