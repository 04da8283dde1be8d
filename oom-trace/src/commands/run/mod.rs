//! `oom-trace run`: hook the OOM killer and report each victim.

mod demo;
mod feed;
mod instance;
mod ledger;
pub(crate) mod protect;
mod rehearsal;
mod speaker;
mod stream;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::Notify;

use self::feed::Feed;
use self::instance::Instance;
use self::speaker::Speaker;
use self::stream::Stream;
use crate::commands::source::{notes, open};
use crate::config;
use crate::enrich::host::Host;
use crate::kernel::plan::Plan;
use crate::sink::{Console, Fanout, FileSink, Sink, SinkReport};

/// Records that wait for a sink that is busy: a group kill of some thousand processes is one burst.
const QUEUE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// Says something to the person at the terminal.
fn say(message: impl std::fmt::Display) {
    // Nobody is left to tell that stderr is closed.
    let _ = writeln!(io::stderr(), "oom-trace: {message}");
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// The machine does not offer what is needed, or an output cannot be opened.
pub fn run(config: &config::Run) -> anyhow::Result<ExitCode> {
    let _instance = if config.demo { None } else { Some(Instance::claim()?) };
    let sinks = open_sinks(config)?;
    // One thread: what delays the reader of the ring is on threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (plan, source) = open(&config.kernel, config.debug)?;
        let host = Host::here().context("cannot read the boot id")?;
        let mut notes = notes(&source);
        notes.extend(protect::survive());
        notes.extend(protect::drop_privileges());

        let console_closed = Arc::new(Notify::new());
        let fanout = Fanout::start(sinks, QUEUE, reporter(Arc::clone(&console_closed)))?;
        let feed = Feed::new(source, &host, &plan, config)?;
        announce(&plan, &notes);
        let speaker = Speaker::new(host, &plan);
        let stream = Stream::new(feed, fanout, speaker)?;
        stream.run(&console_closed, config.demo).await
    })
}

/// Tells of sinks, on their threads. A closed pipe on the console ends the agent quietly.
fn reporter(console_closed: Arc<Notify>) -> Arc<dyn Fn(SinkReport<'_>) + Send + Sync> {
    Arc::new(move |news| match &news {
        SinkReport::Failing { sink, error } if *sink == Console::NAME && error.closed_pipe() => {
            console_closed.notify_one();
        }
        _ => say(news),
    })
}

/// All sinks, so that an output that cannot be written is said before anything is hooked.
fn open_sinks(config: &config::Run) -> anyhow::Result<Vec<Box<dyn Sink>>> {
    let mut sinks: Vec<Box<dyn Sink>> =
        vec![Box::new(Console::stdout(config.format, config.style)?)];
    for output in &config.outputs {
        sinks.push(Box::new(FileSink::open(output.clone())?));
    }
    Ok(sinks)
}

/// Tells the person at the terminal how it stands.
fn announce(plan: &Plan, notes: &[String]) {
    for refused in &plan.refused {
        say(format_args!("no {} here: {}", refused.rung, refused.reason));
    }
    if !plan.missing.is_empty() {
        let fields: Vec<_> = plan.missing.iter().map(|missing| missing.field).collect();
        say(format_args!("degraded: records lack {}", fields.join(", ")));
    }
    for note in notes {
        say(note);
    }
}
