//! What the agent costs, alone and beside what people use today, on one kernel, in one boot.

mod check;
mod kept;
mod root;
mod rows;
mod table;

use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use xtask::job::{BENCH_PARTS, KEPT_PART};
use xtask::measure::{self, Series};

use self::check::Verdict;
use self::rows::{KEPT, LOG, OTHER_LOOKS, OTHER_READERS, OTHER_TOOLS, TOOLS};
use crate::artifacts::Binary;
use crate::setup::tools;
use crate::sh::{self, say};
use crate::vm::kernels::Kernel;
use crate::vm::machines::Machine;
use crate::vm::{self, Ending, Guest, Payload};

const KERNEL: &str = "6.12";
const MACHINE: &str = "two-cpus";
const PAGE: &str = "docs/benchmarks.md";

/// Measures and writes the page; a part alone is only printed.
pub(crate) fn run(part: Option<String>) -> Result<()> {
    if part.as_deref() == Some(KEPT_PART) {
        say(format!("\n{KEPT_PART}\n\n{}", table::make(KEPT, OTHER_LOOKS, &kept::measure()?)?));
        return Ok(());
    }
    if part.is_some() {
        return measure(part).map(drop);
    }
    let page = measure_all()?.page()?;
    fs::write(sh::root().join(PAGE), page)?;
    say(format!("written to {PAGE}"));
    Ok(())
}

/// Fails when a row got worse than on the committed page, by a fresh page or by measuring.
pub(crate) fn check(fresh: Option<PathBuf>) -> Result<()> {
    let read = |path: &Path| {
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let new = match fresh {
        Some(path) => read(&path)?,
        None => {
            let page = measure_all()?.page()?;
            let path = vm::folder().join("benchmarks.md");
            fs::write(&path, &page)?;
            say(format!("the fresh page is {}", path.display()));
            page
        }
    };
    let verdicts = check::compare(&read(&sh::root().join(PAGE))?, &new)?;
    verdicts.iter().for_each(|verdict| say(verdict.to_string()));
    judge(&verdicts)
}

fn judge(verdicts: &[Verdict]) -> Result<()> {
    let worse = verdicts.iter().filter(|verdict| verdict.is_worse()).count();
    if worse > 0 {
        bail!(
            "{worse} of {} rows got worse than in {PAGE} by more than a tenth, or were not measured; if that \
             is worth it, commit a fresh page",
            verdicts.len()
        );
    }
    Ok(())
}

/// What came home of a run.
struct Measured {
    series: Vec<Series>,
    /// Where parts left tables of their own.
    out: PathBuf,
    kernel: String,
    versions: String,
}

/// What needs a kernel of its own, and what does not.
fn measure_all() -> Result<Measured> {
    let mut measured = measure(None)?;
    measured.series.extend(kept::measure()?);
    say(format!("\n{KEPT_PART}\n\n{}", measured.table(KEPT_PART)?));
    Ok(measured)
}

/// All parts that are measured in a guest, or one of them.
fn measure(part: Option<String>) -> Result<Measured> {
    let kernel = Kernel::named(KERNEL)?;
    let root = root::get(kernel)?;
    let command: Vec<_> = iter::once("/bin/guest-bench".to_owned()).chain(part.clone()).collect();
    let payload = Payload::of_command(&command, kernel.arch)?
        .with("/bin/guest-bench", Binary::GUEST_BENCH)?
        .with_tool("/bin/oom-analyze", &tools::OOM_ANALYZE)?
        .with_tree(root.tree);
    let guest = Guest { kernel, machine: Machine::named(MACHINE)? };
    match guest.run(&payload, &mut io::stdout())? {
        Ending::Exit(0) => {}
        ending => bail!("guest-bench: {ending}"),
    }
    let series = fs::read(guest.out().join(measure::FILE))?;
    let measured = Measured {
        series: serde_json::from_slice(&series)?,
        out: guest.out(),
        kernel: kernel.package()?,
        versions: root.versions,
    };
    // The guest said the others itself.
    for name in ["beside", "log"].into_iter().filter(|name| part.as_ref().is_none_or(|p| p == name))
    {
        say(format!("\n{name}\n\n{}", measured.table(name)?));
    }
    Ok(measured)
}

impl Measured {
    fn table(&self, part: &str) -> Result<String> {
        match part {
            "beside" => table::make(TOOLS, OTHER_TOOLS, &self.series),
            "log" => table::make(LOG, OTHER_READERS, &self.series),
            KEPT_PART => table::make(KEPT, OTHER_LOOKS, &self.series),
            _ => Ok(fs::read_to_string(self.out.join(format!("{part}.md")))?),
        }
    }

    /// Puts in the template what stands there in braces: the parts' tables, and what was measured.
    fn page(&self) -> Result<String> {
        let Self { series: _, out: _, kernel, versions } = self;
        let mut page = include_str!("page.md")
            .replace("{kernel}", kernel)
            .replace("{versions}", versions)
            .replace("{reader}", &tools::OOM_ANALYZE.name());
        for part in BENCH_PARTS {
            page = page.replace(&format!("{{{part}}}"), self.table(part)?.trim());
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use xtask::measure::Subject;

    use super::*;

    #[test]
    fn the_page_that_is_written_is_read_back_in_every_row() {
        let out = tempfile::tempdir().unwrap();
        for part in ["profile", "incident", "exec", "stuck"] {
            fs::write(out.path().join(format!("{part}.md")), "| a | b |\n").unwrap();
        }
        use Subject::{Bpftrace, EmptyPage, Grep, Libbpf, OomAnalyze, OomTrace, Python, Sqlite};
        let subjects = [OomTrace, Libbpf, Bpftrace, Grep, OomAnalyze, Python, Sqlite, EmptyPage];
        let series = |of, subject| Series { of, subject, rounds: vec![4e6; 3] };
        let measured = Measured {
            series: rows::all()
                .flat_map(|row| subjects.map(|subject| series(row.of, subject)))
                .collect(),
            out: out.path().to_owned(),
            kernel: "linux".to_owned(),
            versions: "1".to_owned(),
        };
        let page = measured.page().unwrap();
        assert!(!page.contains('{'), "{page}");
        let verdicts = check::compare(&page, &page).unwrap();
        assert_eq!(verdicts.len(), rows::all().count());
        assert!(verdicts.iter().all(Verdict::is_measured), "{verdicts:?}");
        judge(&verdicts).unwrap();

        for (good, bad) in [
            ("| start to attached | 4.00 ms (1.00×)", "| start to attached | 4.00 ms (1.11×)"),
            ("| verified instructions | 4000000 ", "| verified instructions | 4400001 "),
            ("| all of the log | 4.00 ms (1.00×)", "| all of the log | 4.00 ms (1.11×)"),
        ] {
            assert!(page.contains(good), "{page}");
            let doctored = check::compare(&page, &page.replace(good, bad)).unwrap();
            let err = judge(&doctored).unwrap_err().to_string();
            assert!(err.starts_with("1 of "), "{err}");
        }
    }
}
