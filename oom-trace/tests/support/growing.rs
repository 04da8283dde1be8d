//! A file that another process is writing.

use std::path::Path;

/// What it holds up to the end of its last whole line; nothing if it is not there.
pub(crate) fn whole_lines(path: &Path) -> String {
    let mut text = std::fs::read_to_string(path).unwrap_or_default();
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}
