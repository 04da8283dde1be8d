//! docs/kernels.md: what the agent finds on each kernel, and what it was put through.

use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::guest::Guest;
use super::kernels::Kernel;
use super::machines::PLAIN;
use super::payload::FINDINGS;
use super::table::{Table, markdown};
use crate::sh;

/// What the agent says of a kernel, as far as the page has it.
#[derive(Debug, Deserialize)]
struct Findings {
    kernel: String,
    attach: Option<String>,
    hooks: Vec<String>,
    missing: Vec<Reason>,
}

#[derive(Debug, Deserialize)]
struct Reason {
    name: String,
    reason: String,
}

/// A page as it would be.
#[derive(Debug)]
pub(crate) struct Page {
    /// In the workspace.
    pub(crate) path: &'static str,
    pub(super) text: String,
}

/// Makes the page of the kernels, of a table that holds a plain guest of each kernel.
pub(super) fn make(table: &Table) -> Result<Page> {
    let mut found = Vec::new();
    for (guest, _) in table.accounts().filter(|(guest, _)| guest.machine.name == PLAIN.name) {
        found.push((guest.kernel, findings(guest)?));
    }
    let text = format!(
        include_str!("page.md"),
        kernels = kernels(&found),
        hooks = hooks(&found),
        missing = missing(&found),
        table = table.to_string().trim_end(),
    );
    Ok(Page { path: "docs/kernels.md", text })
}

impl Page {
    /// Writes it where it belongs.
    pub(crate) fn write(&self) -> Result<()> {
        let Self { path, text } = self;
        fs::write(sh::root().join(path), text).with_context(|| format!("cannot write {path}"))
    }
}

fn findings(guest: &Guest) -> Result<Findings> {
    let path = guest.out().join(FINDINGS);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))
}

type Found = (&'static Kernel, Findings);

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn kernels(found: &[Found]) -> String {
    let head = ["kernel", "booted", "architecture", "attached by", "lacks"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (kernel, found) in found {
        let lacks = match found.missing.len() {
            0 => "nothing".to_owned(),
            1 => "1 key".to_owned(),
            n => format!("{n} keys"),
        };
        let attach = found.attach.clone().unwrap_or_default();
        let [name, arch] = [kernel.name, kernel.arch.rust].map(str::to_owned);
        rows.push(vec![name, code(&found.kernel), arch, attach, lacks]);
    }
    markdown(&rows)
}

/// Each hook, and the kernels it is taken on.
fn hooks(found: &[Found]) -> String {
    marks("hook", found, |found| found.hooks.clone())
}

/// Each key that is null somewhere, and where.
fn missing(found: &[Found]) -> String {
    let missing = |found: &Findings| {
        let each = |it: &Reason| format!("{}: {}", code(&it.name), it.reason);
        found.missing.iter().map(each).collect()
    };
    if found.iter().all(|(_, found)| found.missing.is_empty()) {
        return "None of these kernels lacks a key.\n".to_owned();
    }
    marks("key that is missing, and why", found, missing)
}

/// A table of what each kernel has of all there is.
fn marks(title: &str, found: &[Found], has: impl Fn(&Findings) -> Vec<String>) -> String {
    let mut all: Vec<String> = Vec::new();
    for (_, found) in found {
        all.extend(has(found));
    }
    let names = found.iter().map(|(kernel, _)| kernel.name);
    let mut rows: Vec<Vec<_>> = vec![[title].into_iter().chain(names).map(str::to_owned).collect()];
    let mut seen = Vec::new();
    for thing in &all {
        if !seen.contains(&thing) {
            seen.push(thing);
            let mark = |found| if has(found).contains(thing) { "yes" } else { "" }.to_owned();
            let marks = found.iter().map(|(_, found)| mark(found));
            rows.push([thing.clone()].into_iter().chain(marks).collect());
        }
    }
    markdown(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(missing: &[(&str, &str)]) -> Findings {
        let reason = |(name, reason): &(&str, &str)| Reason {
            name: (*name).to_owned(),
            reason: (*reason).to_owned(),
        };
        Findings {
            kernel: "6.1.0-50".to_owned(),
            attach: Some("kprobe".to_owned()),
            hooks: vec!["p on f".to_owned()],
            missing: missing.iter().map(reason).collect(),
        }
    }

    #[test]
    fn a_key_that_is_missing_somewhere_is_named_with_its_reason() {
        let kernel = |name| Kernel::named(name).unwrap();
        let found =
            [(kernel("6.1"), findings(&[("limit", "no member")])), (kernel("6.12"), findings(&[]))];
        assert_eq!(
            missing(&found),
            "\
| key that is missing, and why | 6.1 | 6.12 |
| ---------------------------- | --- | ---- |
| `limit`: no member           | yes |      |
"
        );
        assert!(hooks(&found).ends_with("| p on f | yes | yes  |\n"));
        assert!(
            kernels(&found).contains("| 6.1    | `6.1.0-50` | x86_64       | kprobe      | 1 key")
        );
        assert_eq!(missing(&found[1..]), "None of these kernels lacks a key.\n");
    }
}
