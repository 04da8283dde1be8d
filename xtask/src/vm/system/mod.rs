//! Debian with its own systemd and container runtimes, the package installed on it, and what comes of that:
//! the scenarios are in `scenarios.sh` and `containers.sh`, and their verdicts are the system's own.

mod root;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use xtask::job::{CARRIED, JOB_FILE, Job, Step};

use super::arch::{AMD64, Arch};
use super::guest;
use super::image::Image;
use super::kernels::Kernel;
use super::machines::SYSTEM;
use super::qemu::{Boot, Ending, OUT};
use crate::artifacts::{self, Binary};
use crate::dist::{self, Packages};
use crate::setup::{self, tools};

/// What is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct SystemArgs {
    /// The kernel's name in the table
    #[arg(long, value_name = "NAME", default_value = "6.12")]
    kernel: String,
    /// Install the packages that `cargo xtask dist` made there instead of making them of the source as it is
    #[arg(long, value_name = "DIR")]
    dist: Option<PathBuf>,
    /// Run this script instead of the scenarios
    #[arg(long, value_name = "FILE", conflicts_with = "scenarios")]
    script: Option<PathBuf>,
    /// Only the scenarios whose names begin so [default: all]
    scenarios: Vec<String>,
}

/// The folder of what the guest is given.
const GIVEN: &str = "/oom-trace-tests";
/// Its program that runs a job, where the service looks for it.
const RUNNER: &str = "/oom-trace-tests/guest-init";
const DISK: &str = "/dev/vda";

const SCRIPTS: [(&str, &str); 3] = [
    ("lib.sh", include_str!("lib.sh")),
    ("scenarios.sh", include_str!("scenarios.sh")),
    ("containers.sh", include_str!("containers.sh")),
];

/// Runs them; fails when one does.
pub(crate) fn run(args: &SystemArgs) -> Result<()> {
    let arch = &AMD64;
    let kernel = Kernel::named(&args.kernel)?;
    if kernel.arch.rust != arch.rust {
        bail!("the system is of {}, and kernel {} is not", arch.debian, kernel.name);
    }
    setup::run()?;
    tools::programs(&[arch.qemu])?;
    kernel.get()?;
    let folder = super::folder().join(kernel.name).join(SYSTEM.name);
    fs::create_dir_all(&folder)?;
    let packages = dist::packages(args.dist.as_deref().unwrap_or(&folder), args.dist.is_some())?;
    let init = artifacts::build_for(arch, Binary::GUEST_INIT)?;
    let disk = root::disk(kernel)?;
    let image = folder.join("initramfs.gz");
    pack(args, kernel, &packages, &init, &image)?;
    let boot = Boot {
        kernel,
        machine: &SYSTEM,
        image: &image,
        disk: Some(&disk),
        keeps_disk: false,
        told: "",
        accel: guest::accel(kernel, arch, &init)?,
        memory_mib: SYSTEM.memory_mib,
        // A start of a whole system and a package's installation are quiet for as long.
        timeout: Duration::from_secs(600),
        folder: &folder,
    };
    match boot.run(&mut io::stdout())? {
        Ending::Exit(0) => Ok(()),
        ending => bail!("{ending}; what came home is in {}", folder.join(OUT).display()),
    }
}

/// The first root: it loads the disk's drivers, lays what it carries over the disk's root, and starts it.
fn pack(
    args: &SystemArgs,
    kernel: &'static Kernel,
    packages: &Packages,
    init: &Path,
    image: &Path,
) -> Result<()> {
    let carried = tempfile::tempdir()?;
    let given = carried.path().join(format!("{CARRIED}{GIVEN}").trim_start_matches('/'));
    fs::create_dir_all(&given)?;
    let put = |name: &str, bytes: &[u8]| {
        fs::write(given.join(name), bytes).with_context(|| format!("cannot write {name}"))
    };
    let Packages { deb, rpm } = packages;
    for (name, from) in
        [("oom-trace.deb", deb.as_path()), ("oom-trace.rpm", rpm), ("guest-init", init)]
    {
        fs::copy(from, given.join(name))
            .with_context(|| format!("cannot read {}", from.display()))?;
    }
    for (name, text) in SCRIPTS {
        put(name, text.as_bytes())?;
    }
    let mut argv = vec!["/bin/bash".to_owned()];
    if let Some(script) = &args.script {
        put("script.sh", &fs::read(script).with_context(|| script.display().to_string())?)?;
        argv.push(format!("{GIVEN}/script.sh"));
    } else {
        argv.push(format!("{GIVEN}/scenarios.sh"));
        argv.extend(args.scenarios.iter().cloned());
    }
    let inside = job(kernel.arch, vec![Step { argv, into: None }]);
    let path = carried.path().join(format!("{CARRIED}{JOB_FILE}").trim_start_matches('/'));
    fs::write(path, serde_json::to_vec(&inside)?)?;
    let files = kernel.modules(SYSTEM.modules)?;
    let mut first = Job { disk: Some(DISK.to_owned()), ..job(kernel.arch, Vec::new()) };
    for file in &files {
        let name = file.file_name().context("a module without a name")?;
        first.modules.push(format!("/modules/{}", name.to_string_lossy()));
    }
    let mut image = Image::create(image, init, &first)?;
    for (name, from) in first.modules.iter().zip(&files) {
        image.file(name, from)?;
    }
    image.tree(carried.path())?;
    image.finish()
}

fn job(arch: &Arch, steps: Vec<Step>) -> Job {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let env = [("HOME", "/root"), ("LANG", "C.UTF-8"), ("PATH", path)];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Job { home: arch.home_port.to_owned(), steps, env, ..Job::default() }
}
