//! The page: where it may be written, and that it is there whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use thiserror::Error;

use super::unless_closed;
use crate::files::{is_begun_by, replace};
use crate::quote::Quoted;
use crate::report::{Report, html};
use crate::say::say;
use crate::units::{Counted, Size};

/// Names standard output.
const STDOUT: &str = "-";

/// Mode of a new page, less what the umask takes: it says as much as the store, which is for root and its group.
const MODE: u32 = 0o640;

/// What stands where the page is to be.
#[derive(Debug, Error)]
pub(super) enum PageError {
    /// It would be written over.
    #[error(
        "{} is not a page that oom-trace wrote, so it is not overwritten; --html takes the page's name: \
         --html page.html {}",
        path.display(), Quoted::from(path.as_path())
    )]
    NotAPage {
        /// What is named.
        path: PathBuf,
    },
    /// It would be lost before it was read, or after.
    #[error(
        "{} is one of the files to read, so the page cannot be written there; --html takes the page's name: \
         --html page.html {}",
        path.display(), Quoted::from(path.as_path())
    )]
    Input {
        /// What is named.
        path: PathBuf,
    },
}

/// Whether nothing is lost if the page is written there: there is no file yet, or an empty one, or an
/// older page.
///
/// # Errors
/// It would take the place of something else.
pub(super) fn may_be_at(path: &Path, inputs: &[PathBuf]) -> Result<(), PageError> {
    let there = fs::metadata(path).ok().filter(|_| path != Path::new(STDOUT));
    let Some(there) = there.filter(fs::Metadata::is_file) else { return Ok(()) };
    let is_it = |other: &PathBuf| {
        let other = fs::metadata(other).ok();
        other.is_some_and(|other| (other.dev(), other.ino()) == (there.dev(), there.ino()))
    };
    if inputs.iter().any(is_it) {
        return Err(PageError::Input { path: path.to_owned() });
    }
    if there.len() > 0 && !is_begun_by(path, html::BEGINNING) {
        return Err(PageError::NotAPage { path: path.to_owned() });
    }
    Ok(())
}

/// Made in memory first: a page that is there is whole.
pub(super) fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    let mut page = Vec::new();
    html::render(report, &mut page).context("cannot make the page")?;
    if path == Path::new(STDOUT) {
        return io::stdout().write_all(&page).or_else(unless_closed);
    }
    // A pipe or a device is no file that another could take the place of.
    let is_other = fs::metadata(path).is_ok_and(|there| !there.is_file());
    let written = if is_other { fs::write(path, &page) } else { replace(path, MODE, &page) };
    written.with_context(|| format!("cannot write {}", path.display()))?;
    let count = u64::try_from(report.incidents()).unwrap_or(u64::MAX);
    let size = Size(u64::try_from(page.len()).unwrap_or(u64::MAX));
    say(format_args!("{}: {}, {size}", path.display(), Counted(count, "incident")));
    Ok(())
}
