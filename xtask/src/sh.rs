//! Running other programs: each is announced, and a failure carries its command line and output.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

/// What steps say, from the root.
pub(crate) const LOG: &str = "target/setup.log";
/// The lines of output an error shows.
const TAIL: usize = 40;

/// Prints one line for the person at the terminal, who may have stopped reading.
pub(crate) fn say(line: impl AsRef<str>) {
    let _ = writeln!(io::stdout(), "{}", line.as_ref());
}

/// Prints why we fail.
pub(crate) fn complain(err: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "xtask: {err:#}");
}

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder of the project's own tools.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// cargo in the workspace: rustup's variables make it the one that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cmd = Command::new("cargo");
    // What the cargo that runs us says of our own package: build scripts that look at it would have all that
    // depends on them built anew each time that somebody else runs cargo.
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(ours) {
            cmd.env_remove(name);
        }
    }
    // `.cargo/config.toml` quiets the cargo inside build scripts, not this one.
    cmd.args(args).current_dir(root()).env_remove("CARGO_TERM_QUIET");
    cmd
}

/// A program run as root: through sudo where we are not.
pub(crate) fn as_root(program: impl AsRef<OsStr>) -> Command {
    if rustix::process::geteuid().is_root() {
        Command::new(program)
    } else {
        let mut cmd = Command::new("sudo");
        cmd.arg("--").arg(program);
        cmd
    }
}

/// Announces the command, runs it with our standard streams, and wants success.
pub(crate) fn run(cmd: &mut Command) -> Result<()> {
    announce(cmd);
    let status = cmd.status().with_context(|| format!("cannot start `{}`", show(cmd)))?;
    if !status.success() {
        bail!("`{}` failed: {status}", show(cmd));
    }
    Ok(())
}

/// Says in a line what is done, runs the command that does it, and wants success. What it says is in
/// [`LOG`], and the end of it in the error.
pub(crate) fn step(what: &str, cmd: &mut Command) -> Result<()> {
    say(format!("{what} …"));
    let path = root().join(LOG);
    let failed = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let mut log = File::options().append(true).create(true).open(&path).with_context(failed)?;
    writeln!(log, "$ {}", show(cmd)).with_context(failed)?;
    let from = log.metadata()?.len();
    let status = cmd.stdout(log.try_clone()?).stderr(log).status();
    let status = status.with_context(|| format!("cannot start `{}`", show(cmd)))?;
    if !status.success() {
        let said = fs::read(&path).unwrap_or_default().split_off(usize::try_from(from)?);
        let said = tail(&String::from_utf8_lossy(&said));
        bail!("`{}` failed: {status}\n{said}\nall of it is in {LOG}", show(cmd));
    }
    Ok(())
}

/// Announces the command, runs it, and hands each line of its standard output on.
/// Answers whether it succeeded.
pub(crate) fn run_lines(cmd: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    announce(cmd);
    let mut child = cmd
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", show(cmd)))?;
    if let Some(stdout) = child.stdout.take() {
        for text in BufReader::new(stdout).split(b'\n') {
            line(&String::from_utf8_lossy(&text?));
        }
    }
    Ok(child.wait()?.success())
}

/// The same with its standard error among them, in the order in which it writes.
pub(crate) fn run_all_lines(cmd: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    announce(cmd);
    let (ours, theirs) = io::pipe()?;
    cmd.stdout(theirs.try_clone()?).stderr(theirs);
    let mut child = cmd.spawn().with_context(|| format!("cannot start `{}`", show(cmd)))?;
    // The pipe ends with its last writer, and the command holds some.
    cmd.stdout(Stdio::null()).stderr(Stdio::null());
    for text in BufReader::new(ours).split(b'\n') {
        line(&String::from_utf8_lossy(&text?));
    }
    Ok(child.wait()?.success())
}

/// Runs the command silently and wants success; answers its standard output.
pub(crate) fn output(cmd: &mut Command) -> Result<String> {
    let out = cmd.output().with_context(|| format!("cannot start `{}`", show(cmd)))?;
    if !out.status.success() {
        bail!("`{}` failed: {}\n{}", show(cmd), out.status, said(&out));
    }
    String::from_utf8(out.stdout).with_context(|| format!("output of `{}`", show(cmd)))
}

/// Announces the command and becomes it; comes back only with an error.
pub(crate) fn exec(cmd: &mut Command) -> anyhow::Error {
    announce(cmd);
    let err = cmd.exec();
    anyhow::Error::new(err).context(format!("cannot start `{}`", show(cmd)))
}

fn announce(cmd: &Command) {
    say(format!("$ {}", show(cmd)));
}

/// The command line as one would type it, environment included.
fn show(cmd: &Command) -> String {
    let set = cmd
        .get_envs()
        .filter_map(|(key, value)| Some(format!("{}={}", key.to_string_lossy(), quote(value?))));
    set.chain([quote(cmd.get_program())])
        .chain(cmd.get_args().map(quote))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn said(out: &Output) -> String {
    let text = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    tail(&String::from_utf8_lossy(&text))
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let err = output(Command::new("sh").env("A", "b c").args(["-c", "echo why >&2; exit 3"]));
        let err = err.unwrap_err().to_string();
        assert!(err.starts_with("`A='b c' sh -c 'echo why >&2; exit 3'` failed"), "{err}");
        assert!(err.ends_with("\nwhy"), "{err}");
    }

    #[test]
    fn lines_of_both_outputs_come_in_order() {
        let mut lines = Vec::new();
        let mut sh = Command::new("sh");
        sh.args(["-c", "echo 1; echo 2 >&2; echo 3; exit 4"]);
        assert!(!run_all_lines(&mut sh, |line| lines.push(line.to_owned())).unwrap());
        assert_eq!(lines, ["1", "2", "3"]);
    }

    #[test]
    fn a_step_says_one_line_and_fails_with_its_last_words() {
        step("say something", Command::new("sh").args(["-c", "echo much"])).unwrap();
        let err =
            step("fail", Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        let err = err.to_string();
        assert!(err.contains("exit status: 3\nwhy\nall of it is in target/setup.log"), "{err}");
        assert!(!err.contains("much"), "{err}");
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        let text: String = (1..=TAIL + 2).map(|n| format!("{n}\n")).collect();
        assert!(tail(&text).starts_with("3\n"));
        assert_eq!(tail("one"), "one");
    }
}
