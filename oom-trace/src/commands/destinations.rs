//! Where records go: the sinks that are asked for, opened.

use std::sync::Arc;

use crate::config::ConsoleConfig;
use crate::delivery::ConfiguredSink;
use crate::sink::{Console, SinkError, Spec, Status};

/// One that is asked for.
///
/// # Errors
/// It cannot be opened.
pub(super) fn open_sink(spec: &Spec, agent: &Arc<dyn Status>) -> Result<ConfiguredSink, SinkError> {
    Ok(ConfiguredSink { sink: spec.open(agent)?, choice: spec.destination().choice() })
}

/// All of them, or what is wrong with the first that cannot be opened.
pub(super) fn open_sinks(
    specs: &[Spec],
    agent: &Arc<dyn Status>,
) -> Result<Vec<ConfiguredSink>, SinkError> {
    specs.iter().map(|spec| open_sink(spec, agent)).collect()
}

/// Standard output.
pub(super) fn console(config: &ConsoleConfig) -> Result<ConfiguredSink, SinkError> {
    let ConsoleConfig { format, style, filter } = config;
    let sink = Box::new(Console::stdout(*format, style.live())?);
    Ok(ConfiguredSink { sink, choice: filter.clone().into() })
}
