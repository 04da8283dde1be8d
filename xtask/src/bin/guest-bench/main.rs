//! Measures in one boot of a guest; what was measured goes to files for home. Without an argument it is
//! all parts, with one it is that part.

mod beside;
mod bpf;
mod calls;
mod exec;
mod incident;
mod kernel;
mod log;
mod profile;
mod stuck;
mod syslog;
mod tool;
mod usage;
mod victims;

use std::fs;

use anyhow::{Context as _, Result, bail};
use xtask::job::{OUT_DIR, guest_parts};
use xtask::measure::{FILE, Sheet};

#[expect(clippy::print_stdout, reason = "what is printed goes home")]
fn main() -> Result<()> {
    let wanted = std::env::args().nth(1);
    if wanted.as_deref() == Some(victims::COMMAND) {
        return victims::run();
    }
    kernel::prepare()?;
    let mut sheet = Sheet::default();
    for part in guest_parts().filter(|part| wanted.as_ref().is_none_or(|w| w == part)) {
        println!("{part}");
        // Said at once: what came before is not lost if a later part fails.
        if let Some(table) = measure(part, &mut sheet).context(part)? {
            println!("\n{table}");
            fs::write(format!("{OUT_DIR}/{part}.md"), table)?;
        }
        println!("{sheet}");
        // To be sent home.
        fs::write(format!("{OUT_DIR}/{FILE}"), serde_json::to_vec(&sheet)?)?;
    }
    Ok(())
}

/// Answers a table of its own, if the part has one.
fn measure(part: &str, sheet: &mut Sheet) -> Result<Option<String>> {
    match part {
        "beside" => beside::measure(sheet).map(|()| None),
        "incident" => incident::table(sheet).map(Some),
        "log" => log::measure(sheet).and_then(|()| syslog::measure(sheet)).map(|()| None),
        "exec" => exec::table().map(Some),
        "profile" => profile::tables().map(Some),
        "stuck" => stuck::table().map(Some),
        _ => bail!("not measured here"),
    }
}
