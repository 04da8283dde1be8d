//! The system's disk: Debian as its archive has it, with a service that runs the guest's job.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::RUNNER;
use crate::setup::tools;
use crate::sh;
use crate::vm::arch::AMD64;
use crate::vm::kernels::Kernel;
use crate::vm::{self, archive};

/// The suite of the system.
const SUITE: &str = "trixie";

/// Beyond what is always there. What a change adds is made anew, see [`is_of`].
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "libnss-systemd",
    "systemd-container",
    "udev",
    "kmod",
    "procps",
    "iproute2",
    "iptables",
    "busybox-static",
    "jq",
    "podman",
    "crun",
    "runc",
    "uidmap",
    "docker.io",
    "docker-cli",
    "containerd",
    "lxc",
    "rpm",
    // To build the live patch.
    "gcc",
    "make",
    // To ask containerd as the kubelet does.
    "curl",
    "protobuf-compiler",
];

/// What the kubelet asks a runtime, of which no more than its description is taken: it needs all of Go's libraries.
const CRI: &str = "golang-github-kubernetes-cri-api-dev";

/// Starts that take time and matter to nobody here; the runtimes' daemons are started where they are tried.
const OFF: &[&str] = &[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "containerd.service",
    "docker.service",
    "docker.socket",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "lxc-net.service",
    "lxc.service",
    "podman-auto-update.timer",
    "podman-restart.service",
    "podman.socket",
    "systemd-firstboot.service",
    "systemd-networkd-wait-online.service",
];

const UNIT: &str = "\
[Unit]
Description=Runs the guest's job
After=multi-user.target

[Service]
Type=exec
ExecStart=RUNNER
Delegate=yes
[Install]
WantedBy=multi-user.target
";

/// Files of the system that are ours.
const FILES: &[(&str, &str)] = &[
    ("etc/fstab", "/dev/vda / ext4 rw,relatime 0 1\n"),
    ("etc/hostname", "guest\n"),
    ("etc/hosts", "127.0.0.1 localhost guest\n"),
    ("etc/machine-id", "d5c1a2b3c4d5e6f708192a3b4c5d6e7f\n"),
    ("usr/src/live-patch/live_patch.c", include_str!("live_patch.c")),
    ("usr/src/live-patch/Kbuild", "obj-m := live_patch.o\n"),
    ("etc/containerd/config.toml", include_str!("containerd.toml")),
    ("etc/docker/daemon.json", "{\"iptables\":false,\"ip6tables\":false,\"bridge\":\"none\"}\n"),
];

/// The disk for the kernel, made where there is none.
pub(super) fn disk(kernel: &Kernel) -> Result<PathBuf> {
    let folder = vm::folder().join("systems");
    fs::create_dir_all(&folder)?;
    let turn = File::create(folder.join("lock"))?;
    turn.lock()?;
    let (root, disk) = (folder.join("root"), folder.join("disk"));
    if !is_of(&folder) {
        make(&root)?;
        fs::write(folder.join(LIST), list())?;
        remove(&disk)?;
    }
    if !kernel.modules_in(&root)?.exists() {
        kernel.unpack_modules(&root)?;
        remove(&disk)?;
    }
    if !kernel.modules_in(&root)?.join(LIVE_PATCH).exists() {
        build_live_patch(kernel, &root)?;
        remove(&disk)?;
    }
    if !disk.exists() {
        let half = folder.join("disk.half");
        remove(&half)?;
        let mut cmd = sh::as_root("/usr/sbin/mke2fs");
        sh::run(cmd.args(["-q", "-t", "ext4", "-d"]).arg(&root).arg(&half).arg("6G"))?;
        fs::rename(half, &disk)?;
    }
    Ok(disk)
}

/// The file that says what the system was made of.
const LIST: &str = "made-of";

fn list() -> String {
    format!("{SUITE} {PACKAGES:?} {CRI} {OFF:?} {FILES:?} {UNIT}")
}

fn is_of(folder: &Path) -> bool {
    fs::read_to_string(folder.join(LIST)).is_ok_and(|text| text == list())
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

const LIVE_PATCH: &str = "live_patch.ko";

/// Builds the module of a live patch with the kernel's headers, and puts it among the kernel's modules.
fn build_live_patch(kernel: &Kernel, root: &Path) -> Result<()> {
    let headers = kernel.unpack_headers(root)?;
    let mut cmd = sh::as_root("chroot");
    cmd.arg(root).args(["make", "-C", &headers, "M=/usr/src/live-patch"]);
    // Another suite's kernel asks for another suite's compiler, and types of its own take one tool more.
    cmd.args(["CC=gcc", "CONFIG_DEBUG_INFO_BTF_MODULES=", "clean", "modules"]);
    sh::run(&mut cmd)?;
    let module = root.join("usr/src/live-patch").join(LIVE_PATCH);
    sh::output(sh::as_root("cp").arg(module).arg(kernel.modules_in(root)?)).map(drop)
}

/// Only `/dev`, `/proc` and the like make this a thing for root.
fn make(root: &Path) -> Result<()> {
    tools::programs(&[("mmdebstrap", "mmdebstrap"), ("/usr/sbin/mke2fs", "e2fsprogs")])?;
    let suite = archive::open(SUITE)?;
    sh::run(sh::as_root("rm").args(["--recursive", "--force", "--one-file-system"]).arg(root))?;
    let mut cmd = sh::as_root("mmdebstrap");
    cmd.args(["--mode=root", "--variant=minbase", "--architectures=amd64"]);
    cmd.args(["--dpkgopt=path-exclude=/usr/share/locale/*", "--aptopt=Acquire::Retries \"5\""]);
    cmd.arg(format!("--include={}", PACKAGES.join(",")));
    sh::run(cmd.arg(SUITE).arg(root).arg(suite.source()))?;
    suite.extract(&suite.package(&AMD64, CRI)?, root)?;
    let unit = UNIT.replace("RUNNER", RUNNER);
    let files = FILES.iter().map(|(path, text)| (*path, *text));
    for (path, text) in files.chain([("etc/systemd/system/guest-job.service", unit.as_str())]) {
        let path = root.join(path);
        let mut cmd = sh::as_root("sh");
        cmd.args(["-c", "mkdir -p \"$(dirname \"$0\")\" && printf %s \"$1\" >\"$0\""]);
        sh::output(cmd.arg(path).arg(text))?;
    }
    let systemctl = |verb: &str, units: &[&str]| {
        let mut cmd = sh::as_root("systemctl");
        cmd.arg(format!("--root={}", root.display())).arg(verb).args(units);
        sh::output(&mut cmd).map(drop)
    };
    systemctl("mask", OFF)?;
    systemctl("enable", &["guest-job.service"])
}
