//! SIGHUP: the configuration is read again, and what changed in it is done.

use std::path::Path;
use std::sync::Arc;

use super::confine::{Confined, GivenUp};
use crate::cli::RunArgs;
use crate::commands::destinations::{console, open_sinks};
use crate::config::{self, ConfigError};
use crate::delivery::{ConfiguredSink, Delivery, ThreadError};
use crate::say::say;
use crate::sink::{Console, SinkError, Spec, Status};

/// Knows what runs.
pub(super) struct Reloader {
    args: RunArgs,
    now: config::Run,
    /// What it has given up.
    confined: Confined,
    agent: Arc<dyn Status>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
enum Unchanged {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Thread(#[from] ThreadError),
    #[error(transparent)]
    GivenUp(#[from] GivenUp),
}

impl Reloader {
    pub(super) fn new(
        args: RunArgs,
        now: config::Run,
        confined: Confined,
        agent: Arc<dyn Status>,
    ) -> Self {
        Self { args, now, confined, agent }
    }

    /// Where records are kept, if they are.
    pub(super) fn store(&self) -> Option<&Path> {
        self.now.store.as_ref().map(|store| store.path.as_path())
    }

    /// Brings the sinks in line with the file; answers the rest, to be done elsewhere. If anything
    /// is wrong with it, that is said, and all stays as it was. `None` if there is nothing to do.
    pub(super) fn reload(&mut self, delivery: &mut Delivery) -> Option<config::Run> {
        self.args.config.as_ref()?;
        match self.try_reload(delivery) {
            Ok(said) => {
                say(said);
                Some(self.now.clone())
            }
            Err(error) => {
                say(format_args!("configuration not reloaded: {error}"));
                None
            }
        }
    }

    fn try_reload(&mut self, delivery: &mut Delivery) -> Result<String, Unchanged> {
        let new = config::Run::new(self.args.clone())?;
        let old = &self.now;
        let without = |these: &[Spec], those: &[Spec]| -> Vec<Spec> {
            these.iter().filter(|spec| !those.contains(spec)).cloned().collect()
        };
        let (gone, come) = (without(&old.sinks, &new.sinks), without(&new.sinks, &old.sinks));
        self.confined.allows(&come)?;
        // All are opened before the first one of the old is ended.
        let mut outputs: Vec<ConfiguredSink> = open_sinks(&come, &self.agent)?;
        let mut ended: Vec<_> = gone.iter().map(|spec| spec.destination().name()).collect();
        if old.console != new.console {
            outputs.extend(new.console.as_ref().map(console).transpose()?);
            ended.push(Console::NAME.to_owned());
        }
        let said = format!(
            "configuration reloaded; outputs: {} stopped, {} started{}",
            gone.len(),
            come.len(),
            needs_restart(old, &new)
        );
        delivery.replace(&ended, outputs)?;
        self.now = config::Run { kernel: old.kernel.clone(), store: old.store.clone(), ..new };
        Ok(said)
    }
}

fn needs_restart(old: &config::Run, new: &config::Run) -> &'static str {
    match (old.kernel != new.kernel || old.debug != new.debug, old.store != new.store) {
        (false, false) => "",
        (true, false) => "; how the kernel is hooked takes effect after a restart",
        (false, true) => "; the store takes effect after a restart",
        (true, true) => "; the store and the hooks take effect after a restart",
    }
}
