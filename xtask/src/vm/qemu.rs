//! One boot of a guest in QEMU, from its first frame to its verdict.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use xtask::frame::Frame;

use super::kernels::Kernel;
use super::machines::{End, Machine};
use crate::sh;

/// An oops ends the run. `panic=-1` restarts at once, which `-no-reboot` makes an end too. The
/// console is a slow serial port, so the long reports stay in the log buffer, which is large. The kernel
/// gives its timer ten ticks to show that it works; to an emulated one on a busy machine that may be too
/// short, and then it panics or tries other ways to get interrupts: so it does not ask.
const KERNEL_ARGS: &str = "quiet oops=panic panic=-1 log_buf_len=4M no_timer_check";

/// How the kernel's last words begin.
pub(super) const PANIC: &str = "Kernel panic - not syncing";

/// The folder of the files that came home.
pub(super) const OUT: &str = "out";

/// How the guest's processor comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accel {
    /// By the host's processor.
    Kvm,
    /// By emulation: slow, and possible everywhere.
    Tcg,
}

/// How a guest ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With the exit status of the step that failed, or 0.
    Exit(i32),
    /// In a panic of its kernel; with all that the console showed.
    Panic(String),
}

impl Display for Ending {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit status {code}"),
            Self::Panic(console) => {
                write!(f, "the kernel panicked; the end of its console:\n{}", sh::tail(console))
            }
        }
    }
}

/// A guest to boot.
pub(super) struct Boot<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) machine: &'a Machine,
    pub(super) image: &'a Path,
    pub(super) disk: Option<&'a Path>,
    /// Whether the disk keeps what the guest writes there.
    pub(super) keeps_disk: bool,
    /// What the kernel is told beside all else.
    pub(super) told: &'a str,
    pub(super) accel: Accel,
    pub(super) memory_mib: u32,
    /// Silent for so long, the guest hangs.
    pub(super) timeout: Duration,
    /// Where the console's log and the guest's files go.
    pub(super) folder: &'a Path,
}

impl Boot<'_> {
    /// Boots the guest and runs its job. What that prints goes to `output` as it comes.
    pub(super) fn run(&self, output: &mut dyn Write) -> Result<Ending> {
        let (console, complaints) = (self.console(), self.complaints());
        self.boot(&console, &complaints, output).map_err(|err| {
            let mut report = format!("{err:#}");
            for log in [complaints, console] {
                let text = fs::read(&log).unwrap_or_default();
                if !text.is_empty() {
                    let text = sh::tail(&String::from_utf8_lossy(&text));
                    report.push_str(&format!("\nthe end of {}:\n{text}", log.display()));
                }
            }
            anyhow!(report)
        })
    }

    /// Boots the guest, and takes its power away so long after it has printed a word; how it ended if it
    /// did before that. What it printed goes to `output`.
    pub(super) fn cut(
        &self,
        word: &str,
        after: Duration,
        output: &mut Vec<u8>,
    ) -> Result<Option<Ending>> {
        let (_qemu, frames) = self.start(&self.console(), &self.complaints())?;
        let (mut since, mut wait) = (None::<Instant>, self.timeout);
        loop {
            match frames.recv_timeout(wait) {
                Ok(Ok(Frame::Output(bytes))) => output.extend(bytes),
                Ok(Ok(Frame::Exit(code))) => return Ok(Some(Ending::Exit(code))),
                Ok(Ok(Frame::File(_) | Frame::Data(_))) => {}
                Ok(Err(err)) => return Err(err).context("what came home is no frame"),
                Err(RecvTimeoutError::Timeout) if since.is_some() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no word for {} s: the guest hangs", self.timeout.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => bail!("QEMU ended"),
            }
            if since.is_none() && String::from_utf8_lossy(output).contains(word) {
                since = Some(Instant::now());
            }
            wait = since.map_or(self.timeout, |since| after.saturating_sub(since.elapsed()));
        }
    }

    /// What the kernel's console shows.
    pub(super) fn console(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    fn complaints(&self) -> PathBuf {
        self.folder.join("qemu.log")
    }

    fn start(
        &self,
        console: &Path,
        complaints: &Path,
    ) -> Result<(Qemu, Receiver<std::io::Result<Frame>>)> {
        let mut cmd = self.command(console);
        cmd.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(complaints)?);
        let mut child = Qemu(cmd.spawn().context("cannot start QEMU")?);
        let frames = read(child.0.stdout.take().context("QEMU has no standard output")?);
        Ok((child, frames))
    }

    fn boot(&self, console: &Path, complaints: &Path, output: &mut dyn Write) -> Result<Ending> {
        let out = self.folder.join(OUT);
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir_all(&out)?;
        let (mut child, frames) = self.start(console, complaints)?;
        let mut file = None;
        loop {
            match frames.recv_timeout(self.timeout) {
                Ok(Ok(Frame::Output(bytes))) => {
                    output.write_all(&bytes)?;
                    output.flush()?;
                }
                Ok(Ok(Frame::File(name))) => file = Some(create(&out, &name)?),
                Ok(Ok(Frame::Data(bytes))) => {
                    file.as_mut().context("data of no file came home")?.write_all(&bytes)?;
                }
                Ok(Ok(Frame::Exit(code))) => return Ok(Ending::Exit(code)),
                Ok(Err(err)) => return Err(err).context("what came home is no frame"),
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no word for {} s: the guest hangs", self.timeout.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = child.0.wait()?;
                    let log = fs::read(console).unwrap_or_default();
                    let log = String::from_utf8_lossy(&log);
                    if log.contains(PANIC) {
                        return Ok(Ending::Panic(log.into_owned()));
                    }
                    bail!("no verdict: QEMU ended ({status})")
                }
            }
        }
    }

    fn command(&self, console: &Path) -> Command {
        let Self { kernel, machine, .. } = self;
        let arch = kernel.arch;
        let mut cmd = Command::new(arch.qemu.0);
        cmd.args(["-machine", arch.machine, "-m", &format!("{}M", self.memory_mib)]);
        let most = machine.cpus + machine.spare_cpus;
        cmd.args(["-smp", &format!("{},maxcpus={most}", machine.cpus)]);
        cmd.args(match self.accel {
            Accel::Kvm => ["-accel", "kvm", "-cpu", "host"],
            // QEMU 7.2 fails with several threads.
            Accel::Tcg => ["-accel", "tcg,thread=single", "-cpu", arch.cpu],
        });
        cmd.args(["-display", "none", "-monitor", "none", "-nic", "none"]);
        if machine.end != End::AfterPanic {
            cmd.arg("-no-reboot");
        }
        cmd.arg("-serial").arg(format!("file:{}", console.display()));
        cmd.args(["-chardev", "stdio,id=home,signal=off"]).args(arch.home_args);
        cmd.args(machine.qemu);
        if let Some(disk) = self.disk {
            // What a guest writes there ends with it, unless it is to last.
            let snapshot = if self.keeps_disk { "off" } else { "on" };
            let disk = format!("file={},format=raw,if=virtio,snapshot={snapshot}", disk.display());
            cmd.arg("-drive").arg(disk);
        }
        cmd.arg("-kernel").arg(kernel.image()).arg("-initrd").arg(self.image);
        let (of_machine, told) = (machine.kernel_args.join(" "), self.told);
        let console = arch.console;
        cmd.arg("-append").arg(format!("console={console} {KERNEL_ARGS} {of_machine} {told}"));
        cmd
    }
}

/// Whether KVM truly works for guests of ours: a device file proves nothing, a boot does.
pub(super) fn kvm_boots(kernel: &Kernel, machine: &Machine, image: &Path, folder: &Path) -> bool {
    let boot = Boot {
        kernel,
        machine,
        image,
        disk: None,
        keeps_disk: false,
        told: "",
        accel: Accel::Kvm,
        memory_mib: machine.memory_mib,
        timeout: Duration::from_secs(20),
        folder,
    };
    let probe = File::options().read(true).write(true).open("/dev/kvm");
    probe.is_ok() && matches!(boot.run(&mut std::io::sink()), Ok(Ending::Exit(0)))
}

/// A machine that stops when we do.
struct Qemu(Child);

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads frames aside, so that waiting for one can end.
fn read(stdout: ChildStdout) -> Receiver<std::io::Result<Frame>> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        while let Some(frame) = Frame::read_from(&mut stdout).transpose() {
            let last = frame.is_err();
            if tx.send(frame).is_err() || last {
                break;
            }
        }
    });
    rx
}

/// Creates a file the guest sends; its name must not lead out of the folder.
fn create(out: &Path, name: &str) -> Result<File> {
    let name = PathBuf::from(name);
    if !name.components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("the guest sends a file named {}", name.display());
    }
    let path = out.join(name);
    fs::create_dir_all(path.parent().unwrap_or(out))?;
    File::create(&path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_write_outside_its_folder() {
        let out = tempfile::tempdir().unwrap();
        create(out.path(), "a/b").unwrap();
        create(out.path(), "../b").unwrap_err();
        create(out.path(), "/tmp/b").unwrap_err();
    }
}
