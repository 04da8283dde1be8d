//! An error in one line.

use std::error::Error;
use std::io;

use rustix::io::Errno;

/// What it says and all that caused it, nothing twice.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        source = error.source();
    }
    text
}

/// Whether this process may open no more files.
pub(crate) fn is_file_limit(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::MFILE.raw_os_error())
}

/// What to do about that, behind what the kernel said; nothing where it is something else.
pub(crate) fn more_files(error: &io::Error) -> &'static str {
    if is_file_limit(error) {
        "; raise the limit of open files (ulimit -n, LimitNOFILE=)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Outer {
        said: &'static str,
        source: Box<dyn Error>,
    }

    #[test]
    fn nothing_is_said_twice() {
        let io = io::Error::from_raw_os_error(111);
        let inner = Outer { said: "tcp connect error", source: Box::new(io) };
        let middle = Outer { said: "tcp connect error", source: Box::new(inner) };
        let outer = Outer { said: "transport error", source: Box::new(middle) };
        assert_eq!(
            chain(&outer),
            "transport error: tcp connect error: Connection refused (os error 111)"
        );
    }
}
