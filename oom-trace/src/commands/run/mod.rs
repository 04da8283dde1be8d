//! `oom-trace run`: hook the OOM killer and report each victim.

mod demo;
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

use self::instance::Instance;
use self::speaker::Speaker;
use self::stream::Stream;
use crate::bpf::{Hooked, hook};
use crate::config;
use crate::enrich::Enricher;
use crate::enrich::host::Host;
use crate::enrich::stack::StackReader;
use crate::kernel::facts::Facts;
use crate::kernel::plan::{Missing, Plan, Rung};
use crate::sink::{Console, Fanout, FileSink, Sink, SinkReport};

/// Records that wait for a sink that is busy: a group kill of some thousand processes is one burst.
const QUEUE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// From this version on the kernel's log prints exact sums (`get_mm_counter_sum`, mm/oom_kill.c).
const LOG_IS_EXACT: (u32, u32) = (7, 0);

const NO_ADDRESSES: &str = "the kernel does not tell where its functions are (is \
                            kernel.kptr_restrict 2, or CAP_SYSLOG missing?)";

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
    let facts = Facts::gather(config.kernel.btf.as_deref())?;
    // Where it matters and may not be done, making the maps says so.
    let _ = protect::lift_memlock();
    // One thread: what delays the reader of the ring is on threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Hooked { mut plan, probes, ring } = hook(&facts, &config.kernel.rungs, config.debug)?;
        let host = Host::here().context("cannot read the boot id")?;
        let mut notes = probes.notes.clone();
        notes.extend(protect::survive());
        notes.extend(protect::drop_privileges());

        let console_closed = Arc::new(Notify::new());
        let fanout = Fanout::start(sinks, QUEUE, reporter(Arc::clone(&console_closed)))?;
        let mut enricher = Enricher {
            host: host.clone(),
            gfp_names: facts.gfp_names.clone(),
            log_is_exact: facts.release.version() >= LOG_IS_EXACT,
            stack_reader: StackReader::default(),
            page_size: rustix::param::page_size() as u64,
        };
        rehearsal::rehearse(&mut enricher, config);
        if plan.rung == Rung::Tracepoint && !enricher.stack_reader.prepare() {
            let lack = |field| Missing { field, reason: NO_ADDRESSES.to_owned() };
            plan.missing.extend(["outcome", "scope"].map(lack));
        }
        announce(&plan, &notes);
        let speaker = Speaker::new(host, &plan);
        Stream { probes, ring, enricher, fanout, speaker }.run(&console_closed, config.demo).await
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
