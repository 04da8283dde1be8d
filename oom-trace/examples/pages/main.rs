//! Writes the manual pages and the shells' completions, from the definition of the command line:
//! `cargo run --package oom-trace --example pages -- FOLDER`. `cargo xtask dist` puts them into packages.
//!
//! It is no part of the agent, which so carries nothing of what it takes.

mod man;
mod words;

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;
use oom_trace::cli::Cli;

const NAME: &str = "oom-trace";

/// Where each shell looks for completions, below `/usr/share`, and what it wants their file to be called.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/oom-trace"),
    (Shell::Zsh, "zsh/vendor-completions/_oom-trace"),
    (Shell::Fish, "fish/vendor_completions.d/oom-trace.fish"),
];

fn main() -> Result<()> {
    let out = env::args_os().nth(1).context("where to? Name a folder")?;
    let out = Path::new(&out);
    for page in man::pages()? {
        write(&out.join("man/man1").join(page.file), &page.text)?;
    }
    for (shell, path) in COMPLETIONS {
        write(&out.join(path), &completions(shell))?;
    }
    Ok(())
}

/// Below a folder like `/usr/share`.
fn write(path: &Path, text: &[u8]) -> Result<()> {
    let folder = path.parent().context("no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut visible(), NAME, &mut text);
    text
}

/// The command line without what it hides.
fn visible() -> clap::Command {
    let whole = Cli::command();
    let shown: Vec<_> = whole.get_subcommands().filter(|it| !it.is_hide_set()).cloned().collect();
    let mut visible = clap::Command::new(NAME).subcommands(shown);
    for arg in whole.get_arguments() {
        visible = visible.arg(arg.clone());
    }
    visible
        .version(env!("CARGO_PKG_VERSION"))
        .about(whole.get_about().cloned().unwrap_or_default())
        .long_about(whole.get_long_about().cloned().unwrap_or_default())
        .after_help(whole.get_after_help().cloned().unwrap_or_default())
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_page() {
        let pages = man::pages().unwrap();
        assert!(pages.iter().any(|page| page.file == "oom-trace-top.1"));
    }

    #[test]
    fn a_shell_completes_commands_and_flags_and_nothing_that_is_hidden() {
        for (shell, _) in COMPLETIONS {
            let text = String::from_utf8(completions(shell)).unwrap();
            for word in ["history", "verify", "no-cmdline", "kprobe"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
            assert!(!text.contains(oom_trace::cli::VICTIM_COMMAND), "{shell}");
        }
    }
}
