//! From flags and the configuration's file to what they mean on this terminal, in this environment.

mod file;
mod mistake;
mod reading;
mod tree;

use std::collections::HashSet;
use std::env::var_os;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::reading::Reading;
use crate::cli::{CheckArgs, RunArgs, StoreArgs};
use crate::enrich::command::Redactor;
use crate::kernel::attach::Attach;
use crate::kernel::plan::Rung;
use crate::render::{Color, Format, Style};
use crate::setting::{ByteSize, ConfigDuration};
use crate::sink::{Console, Filter, Spec};
use crate::store::Retention;

pub use file::ConfigFile;
pub use mistake::{At, ConfigError, Mistake, USAGE};

/// How to look at the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The rungs that may be taken, best first.
    pub rungs: Vec<Rung>,
    /// Another place of the BTF.
    pub btf: Option<PathBuf>,
}

impl Kernel {
    fn new(attach: Option<Attach>, btf: Option<PathBuf>) -> Self {
        Self { rungs: attach.unwrap_or(Attach::Auto).rungs(), btf }
    }
}

/// How to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// How to look at the kernel.
    pub kernel: Kernel,
    /// Standard output, if records go there.
    pub console: Option<ConsoleConfig>,
    /// Where else records go.
    pub sinks: Vec<Spec>,
    /// Where they are kept, if they are.
    pub store: Option<StoreConfig>,
    /// What of victims' arguments is told.
    pub redactor: Redactor,
    /// Whether the names of containers are looked for.
    pub names: bool,
    /// How many candidates are told of.
    pub candidates: usize,
    /// Cause one kill and end.
    pub demo: bool,
    /// Print the eBPF program's diagnostics.
    pub debug: bool,
}

/// Standard output.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleConfig {
    /// How records are written.
    pub format: Format,
    /// How that looks.
    pub style: Style,
    /// Which.
    pub filter: Filter,
}

/// The store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Its file.
    pub path: PathBuf,
    /// What it keeps.
    pub retention: Retention,
}

/// Half a year of what a machine in trouble writes.
const MAX_AGE: ConfigDuration = ConfigDuration(Duration::from_secs(180 * 86_400));
const MAX_BYTES: ByteSize = ByteSize(256 << 20);

/// What systemd gives a service for its own (`StateDirectory=`), and what the store is called there.
const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
const STORE_NAME: &str = "records.db";

/// Where `StateDirectory=` of the unit that we ship leads.
const SERVICE_DIRECTORY: &str = "/var/lib/oom-trace";

/// The store of the service that we ship.
#[must_use]
pub fn service_store() -> PathBuf {
    Path::new(SERVICE_DIRECTORY).join(STORE_NAME)
}

/// As many as a person reads.
const CANDIDATES: u8 = 10;

impl Run {
    /// The flags, and where they are silent the file that they name.
    ///
    /// # Errors
    /// The file is wrong, or they do not fit together: all that is wrong.
    pub fn new(args: RunArgs) -> Result<Self, ConfigError> {
        let (run, mistakes) = Self::read(args);
        if mistakes.is_empty() { Ok(run) } else { Err(ConfigError(mistakes)) }
    }

    /// The same as far as it can be read, and what is wrong.
    pub fn read(args: RunArgs) -> (Self, Vec<Mistake>) {
        let reading = args.config.as_deref().map(Reading::of).unwrap_or_default();
        Self::merge(args, reading)
    }

    fn merge(args: RunArgs, reading: Reading) -> (Self, Vec<Mistake>) {
        let Reading { file, mut mistakes, sinks: places, store: stored_at } = reading;
        let RunArgs {
            config: _,
            format,
            quiet,
            filter,
            outputs,
            sinks,
            store,
            no_cmdline,
            no_names,
            redact,
            no_redact,
            candidates,
            color,
            verbose,
            attach,
            btf,
            demo,
            debug,
        } = args;
        let console = file.console;
        let patterns = if redact.is_empty() { file.redact } else { redact };
        let console = (!quiet && console.enabled != Some(false)).then(|| ConsoleConfig {
            format: format.or(console.format).unwrap_or(Format::Text),
            style: Style::of_stdout(color.or(console.color).unwrap_or(Color::Auto), verbose),
            filter: filter.unwrap_or(console.filter),
        });
        let outputs = outputs.into_iter().map(Spec::FileConfig);
        let sinks: Vec<_> = file.sink.specs().into_iter().chain(outputs).chain(sinks).collect();
        mistakes.extend(flaws(&sinks, &places, &mistakes));
        let store = self::store(store, file.store, demo).unwrap_or_else(|message| {
            mistakes.push(Mistake::new(stored_at, &message));
            None
        });
        mistakes.extend(store.iter().flat_map(|store| apart(store, &sinks, &places)));
        mistakes.sort_by(|one, other| one.at.cmp(&other.at));
        let run = Self {
            kernel: Kernel::new(attach.or(file.attach), btf.or(file.btf)),
            console,
            sinks,
            store,
            redactor: Redactor {
                tells: !(no_cmdline || file.no_cmdline),
                usual: !(no_redact || file.no_redact),
                patterns,
            },
            names: !(no_names || file.no_names),
            candidates: candidates.or(file.candidates).unwrap_or(CANDIDATES).into(),
            demo,
            debug: debug || file.debug,
        };
        (run, mistakes)
    }
}

impl CheckArgs {
    /// How to look at the kernel, and the configuration to try, if one is named, with what is wrong
    /// with it.
    #[must_use]
    pub fn resolve(self) -> (Kernel, Option<(Run, Vec<Mistake>)>) {
        let Self { json: _, config_only: _, attach, btf, config } = self;
        let run = config.map(|config| Run::read(RunArgs::of_file(config)));
        let kernel = match &run {
            Some((run, _)) if attach.is_none() && btf.is_none() => run.kernel.clone(),
            _ => Kernel::new(attach, btf),
        };
        (kernel, run)
    }
}

/// A demonstration leaves the store to the agent that may be running. Fails with what to write.
fn store(
    args: StoreArgs,
    file: file::StoreTable,
    demo: bool,
) -> Result<Option<StoreConfig>, String> {
    let StoreArgs { store, no_store, store_max_age, store_max_bytes } = args;
    let own = var_os(STATE_DIRECTORY).map(|dir| PathBuf::from(dir).join(STORE_NAME));
    let is_wanted = store.is_some() || file.enabled != Some(false);
    if no_store || demo || !is_wanted {
        return Ok(None);
    }
    let path = match store.or(file.path).or(own) {
        Some(path) => path,
        None if file.enabled == Some(true) => return Err(NO_STORE_PATH.to_owned()),
        None => return Ok(None),
    };
    let retention = Retention {
        max_age: store_max_age.or(file.max_age).unwrap_or(MAX_AGE),
        max_bytes: store_max_bytes.or(file.max_bytes).unwrap_or(MAX_BYTES),
    };
    Ok(Some(StoreConfig { path, retention }))
}

const NO_STORE_PATH: &str = "the store has no path; set `path` in [store], use --store, or run as \
                             a service with StateDirectory=";

/// What is wrong with sinks together; the first of them stand at these places of the file. A sink of which something
/// could not be read lacks that, and may be right otherwise.
fn flaws(sinks: &[Spec], places: &[At], mistakes: &[Mistake]) -> Vec<Mistake> {
    let is_read = |index: usize| {
        let place = places.get(index);
        place.is_none_or(|place| !mistakes.iter().any(|mistake| mistake.is_within(place)))
    };
    let (mut names, mut ports) = (HashSet::new(), HashSet::new());
    let mut flaws = Vec::new();
    for (index, sink) in sinks.iter().enumerate() {
        let name = sink.destination().name();
        let message = if name == Console::NAME {
            format!("a sink cannot be named {name}; give it a different `name`")
        } else if !names.insert(name.clone()) {
            format!("two sinks are named {name}; give one of them a different `name`")
        } else if let Some(listen) = sink.destination().listens().filter(|it| !ports.insert(*it)) {
            format!("two sinks listen on {listen}; give one of them another `listen`")
        } else if let Some(flaw) = sink.destination().flaw().filter(|_| is_read(index)) {
            flaw
        } else {
            continue;
        };
        flaws.push(Mistake::new(places.get(index).cloned(), &message));
    }
    flaws
}

/// Outputs that would write over the store. Known before either is made: an output that is there first is no
/// store that could be known as one.
fn apart(store: &StoreConfig, sinks: &[Spec], places: &[At]) -> Vec<Mistake> {
    let place = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let is_store = |spec: &Spec| match spec {
        Spec::FileConfig(file) => place(&file.path) == place(&store.path),
        Spec::TextfileConfig(file) => place(&file.path) == place(&store.path),
        _ => false,
    };
    let path = store.path.display();
    let sinks = sinks.iter().enumerate().filter(|(_, spec)| is_store(spec));
    let message = format!(
        "{path} is the store and cannot be an output as well; give one of them another path"
    );
    sinks.map(|(index, _)| Mistake::new(places.get(index).cloned(), &message)).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_store_is_called_the_same_wherever_it_is_named() {
        let dist = concat!(env!("CARGO_MANIFEST_DIR"), "/../dist/");
        let read = |name| std::fs::read_to_string(format!("{dist}{name}")).unwrap();
        let store = service_store().display().to_string();
        for name in
            ["config.toml", "kubernetes/daemonset.yaml", "helm/oom-trace/templates/daemonset.yaml"]
        {
            assert!(read(name).contains(&store), "{name}");
        }
        let (_, directory) = SERVICE_DIRECTORY.rsplit_once('/').unwrap();
        let unit = read("systemd/oom-trace.service");
        assert!(unit.contains(&format!("\nStateDirectory={directory}\n")), "{unit}");
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains(&format!("${STATE_DIRECTORY}/{STORE_NAME}")), "{help}");
    }

    #[test]
    fn what_is_kept_and_told_unless_asked_is_what_the_help_says() {
        let help = Cli::command().term_width(200).render_long_help().to_string();
        let (days, mib) = (MAX_AGE.0.as_secs() / 86_400, MAX_BYTES.0 >> 20);
        for default in [
            format!("highest badness first [default: {CANDIDATES}]"),
            format!("older than this [default: {days}d]"),
            format!("the oldest of those [default: {mib}MiB]"),
        ] {
            assert!(help.contains(&default), "{default}: {help}");
        }
    }
}
