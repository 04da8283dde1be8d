//! `exec`: a command for each record, which stands on its standard input.

mod run;

use std::collections::BTreeMap;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{Access, access};
use serde::{Deserialize, Deserializer, de};

use self::run::{End, Running, await_all};
use super::body::{Body, BodyKeys, Template, Writer};
use super::{Backfill, Choice, Destination, Disposition, Filter, Repeats, Sink, SinkError, Status};
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::setting::{ConfigDuration, Secret, reveal};
use crate::text::Escaped;

/// `EX_DATAERR` (sysexits.h): the command will never take this record.
const DATAERR: i32 = 65;

/// `[[sink.exec]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// What the sink is called, instead of the program.
    pub name: Option<String>,
    /// Which records it gets.
    #[serde(default)]
    pub filter: Filter,
    /// The program, by its whole path, and its arguments. There is no shell.
    #[serde(deserialize_with = "command")]
    pub command: Vec<String>,
    /// JSON unless said otherwise.
    pub format: Option<Format>,
    /// A service's form, instead of a format.
    pub(super) body: Option<Body>,
    /// PagerDuty's, for its form.
    pub routing_key: Option<Secret>,
    /// What Kubernetes calls this node, for its form; else it is taken to be called as the host.
    pub node: Option<Secret>,
    /// The body itself, where no service's form fits.
    pub(super) template: Option<Template>,
    /// For how long kills at one place are told together.
    pub fold: Option<ConfigDuration>,
    /// Whether it is told of kills from before the agent's start.
    #[serde(default = "Backfill::store")]
    pub backfill: Backfill,
    /// How long it may take; then it is killed, with all that it started.
    #[serde(default = "half_a_minute")]
    pub timeout: ConfigDuration,
    /// How many may run at once.
    #[serde(default = "one")]
    pub concurrency: NonZeroU8,
    /// Variables of its environment.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
}

fn half_a_minute() -> ConfigDuration {
    ConfigDuration(Duration::from_secs(30))
}

fn one() -> NonZeroU8 {
    NonZeroU8::MIN
}

fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let command = Vec::<String>::deserialize(deserializer)?;
    match command.first() {
        Some(program) if Path::new(program).is_absolute() => Ok(command),
        Some(program) => Err(de::Error::custom(format_args!(
            "{program:?} is not an absolute path; use one such as \"/usr/local/bin/{program}\""
        ))),
        None => Err(de::Error::custom(
            "no program given; set command = [\"/usr/local/bin/program\", \"argument\"]",
        )),
    }
}

impl ExecConfig {
    fn body_keys(&self) -> BodyKeys<'_> {
        let Self { routing_key, template, node, .. } = self;
        let (routing_key, template) = (routing_key.as_ref(), template.as_ref());
        BodyKeys { routing_key, template, node: node.as_ref() }
    }

    fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }
}

impl Destination for ExecConfig {
    fn name(&self) -> String {
        let program = || format!("exec {}", Escaped(self.program().as_bytes()));
        self.name.clone().unwrap_or_else(program)
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn choice(&self) -> Choice {
        self.body.unwrap_or_default().choice(&self.filter, self.backfill, self.fold)
    }

    fn flaw(&self) -> Option<String> {
        if self.body.is_some() && self.format.is_some() {
            return Some("`body` and `format` exclude each other: remove one".to_owned());
        }
        self.body.unwrap_or_default().flaw(self.body_keys())
    }

    fn format(&self) -> Option<Format> {
        Some(self.format.unwrap_or(Format::Json))
    }

    fn credentials(&self) -> Vec<PathBuf> {
        let Self { routing_key, node, env, .. } = self;
        env.values().chain(routing_key).chain(node).filter_map(Secret::file).collect()
    }

    fn open(&self, _: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        let env = reveal(&self.env);
        let writer = Writer::new(self.body.unwrap_or_default(), self.body_keys());
        let failed = |error| SinkError::said("run", self.program(), error);
        let (env, writer) = (env.map_err(failed)?, writer.map_err(failed)?);
        Ok(Box::new(Exec { name: self.name(), config: self.clone(), writer, env }))
    }
}

/// Runs the command and waits until it has ended.
#[derive(Debug)]
struct Exec {
    name: String,
    config: ExecConfig,
    writer: Writer,
    env: Vec<(String, String)>,
}

impl Exec {
    fn start(&self, record: &Record, repeats: Option<&Repeats>) -> Result<Running, SinkError> {
        let mut input = Vec::new();
        let written = match self.config.format {
            Some(format) => render(record, format, Style::default(), &mut input),
            None => self.writer.write(record, repeats, &mut input),
        };
        written
            .and_then(|()| Running::start(&self.config.command, &self.env, record, repeats, &input))
            .map_err(|io| SinkError::new("run", self.config.program(), io))
    }
}

impl Sink for Exec {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        self.config.concurrency.get().into()
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        let all: Vec<_> = records.iter().map(|record| (&**record, None)).collect();
        self.run(&all)
    }

    fn deliver_repeats(&mut self, last: &Arc<Record>, repeats: &Repeats) -> Result<(), SinkError> {
        self.run(&[(last, Some(repeats))])
    }

    /// The command itself is not run: it would take that for a kill.
    fn probe(&mut self) -> Result<(), SinkError> {
        let program = self.config.program();
        let executable = access(program, Access::EXEC_OK);
        executable.map_err(|errno| SinkError::new("run", program, errno.into()))
    }
}

impl Exec {
    fn run(&self, records: &[(&Record, Option<&Repeats>)]) -> Result<(), SinkError> {
        let deadline = Instant::now() + self.config.timeout.0;
        let mut running = Vec::new();
        let mut failed = None;
        for (record, repeats) in records {
            match self.start(record, *repeats) {
                Ok(command) => running.push(command),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        // Those that were started are waited for in any case.
        let program = self.config.program();
        let ends = await_all(running, deadline);
        let ends = ends.map_err(|io| SinkError::new("wait for", program, io))?;
        failed.map_or(Ok(()), Err)?;
        ends.into_iter().try_for_each(|End { said, status }| {
            let status = status.ok_or_else(|| {
                let timeout = self.config.timeout.0;
                SinkError::said("run", program, format_args!("it took longer than {timeout:?}"))
            })?;
            let words = if said.is_empty() { String::new() } else { format!(": {said}") };
            match status.code() {
                Some(0) => Ok(()),
                Some(DATAERR) => {
                    let said = format_args!("{status}{words}");
                    Err(SinkError::settled("run", program, said, Disposition::Refused))
                }
                _ => Err(SinkError::said("run", program, format_args!("{status}{words}"))),
            }
        })
    }
}

#[cfg(test)]
mod tests;
