//! Processes for the kernel to kill.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// The argument that makes a victim of this program.
pub(crate) const COMMAND: &str = "victim";

const LIMIT: usize = 4 << 20;

/// A victim: waits for the word, then takes more than its cgroup may have.
pub(crate) fn run() -> Result<()> {
    let mut word = [0];
    // The end of the file means that another of the group is to go first.
    if io::stdin().read(&mut word)? == 0 {
        return Ok(());
    }
    if word == *b"w" {
        loop {
            std::thread::park();
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
        let path = PathBuf::from("/sys/fs/cgroup").join(name);
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
        victims.iter_mut().try_for_each(|victim| victim.wait().map(drop).map_err(Into::into))
    }

    fn victim(&self) -> Result<Child> {
        let mut cmd = Command::new(std::env::current_exe()?);
        let victim = cmd.arg(COMMAND).stdin(Stdio::piped()).spawn()?;
        self.set("cgroup.procs", &victim.id().to_string())?;
        Ok(victim)
    }

    fn set(&self, file: &str, value: &str) -> Result<()> {
        let path = self.0.join(file);
        fs::write(&path, value).with_context(|| format!("cannot set {}", path.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A dead victim's memory may still be charged; the next of this name would say so.
        let _ = fs::remove_dir(&self.0);
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
    victims.iter_mut().try_for_each(|victim| victim.wait().map(drop).map_err(Into::into))
}

fn tell(victim: &Child, word: &[u8]) -> Result<()> {
    let mut stdin = victim.stdin.as_ref().context("a victim without a standard input")?;
    Ok(stdin.write_all(word)?)
}
