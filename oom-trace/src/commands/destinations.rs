//! Where records go: the sinks that are asked for, opened.

use std::sync::Arc;

use crate::config::ConsoleConfig;
use crate::delivery::Outfit;
use crate::sink::{Console, SinkError, Spec, Status};

/// One that is asked for.
///
/// # Errors
/// It cannot be opened.
pub(super) fn outfit(spec: &Spec, agent: &Arc<dyn Status>) -> Result<Outfit, SinkError> {
    let destination = spec.destination();
    Ok(Outfit { sink: destination.open(agent)?, filter: destination.filter().clone() })
}

/// All of them, or what is wrong with the first that cannot be opened.
pub(super) fn outfits(specs: &[Spec], agent: &Arc<dyn Status>) -> Result<Vec<Outfit>, SinkError> {
    specs.iter().map(|spec| outfit(spec, agent)).collect()
}

/// Standard output.
pub(super) fn console(config: &ConsoleConfig) -> Result<Outfit, SinkError> {
    let ConsoleConfig { format, style, filter } = config;
    let sink = Box::new(Console::stdout(*format, *style)?);
    Ok(Outfit { sink, filter: filter.clone() })
}
