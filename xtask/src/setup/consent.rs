//! What is put on somebody's machine is said before, and asked for where there is somebody to ask.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use anyhow::{Result, bail};

use crate::sh::{self, say};

static GIVEN: OnceLock<()> = OnceLock::new();

/// `--yes`.
pub(crate) fn give() {
    let _ = GIVEN.set(());
}

/// Says what is to be done to this machine, and once for the whole run waits for a yes, if a person is there.
///
/// # Errors
/// It is a no.
pub(super) fn ask(what: &str) -> Result<()> {
    say(format!("{what}\n  (what this says goes to {})", sh::LOG));
    if GIVEN.get().is_some() || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(());
    }
    let mut out = io::stdout();
    write!(out, "Go on? [Y/n] ")?;
    out.flush()?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer)?;
    if read == 0 || !is_yes(&answer) {
        bail!("nothing was installed");
    }
    give();
    Ok(())
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn return_is_a_yes_and_anything_else_is_none() {
        assert!(is_yes("\n") && is_yes("Y\n") && is_yes("yes\n"));
        assert!(!is_yes("n\n") && !is_yes("what?\n"));
    }
}
