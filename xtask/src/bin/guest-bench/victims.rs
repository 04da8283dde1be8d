//! Processes for the kernel to kill.

use std::fs;
use std::io::{self, PipeWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The argument that makes a victim of this program.
pub(crate) const COMMAND: &str = "victim";

const LIMIT: usize = 4 << 20;
const ROOT: &str = "/sys/fs/cgroup";

/// A victim: waits for the word, then takes more than its cgroup may have.
pub(crate) fn run() -> Result<()> {
    let mut word = [0];
    // The end of the file means that it is not to be this one.
    if io::stdin().read(&mut word)? == 0 {
        return Ok(());
    }
    if word == *b"w" {
        loop {
            thread::park();
        }
    }
    let mut taken = vec![0_u8; 4 * LIMIT];
    for page in taken.chunks_mut(4096) {
        page.fill(1);
        std::hint::black_box(page);
    }
    Ok(())
}

/// A cgroup that has room for less than a victim takes.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// With `group`, the kernel kills all of it or none.
    pub(crate) fn create(name: &str, group: bool) -> Result<Self> {
        let path = PathBuf::from(ROOT).join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let cgroup = Self(path);
        cgroup.set("memory.max", &LIMIT.to_string())?;
        cgroup.set("memory.oom.group", if group { "1" } else { "0" })?;
        Ok(cgroup)
    }

    /// Has the kernel kill one process in here, or the group of this many, and waits for its end.
    pub(crate) fn kill(&self, processes: usize) -> Result<()> {
        let mut victims = Vec::new();
        for _ in 0..processes {
            victims.push(self.victim()?);
        }
        let Some((first, others)) = victims.split_first_mut() else { return Ok(()) };
        for other in others {
            tell(other, b"w")?;
        }
        tell(first, b"g")?;
        wait(&mut victims)
    }

    /// Fills it with processes that hold less than a victim, for which there is room as before.
    pub(crate) fn crowd(&self, processes: usize) -> Result<Crowd> {
        self.set("memory.max", "max")?;
        // Born here: to move each would take the kernel longer than all the kills.
        self.set("cgroup.procs", &process::id().to_string())?;
        let crowd = Crowd::gather(processes)?;
        set(Path::new(ROOT), "cgroup.procs", &process::id().to_string())?;
        self.settled()?;
        // What the kernel can take back makes room for a victim. It complains of getting less.
        let _ = self.set("memory.reclaim", "1G");
        let used = self.settled()?;
        self.set("memory.max", &(used + LIMIT).to_string())?;
        Ok(crowd)
    }

    /// What it takes once its processes have nothing left to do.
    fn settled(&self) -> Result<usize> {
        let path = self.0.join("memory.current");
        let mut last = 0;
        loop {
            thread::sleep(Duration::from_secs(1));
            let text =
                fs::read_to_string(&path).with_context(|| format!("in {}", path.display()))?;
            let used = text.trim().parse()?;
            if used == last {
                return Ok(used);
            }
            last = used;
        }
    }

    fn victim(&self) -> Result<Child> {
        let victim = spawn(Stdio::piped())?;
        self.set("cgroup.procs", &victim.id().to_string())?;
        Ok(victim)
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        set(&self.0, file, value)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A dead victim's memory may still be charged; the next of this name would say so.
        let _ = fs::remove_dir(&self.0);
    }
}

/// Processes that wait.
pub(crate) struct Crowd {
    processes: Vec<Child>,
    hold: PipeWriter,
}

impl Crowd {
    pub(crate) fn gather(size: usize) -> Result<Self> {
        let (word, hold) = io::pipe()?;
        let mut processes = Vec::new();
        for _ in 0..size {
            processes.push(spawn(word.try_clone()?.into())?);
        }
        Ok(Self { processes, hold })
    }

    /// Lets all of them end.
    pub(crate) fn part(self) -> Result<()> {
        let Self { mut processes, hold } = self;
        drop(hold);
        wait(&mut processes)
    }
}

/// As many kills as asked for, each in a cgroup of its own, all set off at once.
pub(crate) fn storm(kills: usize) -> Result<()> {
    let mut cgroups = Vec::new();
    let mut victims = Vec::new();
    for n in 0..kills {
        let cgroup = Cgroup::create(&format!("storm-{n}"), false)?;
        victims.push(cgroup.victim()?);
        cgroups.push(cgroup);
    }
    for victim in &mut victims {
        tell(victim, b"g")?;
    }
    wait(&mut victims)
}

fn set(cgroup: &Path, file: &str, value: &str) -> Result<()> {
    let path = cgroup.join(file);
    fs::write(&path, value).with_context(|| format!("cannot set {}", path.display()))
}

fn spawn(word: Stdio) -> Result<Child> {
    Ok(Command::new(std::env::current_exe()?).arg(COMMAND).stdin(word).spawn()?)
}

fn wait(processes: &mut [Child]) -> Result<()> {
    processes.iter_mut().try_for_each(|process| process.wait().map(drop).map_err(Into::into))
}

fn tell(victim: &Child, word: &[u8]) -> Result<()> {
    let mut stdin = victim.stdin.as_ref().context("a victim without a standard input")?;
    Ok(stdin.write_all(word)?)
}
