//! Python, whose name says nothing of what it ran.

use super::super::facts::at_once;
use super::program::Program;
use crate::quote::Quoted;
use crate::units::Age;

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    program.is_most().then_some(())?;
    match &program.arguments {
        Some(arguments) => {
            let name = script(arguments.iter().skip(1).map(AsRef::as_ref))?;
            let name = Quoted::from(name);
            Some(match at_once(program.kill) {
                Some(ms) => format!(
                    "use tracemalloc to find out what {name} allocates when it starts: it was killed \
                     after {}",
                    Age(ms)
                ),
                None => format!(
                    "use tracemalloc to find out what grows in {name}, or process its data in chunks"
                ),
            })
        }
        None => {
            let victim = &program.kill.victim;
            let is_named =
                victim.unit.is_some() || victim.container.is_some() || victim.pod.is_some();
            (program.kill.source.is_kernel_log() && !is_named).then(|| {
                format!(
                    "find out which program {} was: the log has no command line (a running oom-trace \
                     records it)",
                    Quoted::from(program.comm.as_ref())
                )
            })
        }
    }
}

/// The first argument that is no option, or the module of `-m`; `None` for `-c`.
fn script<'a>(mut arguments: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    loop {
        match arguments.next()? {
            "-m" => return arguments.next(),
            "-X" | "-W" => {
                arguments.next();
            }
            "-c" | "-" => return None,
            option if option.starts_with('-') => {}
            script => return Some(script),
        }
    }
}
