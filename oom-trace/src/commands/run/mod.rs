//! `oom-trace run`: hook the OOM killer and report each victim.

mod confine;
mod demo;
mod instance;
mod protect;
mod reload;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

pub(in crate::commands) use self::confine::{Confined, Landlock, try_out};
use self::demo::Demo;
use self::instance::Instance;
pub(in crate::commands) use self::instance::running;
pub(in crate::commands) use self::protect::survive;
use self::reload::Reloader;
use crate::cli::RunArgs;
use crate::commands::destinations::{console, open_sinks};
use crate::config;
use crate::delivery::{CAPACITY, Delivery, Report, Reporter, SinkStats};
use crate::enrich::clock::Clock;
use crate::enrich::host::Host;
use crate::kernel::plan::{Plan, Refused};
use crate::kernel_log::device::Device;
use crate::pipeline::{
    Account, AgentEvents, Backfill, Before, Controls, Feed, Stream, notes, open,
};
use crate::say::{never_wait, say, start_writing};
use crate::sink::{Attachment, Console, Status, event_loop};
use crate::store::LateStore;

/// Runs the agent until it is told to stop.
///
/// # Errors
/// The configuration is wrong, the machine does not offer what is needed, or an output cannot be
/// opened.
pub fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    protect::small_pages();
    let is_one_heap = protect::one_heap();
    never_wait();
    let config = config::Run::new(args.clone())?;
    // A demonstration may run beside the agent.
    let instance = if config.demo { None } else { Some(Instance::claim()?) };
    let stats = Arc::new(SinkStats::default());
    let agent: Arc<dyn Status> = Arc::<SinkStats>::clone(&stats);
    // One thread: what delays the reader of the ring is on threads of its own.
    let runtime = event_loop::of_one_thread().context(event_loop::REFUSED)?;
    // From here on: a log that is rotated while the agent starts must not end it.
    let hangup = {
        let _in = runtime.enter();
        signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?
    };
    // Before anything is hooked, so that an output that cannot be written is said first.
    let mut outputs = open_sinks(&config.sinks, &agent)?;
    outputs.extend(config.console.as_ref().map(console).transpose()?);
    let store = config.store.as_ref().map(|store| LateStore::open(&store.path, &store.retention));
    let store = store.transpose()?;
    runtime.block_on(async {
        let host = Host::here().context("cannot read the boot id")?;
        // The account begins here: what the log tells of from now on is told, whichever hook sees it,
        // and what it told of before is looked for in the store.
        let (log, boundary) = Device::open_at_end().map_or_else(
            |error| (Err(error), None),
            |(device, boundary)| (Ok(device), Some(boundary)),
        );
        let account = Account::open();
        let until = Clock::now().boot_ns();
        let (plan, source) = open(&config.kernel, config.debug, log)?;
        stats.set_attached(Attachment {
            by: plan.rung.name(),
            is_degraded: !plan.missing.is_empty(),
        });
        let mut notes = notes(&source);
        notes.extend(instance.as_ref().and_then(Instance::note));
        notes.extend(survive());
        notes.extend(protect::keep_heap(is_one_heap));
        notes.extend(protect::drop_privileges());
        // Before there is another thread, which would not be confined.
        let mut confined = confine::confine(&config);
        notes.append(&mut confined.notes);
        start_writing().context("cannot start the thread that writes to standard error")?;

        let console_closed = Arc::new(Notify::new());
        let report = reporter(Arc::clone(&console_closed));
        let delivery = Delivery::start(outputs, store, CAPACITY, &stats, report)?;
        let feed = Feed::new(source, &host, &plan, &config)?;
        announce(&plan, &notes);
        let mut demo = None;
        let watcher = config.demo.then(|| {
            let (new, watcher) = Demo::new();
            demo = Some(new);
            watcher
        });
        let mut reloader = Reloader::new(args, config, confined, agent);
        let backfill = match boundary.zip(reloader.store()) {
            Some((boundary, store)) => {
                let before = Before { host: host.clone(), store: store.to_owned(), until };
                Backfill::start(before, boundary, delivery.pace())
                    .context("cannot start a thread")?
            }
            None => Backfill::none(),
        };
        let events = AgentEvents::new(host, &plan);
        let stream = Stream::new(feed, delivery, stats, events, account, backfill, watcher);
        let over = async {
            match &mut demo {
                Some(demo) => demo.run().await,
                None => std::future::pending().await,
            }
        };
        let reload = |delivery: &mut Delivery| reloader.reload(delivery);
        let ended =
            stream.run(Controls { console_closed: &console_closed, hangup, over, reload }).await?;
        demo.map_or(Ok(ExitCode::SUCCESS), |demo| demo.finish(&ended))
    })
}

/// Tells of sinks and the store, on their threads. A closed pipe on the console ends the agent
/// quietly.
fn reporter(console_closed: Arc<Notify>) -> Reporter {
    Arc::new(move |news| match &news {
        Report::Failing { sink, error, .. } if *sink == Console::NAME && error.closed_pipe() => {
            console_closed.notify_one();
        }
        _ => say(news),
    })
}

/// Tells the person at the terminal how it stands.
fn announce(plan: &Plan, notes: &[String]) {
    for refused in plan.refused.chunk_by(|one, next| one.reason == next.reason) {
        let Some(Refused { reason, .. }) = refused.first() else { continue };
        let rungs: Vec<_> = refused.iter().map(|it| it.rung.to_string()).collect();
        say(format_args!("no {} here: {reason}", rungs.join(", no ")));
    }
    if !plan.missing.is_empty() {
        let fields: Vec<_> = plan.missing.iter().map(|missing| missing.field).collect();
        say(format_args!("degraded: fields not available: {}", fields.join(", ")));
    }
    for note in notes {
        say(note);
    }
}
