//! The first process of a guest: mounts the kernel's file systems, runs one command, sends home
//! what it prints, its exit status and the files it leaves, and powers off.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, mount};
use rustix::process::{self, Pid, Signal, WaitOptions};
use rustix::system::RebootCommand;
use rustix::termios::{self, OptionalActions};
use walkdir::WalkDir;
use xtask::frame::{Frame, MAX_PAYLOAD};
use xtask::job::{HOME_PORT, JOB_FILE, Job, OUT_DIR};

/// Source, target, and type of what is mounted, in this order.
const MOUNTS: &[(&str, &str, &str)] = &[
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("devpts", "/dev/pts", "devpts"),
    ("tracefs", "/sys/kernel/tracing", "tracefs"),
    ("debugfs", "/sys/kernel/debug", "debugfs"),
    ("bpf", "/sys/fs/bpf", "bpf"),
    ("cgroup2", "/sys/fs/cgroup", "cgroup2"),
    ("tmpfs", "/run", "tmpfs"),
    ("tmpfs", "/tmp", "tmpfs"),
];

/// The exit status when the job could not be run at all.
const CANNOT_RUN: i32 = 125;

#[expect(clippy::print_stderr, reason = "the console is where a guest without a way home talks")]
fn main() {
    if let Err(err) = serve() {
        eprintln!("guest-init: {err:#}");
    }
    if let Err(err) = rustix::system::reboot(RebootCommand::PowerOff) {
        eprintln!("guest-init: cannot power off: {err}");
    }
}

fn serve() -> Result<()> {
    mount_all()?;
    let home = Mutex::new(open_home()?);
    let send = |frame: Frame| -> Result<()> {
        let home = home.lock().map_err(|_| anyhow::anyhow!("a thread that sent home died"))?;
        frame.write_to(&*home).with_context(|| format!("cannot write to {HOME_PORT}"))
    };
    let code = match run(&send) {
        Ok(status) => status.code().unwrap_or(128 + status.signal().unwrap_or_default()),
        Err(err) => {
            send(Frame::Output(format!("guest-init: {err:#}\n").into_bytes()))?;
            CANNOT_RUN
        }
    };
    send_files(&send)?;
    send(Frame::Exit(code))?;
    let home = home.into_inner().map_err(|_| anyhow::anyhow!("a thread that sent home died"))?;
    termios::tcdrain(&home).context("cannot wait for the last frame to leave")
}

fn mount_all() -> Result<()> {
    for (source, target, kind) in MOUNTS {
        fs::create_dir_all(target).with_context(|| format!("cannot create {target}"))?;
        mount(*source, *target, *kind, MountFlags::empty(), None)
            .with_context(|| format!("cannot mount {kind} on {target}"))?;
    }
    rustix::system::sethostname(b"guest").context("cannot set the host's name")
}

/// Opens the port home as a plain byte stream.
fn open_home() -> Result<File> {
    let port = File::options().read(true).write(true).open(HOME_PORT);
    let port = port.with_context(|| format!("cannot open {HOME_PORT}"))?;
    let mut settings = termios::tcgetattr(&port)?;
    settings.make_raw();
    termios::tcsetattr(&port, OptionalActions::Now, &settings)?;
    Ok(port)
}

fn run(send: &(dyn Fn(Frame) -> Result<()> + Sync)) -> Result<ExitStatus> {
    let job = fs::read(JOB_FILE).with_context(|| format!("cannot read {JOB_FILE}"))?;
    let job: Job = serde_json::from_slice(&job).with_context(|| format!("in {JOB_FILE}"))?;
    let [program, args @ ..] = job.argv.as_slice() else {
        return Ok(ExitStatus::default());
    };
    let (mut reader, writer) = io::pipe()?;
    let mut cmd = Command::new(program);
    cmd.args(args).env_clear().envs(&job.env);
    cmd.stdout(writer.try_clone()?).stderr(writer);
    let child = cmd.spawn().with_context(|| format!("cannot start {program}"))?;
    // The pipe ends with its last writer, and `cmd` holds two.
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
        // `kill(-1)`, which group 1 is to the kernel, spares the first process, us.
        let _ = process::kill_process_group(Pid::INIT, Signal::KILL);
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
