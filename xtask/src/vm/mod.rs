//! Real kernels in virtual machines.

mod archive;
mod image;
pub(crate) mod kernels;
mod qemu;

use std::collections::BTreeMap;
use std::fs;
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
const TESTS: &[&str] = &["/bin/guest-tests", "--ignored", "--test-threads=1"];
const TIMEOUT: Duration = Duration::from_secs(300);

/// The folder of all that virtual machines need and leave.
fn folder() -> PathBuf {
    sh::root().join("target/vm")
}

/// The programs a guest runs.
pub(crate) struct Programs {
    init: PathBuf,
    agent: PathBuf,
    tests: PathBuf,
}

impl Programs {
    /// Builds them.
    pub(crate) fn build() -> Result<Self> {
        tools::programs(&[("qemu-system-x86_64", "qemu-system-x86")])?;
        Ok(Self {
            agent: artifacts::build(Binary::AGENT)?,
            tests: artifacts::build(Binary::GUEST_TESTS)?,
            init: artifacts::build(Binary::GUEST_INIT)?,
        })
    }
}

/// Boots the kernel and runs the command there, the tests without one; answers its exit status.
pub(crate) fn run(
    kernel: &Kernel,
    programs: &Programs,
    cpus: u32,
    command: &[String],
    output: &mut dyn Write,
) -> Result<i32> {
    let vmlinuz = kernel.image()?;
    let accel = accel(&vmlinuz, &programs.init)?;
    let folder = folder().join(kernel.name);
    fs::create_dir_all(&folder)?;
    let command = if command.is_empty() {
        TESTS.iter().copied().map(str::to_owned).collect()
    } else {
        command.to_vec()
    };
    say(format!("guest {}, {accel:?}: {}", kernel.name, command.join(" ")));
    let path = folder.join("initramfs.gz");
    let job = Job { argv: command, env: environment() };
    let mut image = Image::create(&path, &programs.init, &job)?;
    image.program("bin/oom-trace", &programs.agent)?;
    image.program("bin/guest-tests", &programs.tests)?;
    image.finish()?;
    let image = path.as_path();
    let guest = Guest { kernel: &vmlinuz, image, accel, cpus, timeout: TIMEOUT, folder: &folder };
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
