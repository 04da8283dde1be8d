//! Measures in one boot of a guest; each part's table goes to standard output and to a file for
//! home. Without an argument it is all parts, with one it is that part.

mod beside;
mod exec;
mod incident;
mod kernel;
mod stuck;
mod tool;
mod usage;
mod victims;

use std::cmp::Ordering;
use std::fs;

use anyhow::{Context as _, Result, bail};
use xtask::job::{BENCH_PARTS, OUT_DIR};

#[expect(clippy::print_stdout, reason = "what is printed goes home")]
fn main() -> Result<()> {
    let wanted = std::env::args().nth(1);
    if wanted.as_deref() == Some(victims::COMMAND) {
        return victims::run();
    }
    kernel::prepare()?;
    for part in BENCH_PARTS.into_iter().filter(|part| wanted.as_ref().is_none_or(|w| w == part)) {
        println!("{part}");
        let table = table(part).context(part)?;
        println!("\n{table}");
        fs::write(format!("{OUT_DIR}/{part}.md"), table)?;
    }
    Ok(())
}

fn table(part: &str) -> Result<String> {
    match part {
        "beside" => beside::table(),
        "incident" => incident::table(),
        "exec" => exec::table(),
        "stuck" => stuck::table(),
        _ => bail!("not measured here"),
    }
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    values.get(values.len() / 2).copied()
}
