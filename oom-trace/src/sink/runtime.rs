//! A tokio runtime of a sink's own.

use std::future::Future;
use std::io;

use tokio::runtime::{EnterGuard, Runtime};

use super::event_loop::of_one_thread;

/// Runs on the thread that has something to wait for, and can be dropped on any: tokio's own panics
/// when it is dropped on a thread that runs another one, as the agent's main thread does, which
/// drops sinks when one after them cannot be opened.
#[derive(Debug)]
pub(super) struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    /// # Errors
    /// The kernel gives no file descriptor.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Some(of_one_thread()?)))
    }

    /// As [`Runtime::enter`].
    pub(super) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }

    /// As [`Runtime::block_on`]; `None` only while it is dropped.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.0.as_ref().map(|runtime| runtime.block_on(future))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn it_may_be_dropped_where_another_runs() {
        let agents = Builder::new_current_thread().build().unwrap();
        agents.block_on(async { drop(OwnRuntime::new().unwrap()) });
    }
}
