//! The view on a terminal.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Zoned;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Settings;
use super::keys::Keys;
use super::kills::{Arrivals, Kills};
use super::model::{Effect, Model};
use super::read::Sampler;
use super::signals::Signals;
use super::terminal::{Screen, give_back};
use super::view::{self, Panes};

/// The rest of a key that has begun comes within this; an escape alone is the key of that name.
const KEY: Duration = Duration::from_millis(40);

/// What ended a wait.
enum Woken {
    Time,
    Keys,
    Signal,
    /// Nobody is there any more.
    Closed,
}

/// Shows the view until a key or a signal ends it, or the terminal is closed.
///
/// # Errors
/// A cgroup that is asked for is not there, or the terminal refuses.
pub(crate) fn live(
    settings: &Settings,
    kills: Kills,
    arrivals: &mut dyn Arrivals,
) -> anyhow::Result<()> {
    let mut model = settings.model(kills);
    model.is_live = true;
    let mut sampler = Sampler::new(settings.mount.clone());
    look(&mut model, &mut sampler, arrivals);
    settings.choose(&mut model)?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let screen = Screen::take().context("cannot set up the terminal")?;
    let shown = show(&mut model, &mut sampler, arrivals, &signals, screen);
    give_back();
    match shown {
        // Whoever looked is gone.
        Err(error) if is_closed(&error) => Ok(()),
        shown => shown.context("cannot draw on the terminal"),
    }
}

fn is_closed(error: &io::Error) -> bool {
    let closed = [Errno::IO, Errno::PIPE, Errno::BADF].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| closed.contains(&code))
}

fn show(
    model: &mut Model,
    sampler: &mut Sampler,
    arrivals: &mut dyn Arrivals,
    signals: &Signals,
    mut screen: Screen,
) -> io::Result<()> {
    let mut keys = Keys::default();
    let mut last_look = Instant::now();
    loop {
        if last_look.elapsed() >= model.interval && !model.is_paused {
            // The growth of what was on the screen is known from the second look on.
            last_look = Instant::now();
            look(model, sampler, arrivals);
        }
        let area = screen.area()?;
        let panes = Panes::of(area, model);
        model.set_heights(panes.rows(), area.height);
        screen.draw(|frame| view::draw(model, &panes, &Zoned::now(), frame.buffer_mut()))?;
        let left = model.interval.saturating_sub(last_look.elapsed());
        let wait = match (keys.is_open(), model.is_paused) {
            (true, _) => Some(KEY),
            (false, true) => None,
            (false, false) => Some(left),
        };
        let woken = wait_for(&screen, signals, wait)?;
        signals.clear();
        if signals.is_end() || matches!(woken, Woken::Closed) {
            return Ok(());
        }
        if matches!(woken, Woken::Keys) {
            let mut bytes = [0; 256];
            match screen.keys().read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(count) => keys.push(bytes.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut is_stopped = signals.take_stop();
        while let Some(key) = keys.next(matches!(woken, Woken::Time)) {
            match model.press(key) {
                Effect::Nothing => {}
                Effect::Quit => return Ok(()),
                Effect::Suspend => is_stopped = true,
                Effect::Redraw => screen.redraw()?,
            }
        }
        if is_stopped {
            give_back();
            signals.stop_here()?;
            signals.take_go_on();
            screen.again()?;
        } else if signals.take_go_on() {
            // Whoever stopped it has used the terminal since.
            screen.again()?;
        }
    }
}

/// Reads how everything stands. Where kills can no longer be read, the rest is shown nevertheless.
pub(super) fn look(model: &mut Model, sampler: &mut Sampler, arrivals: &mut dyn Arrivals) {
    let came = arrivals.take();
    model.kills.error = came.as_ref().err().map(|error| format!("{error:#}"));
    let came = came.unwrap_or_default();
    model.take(sampler.read(&model.shown()), &came);
}

fn wait_for(screen: &Screen, signals: &Signals, wait: Option<Duration>) -> io::Result<Woken> {
    let wait = wait.map(Timespec::try_from).transpose().unwrap_or_default();
    let mut places = [
        PollFd::from_borrowed_fd(screen.keys().as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
    ];
    match poll(&mut places, wait.as_ref()) {
        Ok(0) => return Ok(Woken::Time),
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Woken::Signal),
        Err(error) => return Err(error.into()),
    }
    let [keys, _] = places.map(|place| place.revents());
    Ok(if keys.contains(PollFlags::IN) {
        Woken::Keys
    } else if keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        Woken::Closed
    } else {
        Woken::Signal
    })
}
