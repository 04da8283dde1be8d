//! What a running agent never does, the kernel no longer lets it do: whoever makes it run code of his own by
//! what it reads is left in this process, and with its files.
//!
//! It holds for the thread that gives up and for those that it starts: so before there is any other.

mod files;
mod places;
mod system_calls;

use std::io;
use std::thread;

use rustix::thread::set_no_new_privs;

pub(in crate::commands) use self::files::Landlock;
pub(in crate::commands) use self::places::Places;
use crate::config;
use crate::sink::Spec;

/// What was given up.
#[derive(Debug, Default)]
pub(in crate::commands) struct Confined {
    /// Running programs, and with that new privileges.
    pub(in crate::commands) programs: bool,
    /// So many system calls.
    pub(in crate::commands) system_calls: Option<usize>,
    /// Writing elsewhere than in these places, as far as the kernel has Landlock.
    pub(in crate::commands) files: Option<(Places, Landlock)>,
    /// What could not be given up, though it should have been.
    pub(in crate::commands) notes: Vec<String>,
}

/// Why an output needs a restart.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GivenUp {
    #[error(
        "the first exec output needs a restart: an agent without one gives up the right to run programs"
    )]
    Programs,
    #[error(
        "the output {0} needs a restart: an agent gives up the right to write anywhere but in the folders that its \
         store and its outputs were in at its start"
    )]
    Elsewhere(String),
}

/// Gives up what an agent with this configuration does not need. One that starts programs goes without: all
/// this would pass on to them, and they may well need sudo.
pub(super) fn confine(config: &config::Run) -> Confined {
    if runs_programs(config) { Confined::default() } else { give_up(Places::of(config)) }
}

/// What an agent would give up here, with this configuration or with any: a thread does that ends with it.
///
/// # Errors
/// The kernel gives no thread.
pub(in crate::commands) fn try_out(config: Option<&config::Run>) -> io::Result<Confined> {
    if config.is_some_and(runs_programs) {
        return Ok(Confined::default());
    }
    let places = config.map(Places::of).unwrap_or_default();
    let tried = thread::Builder::new().name("confined".into()).spawn(|| give_up(places))?;
    tried.join().map_err(|_| io::Error::other("it panicked"))
}

fn give_up(places: Places) -> Confined {
    let mut confined = Confined::default();
    // Else root's next program would have all the capabilities again that this one dropped.
    if let Err(errno) = set_no_new_privs(true) {
        confined.notes.push(format!("cannot set no_new_privs: {errno}"));
        return confined;
    }
    confined.programs = true;
    match files::restrict(&places) {
        Ok(landlock) => confined.files = Some((places, landlock)),
        Err(error) => {
            confined.notes.push(format!("cannot restrict where it writes: {error}"));
        }
    }
    match system_calls::refuse() {
        Ok(()) => confined.system_calls = Some(system_calls::COUNT),
        Err(error) => {
            confined.notes.push(format!("cannot restrict its own system calls: {error}"));
        }
    }
    confined
}

impl Confined {
    /// Whether outputs that come later can work.
    ///
    /// # Errors
    /// One of them takes what was given up.
    pub(super) fn allows(&self, outputs: &[Spec]) -> Result<(), GivenUp> {
        if self.programs && outputs.iter().any(is_program) {
            return Err(GivenUp::Programs);
        }
        let Some((places, Landlock::Abi(_))) = &self.files else { return Ok(()) };
        match outputs.iter().find(|output| !places.cover(output)) {
            Some(output) => Err(GivenUp::Elsewhere(output.destination().name())),
            None => Ok(()),
        }
    }
}

/// Whether an agent with this configuration starts programs: for an output, or to be killed for show.
fn runs_programs(config: &config::Run) -> bool {
    config.demo || config.sinks.iter().any(is_program)
}

fn is_program(spec: &Spec) -> bool {
    matches!(spec, Spec::ExecConfig(_))
}
