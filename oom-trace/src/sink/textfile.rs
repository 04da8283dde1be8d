//! `textfile`: metrics for the node exporter's textfile collector.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Deserializer, de};

use super::metrics::{Metrics, most_places};
use super::{Backfill, Choice, Destination, Filter, Sink, SinkError, Status};
use crate::files::replace;
use crate::incident::model::Record;
use crate::render::Format;
use crate::setting::may_be_made;
use crate::text::Escaped;

/// The collector runs as another user.
const MODE: u32 = 0o644;

/// `[[sink.textfile]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextfileConfig {
    /// What the sink is called, instead of the path.
    pub name: Option<String>,
    /// Which records are counted.
    #[serde(default)]
    pub filter: Filter,
    /// In the collector's directory; it reads files that end in `.prom`.
    #[serde(deserialize_with = "prom")]
    pub path: PathBuf,
    /// How many units, pods and containers have a count of their own.
    #[serde(default = "most_places")]
    pub places: u32,
    /// Whether kills from before the agent's start are counted.
    #[serde(default = "Backfill::store")]
    pub backfill: Backfill,
}

fn prom<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    if path.extension().is_none_or(|extension| extension != "prom") {
        return Err(de::Error::custom(format_args!(
            "{} does not end in .prom: the node exporter would not read it",
            path.display()
        )));
    }
    Ok(path)
}

impl Destination for TextfileConfig {
    fn name(&self) -> String {
        let path = || format!("textfile {}", Escaped(self.path.as_os_str().as_encoded_bytes()));
        self.name.clone().unwrap_or_else(path)
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn choice(&self) -> Choice {
        Choice { backfill: self.backfill, ..self.filter.clone().into() }
    }

    fn format(&self) -> Option<Format> {
        None
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn open(&self, agent: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        let places = usize::try_from(self.places).unwrap_or(usize::MAX);
        let metrics = Metrics::new(places, agent);
        let (name, path) = (self.name(), self.path.clone());
        let mut sink =
            Textfile { name, path, metrics, written: String::new(), due: Instant::now() };
        sink.write()?;
        Ok(Box::new(sink))
    }

    /// It is replaced and never written to: what matters is its directory.
    fn try_out(&self, _: &Arc<dyn Status>) -> Result<(), SinkError> {
        let path = Escaped(self.path.as_os_str().as_encoded_bytes());
        may_be_made(&self.path).map_err(|io| SinkError::new("write to", path.to_string(), io))
    }
}

/// What there is beside records, such as what waits for other outputs, changes without one: it is looked at so
/// often.
const LOOK: Duration = Duration::from_secs(60);

/// Writes all counts anew with each record, so that a reader never sees half of them.
#[derive(Debug)]
struct Textfile {
    name: String,
    path: PathBuf,
    metrics: Metrics,
    /// What is in it.
    written: String,
    due: Instant,
}

impl Textfile {
    fn write(&mut self) -> Result<(), SinkError> {
        let written = self.try_write();
        let path = || Escaped(self.path.as_os_str().as_encoded_bytes()).to_string();
        written.map_err(|io| SinkError::new("write to", path(), io))
    }

    fn try_write(&mut self) -> io::Result<()> {
        self.due = Instant::now() + LOOK;
        let text = self.metrics.text().map_err(io::Error::other)?;
        if text != self.written {
            replace(&self.path, MODE, text.as_bytes())?;
            self.written = text;
        }
        Ok(())
    }
}

impl Sink for Textfile {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        256
    }

    /// Nothing is counted twice.
    fn is_durable(&self) -> bool {
        false
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        records.iter().for_each(|record| self.metrics.count(record));
        self.write()
    }

    fn due(&self) -> Option<Instant> {
        Some(self.due)
    }

    fn settle(&mut self) -> Result<(), SinkError> {
        self.write()
    }

    fn probe(&mut self) -> Result<(), SinkError> {
        self.write()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::compliance::{self, Bench};
    use super::*;
    use crate::setting::inline_table;

    #[test]
    fn what_changed_without_a_record_is_written_and_nothing_else() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oom-trace.prom");
        let metrics = Metrics::new(1, &compliance::idle());
        let (name, written) = (String::new(), String::new());
        let mut sink = Textfile { name, path: path.clone(), metrics, written, due: Instant::now() };
        sink.write().unwrap();
        let inode = || fs::metadata(&path).unwrap().ino();
        let first = inode();
        sink.settle().unwrap();
        assert_eq!(inode(), first);
        assert!(sink.due().is_some_and(|due| due > Instant::now()));
        let [record, ..] = compliance::records();
        sink.metrics.count(&record);
        sink.settle().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("outcome=\"killed\"} 1\n"), "{text}");
    }

    #[test]
    fn complies() {
        let (dir, gone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = dir.path().join("oom-trace.prom");
        let sink = |path: &Path| {
            compliance::open::<TextfileConfig>(&format!("{{ path = {path:?} }}")).unwrap()
        };
        let broken = sink(&gone.path().join("oom-trace.prom"));
        gone.close().unwrap();
        compliance::check(Bench {
            working: sink(&path),
            arrived: compliance::counted(move || {
                fs::read_to_string(dir.path().join(&path)).unwrap()
            }),
            broken: Some(broken),
        });
    }

    #[test]
    fn the_file_is_whole_after_each_record_and_what_cannot_be_written_is_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oom-trace.prom");
        let table = format!("{{ path = {path:?} }}");
        let mut sink = compliance::open::<TextfileConfig>(&table).unwrap();
        let [record, ..] = compliance::records();
        for count in 1..3 {
            sink.deliver(std::slice::from_ref(&record)).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(&format!("outcome=\"killed\"}} {count}\n")), "{text}");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
        dir.close().unwrap();
        let error = sink.deliver(std::slice::from_ref(&record)).unwrap_err().to_string();
        assert!(error.contains("mkdir -p"), "{error}");
        let error = inline_table::<TextfileConfig>("{ path = \"/x\" }").unwrap_err().to_string();
        assert!(error.contains("does not end in .prom"), "{error}");
    }
}
