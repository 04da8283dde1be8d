//! Sinks whose secrets and certificates are files, which are renewed while the agent runs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Instant;

use super::{Disposition, Repeats, Sink, SinkError, Spec, Status};
use crate::incident::model::Record;

/// What a file that was written anew has not in common with the one before: device, inode, size, and
/// modification time.
type Stamp = (u64, u64, u64, i64, i64);

/// Opened again when a file that its settings name was renewed: at the latest when a delivery fails.
#[derive(Debug)]
struct Renewed {
    spec: Spec,
    agent: Arc<dyn Status>,
    sink: Box<dyn Sink>,
    /// Of its files, as they were before it was opened; of one that is not there none.
    stamps: Vec<Option<Stamp>>,
}

impl Spec {
    /// Makes the sink, which looks after the files that it is made with.
    ///
    /// # Errors
    /// As [`Destination::open`](super::Destination::open).
    pub fn open(&self, agent: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        let stamps = stamps(self);
        let sink = self.destination().open(agent)?;
        if stamps.is_empty() {
            return Ok(sink);
        }
        Ok(Box::new(Renewed { spec: self.clone(), agent: Arc::clone(agent), sink, stamps }))
    }
}

fn stamps(spec: &Spec) -> Vec<Option<Stamp>> {
    let stamp = |path| {
        let file = fs::metadata(path).ok()?;
        Some((file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
    };
    spec.destination().credentials().into_iter().map(stamp).collect()
}

impl Renewed {
    /// Opens it again if a file is not as it was; answers whether one was.
    fn renew(&mut self) -> Result<bool, SinkError> {
        let stamps = stamps(&self.spec);
        if stamps == self.stamps {
            return Ok(false);
        }
        let mut sink = self.spec.destination().open(&self.agent)?;
        sink.begin()?;
        (self.sink, self.stamps) = (sink, stamps);
        Ok(true)
    }

    fn hand_over(
        &mut self,
        deliver: impl Fn(&mut dyn Sink) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        match deliver(&mut *self.sink) {
            Err(error) if error.disposition() == Disposition::Retry => {
                if self.renew()? {
                    deliver(&mut *self.sink)
                } else {
                    Err(error)
                }
            }
            other => other,
        }
    }
}

impl Sink for Renewed {
    fn name(&self) -> &str {
        self.sink.name()
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        self.sink.begin()
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        self.hand_over(|sink| sink.deliver(records))
    }

    fn deliver_repeats(&mut self, last: &Arc<Record>, repeats: &Repeats) -> Result<(), SinkError> {
        self.hand_over(|sink| sink.deliver_repeats(last, repeats))
    }

    fn batch(&self) -> usize {
        self.sink.batch()
    }

    fn is_durable(&self) -> bool {
        self.sink.is_durable()
    }

    fn reopen(&mut self) -> Result<(), SinkError> {
        if self.renew()? { Ok(()) } else { self.sink.reopen() }
    }

    fn due(&self) -> Option<Instant> {
        self.sink.due()
    }

    fn settle(&mut self) -> Result<(), SinkError> {
        self.hand_over(|sink| sink.settle())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush()
    }

    fn probe(&mut self) -> Result<(), SinkError> {
        self.sink.probe()
    }
}

#[cfg(all(test, feature = "network"))]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::compliance;
    use super::super::testhttp::Server;
    use super::*;

    /// Whoever reloads the agent is not to wait for a failure.
    #[test]
    fn a_renewed_secret_is_read_when_the_sink_is_reopened() {
        let (sender, requests) = channel();
        let server = Server::start(move |request| {
            sender.send(request).unwrap();
            (200, Vec::new())
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        let table = format!(
            "webhook:{{ url = {:?}, headers = {{ X-Key = {{ file = {:?} }} }} }}",
            server.url("/"),
            file.path()
        );
        fs::write(file.path(), "first\n").unwrap();
        let spec: Spec = table.parse().unwrap();
        let mut sink = spec.open(&compliance::idle()).unwrap();
        let [record, ..] = compliance::records();
        let key = |sink: &mut dyn Sink| {
            sink.deliver(std::slice::from_ref(&record)).unwrap();
            requests.recv().unwrap().headers["x-key"].clone()
        };
        assert_eq!(key(&mut *sink), "first");
        fs::write(file.path(), "the second\n").unwrap();
        assert_eq!(key(&mut *sink), "first", "nothing failed");
        sink.reopen().unwrap();
        assert_eq!(key(&mut *sink), "the second");
    }
}
