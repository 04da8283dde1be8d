//! The first process of a guest: mounts the kernel's file systems, loads modules, runs its job,
//! sends home what that prints, its exit status and the files it leaves, and powers off.
//!
//! With a disk that has a system it starts that; a service there runs it once more, for the job.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, mount, mount_move};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
use rustix::process::{self, Pid, Signal, WaitOptions};
use rustix::system::{self, RebootCommand};
use rustix::termios::{self, OptionalActions};
use walkdir::WalkDir;
use xtask::frame::{Frame, MAX_PAYLOAD};
use xtask::job::{CARRIED, Hierarchy, JOB_FILE, Job, OUT_DIR, Step};

/// Type, target, and options of a mount.
type Mount = (&'static str, &'static str, Option<&'static CStr>);

/// In this order.
const MOUNTS: &[Mount] = &[
    ("proc", "/proc", None),
    ("sysfs", "/sys", None),
    ("devtmpfs", "/dev", None),
    ("devpts", "/dev/pts", None),
    ("tracefs", "/sys/kernel/tracing", None),
    ("debugfs", "/sys/kernel/debug", None),
    ("securityfs", "/sys/kernel/security", None),
    ("bpf", "/sys/fs/bpf", None),
    ("tmpfs", "/run", None),
    ("tmpfs", "/tmp", None),
];

const UNIFIED: &[Mount] = &[("cgroup2", "/sys/fs/cgroup", None)];

const LEGACY: &[Mount] = &[
    ("tmpfs", "/sys/fs/cgroup", None),
    ("cgroup", "/sys/fs/cgroup/memory", Some(c"memory")),
    ("cgroup", "/sys/fs/cgroup/cpuset", Some(c"cpuset")),
];

/// `MODULE_INIT_COMPRESSED_FILE` of `linux/module.h`: the kernel is to unpack the module.
const COMPRESSED: i32 = 4;

/// How long a disk may take to appear after its driver.
const DISK_APPEARS: Duration = Duration::from_secs(30);
/// Where it is put before it becomes the root.
const NEW_ROOT: &str = "/new";

/// The exit status when the job could not be run at all.
const CANNOT_RUN: i32 = 125;

#[expect(clippy::print_stderr, reason = "the console is where a guest without a way home talks")]
fn main() {
    if let Err(err) = serve() {
        eprintln!("guest-init: {err:#}");
    }
    if let Err(err) = system::reboot(RebootCommand::PowerOff) {
        eprintln!("guest-init: cannot power off: {err}");
    }
}

fn serve() -> Result<()> {
    let job = fs::read(JOB_FILE).with_context(|| format!("cannot read {JOB_FILE}"))?;
    let job: Job = serde_json::from_slice(&job).with_context(|| format!("in {JOB_FILE}"))?;
    if is_first() {
        mount_all(job.hierarchy)?;
        loopback_up().context("cannot bring up the loopback device")?;
    }
    fs::create_dir_all(OUT_DIR).with_context(|| format!("cannot create {OUT_DIR}"))?;
    let home = Mutex::new(open_home(&job.home)?);
    let send = |frame: Frame| -> Result<()> {
        let home = home.lock().map_err(|_| anyhow::anyhow!("a thread that sent home died"))?;
        frame.write_to(&*home).with_context(|| format!("cannot write to {}", job.home))
    };
    let code = run(&job, &send).or_else(|err| {
        send(Frame::Output(format!("guest-init: {err:#}\n").into_bytes()))?;
        send_files(&send).map(|()| CANNOT_RUN)
    })?;
    send(Frame::Exit(code))?;
    let home = home.into_inner().map_err(|_| anyhow::anyhow!("a thread that sent home died"))?;
    termios::tcdrain(&home).context("cannot wait for the last frame to leave")
}

fn mount_all(hierarchy: Hierarchy) -> Result<()> {
    let cgroups = match hierarchy {
        Hierarchy::Unified => UNIFIED,
        Hierarchy::Legacy => LEGACY,
    };
    for &(kind, target, options) in MOUNTS.iter().chain(cgroups) {
        fs::create_dir_all(target).with_context(|| format!("cannot create {target}"))?;
        mount(kind, target, kind, MountFlags::empty(), options)
            .with_context(|| format!("cannot mount {kind} on {target}"))?;
    }
    system::sethostname(b"guest").context("cannot set the host's name")
}

/// As on every machine: who listens there can be called.
fn loopback_up() -> Result<()> {
    // `RTM_NEWLINK` with `NLM_F_REQUEST`, of `linux/rtnetlink.h`: a `nlmsghdr` and an `ifinfomsg`.
    const LENGTH: u32 = 32;
    const NEW_LINK: u16 = 16;
    const REQUEST: u16 = 1;
    /// The first of each network namespace.
    const LOOPBACK: i32 = 1;
    /// `IFF_UP`
    const UP: u32 = 1;
    let mut message = Vec::new();
    message.extend(LENGTH.to_ne_bytes());
    message.extend([NEW_LINK, REQUEST].map(u16::to_ne_bytes).concat());
    message.extend([0; 12]);
    message.extend(LOOPBACK.to_ne_bytes());
    message.extend([UP, UP].map(u32::to_ne_bytes).concat());
    let socket = socket(AddressFamily::NETLINK, SocketType::DGRAM, None)?;
    sendto(socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    Ok(())
}

/// Opens the port home as a plain byte stream.
fn open_home(port: &str) -> Result<File> {
    let file = File::options().read(true).write(true).open(port);
    let file = file.with_context(|| format!("cannot open {port}"))?;
    let mut settings = termios::tcgetattr(&file)?;
    settings.make_raw();
    termios::tcsetattr(&file, OptionalActions::Now, &settings)?;
    Ok(file)
}

/// Does the job; answers the status of the first step that failed.
fn run(job: &Job, send: &(dyn Fn(Frame) -> Result<()> + Sync)) -> Result<i32> {
    for module in &job.modules {
        load(module).with_context(|| format!("cannot load the module {module}"))?;
    }
    if let Some(disk) = &job.disk {
        return Err(become_system(disk).context("cannot start the system on the disk"));
    }
    for step in &job.steps {
        let status = take(step, job, send)?;
        send_files(send)?;
        if !status.success() {
            return Ok(status.code().unwrap_or(128 + status.signal().unwrap_or_default()));
        }
    }
    Ok(0)
}

fn is_first() -> bool {
    process::getpid() == Pid::INIT
}

/// Makes the disk the root, with the files that the guest carries for it, and its first process of us.
fn become_system(disk: &str) -> anyhow::Error {
    let start = || -> Result<Command> {
        let since = Instant::now();
        while !Path::new(disk).exists() && since.elapsed() < DISK_APPEARS {
            thread::sleep(Duration::from_millis(10));
        }
        fs::create_dir(NEW_ROOT)?;
        mount(disk, NEW_ROOT, "ext4", MountFlags::empty(), None)
            .with_context(|| format!("cannot mount {disk}"))?;
        for entry in WalkDir::new(CARRIED).min_depth(1) {
            let entry = entry?;
            let to = Path::new(NEW_ROOT).join(entry.path().strip_prefix(CARRIED)?);
            if entry.file_type().is_dir() {
                fs::create_dir_all(&to)?;
            } else {
                fs::copy(entry.path(), &to).with_context(|| to.display().to_string())?;
            }
        }
        mount_move("/dev", Path::new(NEW_ROOT).join("dev"))?;
        process::chdir(NEW_ROOT)?;
        mount_move(".", "/")?;
        process::chroot(".")?;
        Ok(Command::new("/sbin/init"))
    };
    match start() {
        Ok(mut init) => init.env_clear().exec().into(),
        Err(err) => err,
    }
}

fn load(module: &str) -> Result<()> {
    let plain = Path::new(module).extension().is_some_and(|extension| extension == "ko");
    let flags = if plain { 0 } else { COMPRESSED };
    Ok(system::finit_module(File::open(module)?, &parameters(module)?, flags)?)
}

/// What the kernel's command line has for it, which a module is told by who loads it.
fn parameters(module: &str) -> Result<CString> {
    let name = Path::new(module).file_name().and_then(OsStr::to_str).context("no name")?;
    let name = name.split('.').next().unwrap_or_default();
    let line = fs::read_to_string("/proc/cmdline")?;
    let own = line.split_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('.'));
    Ok(CString::new(own.collect::<Vec<_>>().join(" "))?)
}

fn take(step: &Step, job: &Job, send: &(dyn Fn(Frame) -> Result<()> + Sync)) -> Result<ExitStatus> {
    let (program, args) = step.argv.split_first().context("a step without a program")?;
    let (mut reader, writer) = io::pipe()?;
    let mut cmd = Command::new(program);
    cmd.args(args).env_clear().envs(&job.env).stderr(writer.try_clone()?);
    match &step.into {
        Some(name) => cmd.stdout(File::create(Path::new(OUT_DIR).join(name))?),
        None => cmd.stdout(writer.try_clone()?),
    };
    drop(writer);
    let child = cmd.spawn().with_context(|| format!("cannot start {program}"))?;
    // The pipe ends with its last writer, and `cmd` holds some.
    drop(cmd);
    thread::scope(|scope| {
        let sender = scope.spawn(move || -> Result<()> {
            let mut buffer = vec![0; MAX_PAYLOAD];
            loop {
                match reader.read(&mut buffer)? {
                    0 => return Ok(()),
                    n => send(Frame::Output(buffer.get(..n).unwrap_or_default().to_vec()))?,
                }
            }
        });
        let status = wait_for(Pid::from_child(&child));
        // What the command left running would keep the pipe open.
        // `kill(-1)`, which group 1 is to the kernel, spares the first process, us. In a system the
        // service's own end does that.
        if is_first() {
            let _ = process::kill_process_group(Pid::INIT, Signal::KILL);
        }
        sender.join().map_err(|_| anyhow::anyhow!("the sending thread died"))??;
        status
    })
}

/// Waits for the process, and buries the orphans that the first process inherits meanwhile.
fn wait_for(pid: Pid) -> Result<ExitStatus> {
    loop {
        let ended = process::wait(WaitOptions::empty()).context("cannot wait")?;
        if let Some((_, status)) = ended.filter(|(ended, _)| *ended == pid) {
            return Ok(ExitStatus::from_raw(status.as_raw()));
        }
    }
}

fn send_files(send: &dyn Fn(Frame) -> Result<()>) -> Result<()> {
    for entry in WalkDir::new(OUT_DIR).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot list {OUT_DIR}"))?;
        if entry.file_type().is_file() {
            send_file(entry.path(), send)?;
        }
    }
    Ok(())
}

fn send_file(path: &Path, send: &dyn Fn(Frame) -> Result<()>) -> Result<()> {
    let name = path.strip_prefix(OUT_DIR)?.to_string_lossy().into_owned();
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    send(Frame::File(name))?;
    bytes.chunks(MAX_PAYLOAD).try_for_each(|chunk| send(Frame::Data(chunk.to_vec())))
}
