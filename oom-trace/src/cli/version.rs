//! `oom-trace --version`.

use std::sync::LazyLock;

use crate::incident::model::SCHEMA;

/// The release, and which build of it this is: its commit where that is known, the number of the form
/// of its records, and what it was built for.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
    // Both from build.rs.
    describe(env!("OOM_TRACE_COMMIT"), env!("OOM_TRACE_TARGET"))
});

fn describe(commit: &str, target: &str) -> String {
    let release = env!("CARGO_PKG_VERSION");
    let commit = if commit.is_empty() { String::new() } else { format!("commit {commit}, ") };
    format!("{release} ({commit}schema {SCHEMA}, {target})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_is_not_known_is_left_out() {
        let release = env!("CARGO_PKG_VERSION");
        assert_eq!(
            describe("0123456789ab", "aarch64-unknown-linux-gnu"),
            format!("{release} (commit 0123456789ab, schema 1, aarch64-unknown-linux-gnu)")
        );
        assert_eq!(
            describe("", "x86_64-unknown-linux-gnu"),
            format!("{release} (schema 1, x86_64-unknown-linux-gnu)")
        );
    }
}
