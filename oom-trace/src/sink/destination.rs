//! What every kind of sink is made of.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Choice, Filter, Sink, SinkError, Status};
use crate::render::Format;

/// The settings of one sink.
pub trait Destination: Debug {
    /// What the sink will be called: the name given to it, or one made of where it leads.
    fn name(&self) -> String;

    /// Which records it gets.
    fn filter(&self) -> &Filter;

    /// What is chosen for it.
    fn choice(&self) -> Choice {
        self.filter().clone().into()
    }

    /// What is wrong with its keys together, and what to write.
    fn flaw(&self) -> Option<String> {
        None
    }

    /// How records are written there; `None` where they are counted.
    fn format(&self) -> Option<Format>;

    /// The file that it writes to, and makes anew, by its name: the agent may write nowhere else.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// The files that secrets and certificates come from, which may be written anew while the sink runs.
    fn credentials(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Where it is asked; no other sink can be at the same address.
    fn listens(&self) -> Option<SocketAddr> {
        None
    }

    /// Makes the sink. One whose destination may come later is made without it.
    ///
    /// # Errors
    /// A destination that must be there is not, or a file or secret that is named.
    fn open(&self, agent: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError>;

    /// Finds out whether records could be delivered. Creates nothing, and does not disturb an agent
    /// that has the destination open.
    ///
    /// # Errors
    /// They could not be.
    fn try_out(&self, agent: &Arc<dyn Status>) -> Result<(), SinkError> {
        self.open(agent)?.probe()
    }
}
