//! One kernel on one machine.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use xtask::job::Job;

use super::arch::Arch;
use super::image::Image;
use super::kernels::Kernel;
use super::machines::{Machine, PLAIN};
use super::payload::Payload;
use super::qemu::{self, Accel, Boot, Ending};
use super::sample;
use crate::parts::Timer;
use crate::sh::say;

/// A guest to boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guest {
    pub(crate) kernel: &'static Kernel,
    pub(crate) machine: &'static Machine,
}

impl Guest {
    /// Boots it and does what the payload says. What that prints goes to `output` as it comes.
    pub(crate) fn run(&self, payload: &Payload, output: &mut dyn Write) -> Result<Ending> {
        self.prepared(payload, |boot| boot.run(output))
    }

    /// Makes all that it boots from, and hands that on; nobody else has it meanwhile.
    pub(super) fn prepared<T>(
        &self,
        payload: &Payload,
        boots: impl FnOnce(Boot<'_>) -> Result<T>,
    ) -> Result<T> {
        let Self { kernel, machine } = self;
        kernel.get()?;
        let accel = accel(kernel, payload.arch, &payload.init)?;
        let folder = self.folder();
        fs::create_dir_all(&folder)?;
        // Another run of this guest would take our image and files from under us.
        let turn = File::create(folder.join("lock"))?;
        turn.lock()?;
        let _timer = Timer::start(format!("guest {self}"));
        let image = folder.join("initramfs.gz");
        self.pack(payload, &image)?;
        let disk = machine.disk.map(|disk| (folder.join("disk"), disk));
        if let Some((path, disk)) = &disk {
            disk.make(path)?;
        }
        boots(Boot {
            kernel,
            machine,
            image: &image,
            disk: disk.as_ref().map(|(path, _)| path.as_path()),
            keeps_disk: false,
            told: "",
            accel,
            memory_mib: machine.memory_mib * payload.size,
            timeout: payload.timeout,
            folder: &folder,
        })
    }

    fn pack(&self, payload: &Payload, path: &Path) -> Result<()> {
        let modules = self.kernel.modules(self.machine.modules)?;
        let mut carried = Vec::new();
        for module in &modules {
            let name = module.file_name().context("a module without a name")?;
            carried.push(format!("/modules/{}", name.to_string_lossy()));
        }
        let job = Job {
            home: payload.arch.home_port.to_owned(),
            modules: carried,
            disk: None,
            hierarchy: self.machine.hierarchy,
            steps: payload.steps(self.machine),
            env: self.environment(payload),
        };
        let mut image = Image::create(path, &payload.init, &job)?;
        for (name, from) in &payload.programs {
            image.file(name, from)?;
        }
        for (name, from) in job.modules.iter().zip(&modules) {
            image.file(name, from)?;
        }
        if let Some(root) = &payload.tree {
            image.tree(root)?;
        }
        image.finish()
    }

    fn environment(&self, payload: &Payload) -> BTreeMap<String, String> {
        let (kernel, machine) = (self.kernel.name, self.machine.name);
        let vars = [
            ("HOME", "/root"),
            ("OOM_TRACE_BIN", "/bin/oom-trace"),
            ("OOM_TRACE_MACHINE", machine),
            ("PATH", "/bin"),
            ("RUST_BACKTRACE", "1"),
        ];
        let scope = payload.is_sample.then(|| sample::environment(kernel, machine)).flatten();
        let of_the_payload = payload.env.iter().map(|(key, value)| (*key, value.as_str()));
        let vars = vars.into_iter().chain(scope).chain(of_the_payload);
        vars.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Where what came home of the last run is.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder().join(qemu::OUT)
    }

    /// Where the account of its last run is kept: beside the files that it tells of, so that it goes when they do.
    pub(super) fn account(&self) -> PathBuf {
        self.out().join("account.json")
    }

    fn folder(&self) -> PathBuf {
        super::folder().join(self.kernel.name).join(self.machine.name)
    }
}

impl Display for Guest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kernel.name, self.machine.name)
    }
}

/// KVM where it truly works; the answer is remembered, for finding out costs a boot.
pub(super) fn accel(kernel: &'static Kernel, arch: &'static Arch, init: &Path) -> Result<Accel> {
    if !kernel.arch.is_ours() {
        return Ok(Accel::Tcg);
    }
    let remembered = super::folder().join("accel");
    let question = File::create(super::folder().join("accel.lock"))?;
    question.lock()?;
    match fs::read_to_string(&remembered).unwrap_or_default().trim() {
        "kvm" => return Ok(Accel::Kvm),
        "tcg" => return Ok(Accel::Tcg),
        _ => {}
    }
    let scratch = tempfile::tempdir()?;
    let image = scratch.path().join("initramfs.gz");
    let job = Job { home: arch.home_port.to_owned(), ..Job::default() };
    Image::create(&image, init, &job)?.finish()?;
    let works = qemu::kvm_boots(kernel, &PLAIN, &image, scratch.path());
    let (accel, word) = if works { (Accel::Kvm, "kvm") } else { (Accel::Tcg, "tcg") };
    say(format!("virtual machines: {word}, remembered in {}", remembered.display()));
    fs::write(remembered, word)?;
    Ok(accel)
}
