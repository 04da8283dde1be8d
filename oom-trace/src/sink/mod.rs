//! One destination a file, behind one small trait; sinks know nothing of each other.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use crate::incident::model::Record;

mod backfill;
mod body;
mod choice;
mod console;
mod destination;
mod error;
pub(crate) mod event_loop;
mod exec;
mod facts;
mod file;
mod filter;
#[cfg(feature = "network")]
mod http;
mod journald;
mod lines;
mod metrics;
#[cfg(feature = "network")]
mod otlp;
mod output;
mod place;
#[cfg(feature = "network")]
mod prometheus;
mod renewed;
mod repeats;
#[cfg(feature = "network")]
mod runtime;
mod severity;
mod spec;
mod status;
mod syslog;
mod textfile;
#[cfg(feature = "network")]
mod tls;
#[cfg(feature = "network")]
mod url;
#[cfg(feature = "network")]
mod webhook;

#[cfg(test)]
mod compliance;
#[cfg(test)]
#[cfg(feature = "network")]
mod hostile;
#[cfg(test)]
mod testhttp;

pub use backfill::Backfill;
pub use choice::Choice;
pub use console::Console;
pub use destination::Destination;
pub use error::{Disposition, SinkError};
pub use file::{FileConfig, FileSink, Rotate};
pub use filter::{
    ContainerPattern, Filter, FilterState, NamePattern, PathPattern, UnitPattern, Whereabouts,
};
pub use output::OutputError;
pub use place::Place;
pub use repeats::Repeats;
pub use spec::{KINDS, Spec, SpecError, Tables};
pub use status::{Attachment, SinkTotals, Status};
#[cfg(feature = "network")]
pub use tls::{Tls, TlsError};

/// A place records are delivered to. It lives on a thread of its own and may block there.
pub trait Sink: Send + Debug {
    /// What diagnostics call it, such as `console`; one line, the same for its whole life.
    fn name(&self) -> &str;

    /// Begins what goes on beside records, such as answering others. Called once, on the sink's own
    /// thread: whoever only opens a sink, and before this the agent, has no thread of it.
    ///
    /// # Errors
    /// It cannot begin. The sink takes records all the same.
    fn begin(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Hands records over, in their order: when this returns, nothing of them is held back in this
    /// process.
    ///
    /// # Errors
    /// The destination does not take them, or not all of them. The sink stays usable, and all of
    /// them are handed over again unless its [`Disposition`] says otherwise.
    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError>;

    /// Hands over the last of several kills at one place, the others of which are told by their number
    /// alone.
    ///
    /// # Errors
    /// As [`Sink::deliver`].
    fn deliver_repeats(&mut self, last: &Arc<Record>, _: &Repeats) -> Result<(), SinkError> {
        self.deliver(std::slice::from_ref(last))
    }

    /// How many records it takes at once, at the most.
    fn batch(&self) -> usize {
        1
    }

    /// Whether it gets each record at least once, whatever happens to it or to the agent. Another is
    /// told of each once, at once, or never.
    fn is_durable(&self) -> bool {
        true
    }

    /// Opens the destination anew, for whoever moved it away.
    ///
    /// # Errors
    /// The destination cannot be opened; records go on to the one that was open before.
    fn reopen(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// When it is to be looked after, though no record comes: what it delivered may not have arrived.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Sees whether what was delivered has arrived, and delivers again what has not.
    ///
    /// # Errors
    /// The destination does not take it. It is tried again when it is [due](Self::due).
    fn settle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Makes what was delivered as durable as the destination can. Called once, at the end.
    ///
    /// # Errors
    /// The destination does not answer for it.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// Finds out whether somebody is there, without telling of a kill.
    ///
    /// # Errors
    /// Nobody is.
    fn probe(&mut self) -> Result<(), SinkError>;
}
