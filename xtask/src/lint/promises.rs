//! What docs/security.md calls a test or a scenario is one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::sources::each;

const PAGE: &str = "docs/security.md";

/// The names in it that are none, each as a line of its own.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let text =
        fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let mut names = named(&text);
    each(root, |_, source| {
        names.retain(|name| !is_defined(name, source));
        Ok(())
    })?;
    Ok(names.into_iter().map(|name| format!("{PAGE}: there is no test {name}")).collect())
}

/// What stands in the last column of its tables, and in brackets behind a promise.
fn named(page: &str) -> BTreeSet<&str> {
    let cells = page.lines().map(|line| line.rsplit(" | ").next().unwrap_or(line));
    let spans = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    spans
        .filter(|span| span.matches('_').count() > 1 || *span == "names")
        .filter(|span| is_name(span))
        .collect()
}

fn is_name(span: &str) -> bool {
    span.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_defined(name: &str, source: &str) -> bool {
    source.contains(&format!("fn {name}()")) || source.contains(&format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_names_tests_and_not_flags() {
        let page = "| it holds | scenarios `names`, `it_holds_in_a_storm` |\n(`it_is_shown_here`), `no_new_privs`\n";
        let known = ["fn it_holds_in_a_storm() {", "fn it_is_shown_here() {}", "(\"names\", x)"];
        let missing: Vec<_> = named(page)
            .into_iter()
            .filter(|name| !known.iter().any(|it| is_defined(name, it)))
            .collect();
        assert_eq!(missing, ["no_new_privs"]);
    }
}
