//! Many guests: which, how many at a time, and what they came to.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use super::account::{self, Account, Verdict};
use super::arch::Arch;
use super::gallery;
use super::guest::Guest;
use super::kernels::{KERNELS, Kernel};
use super::machines::{MACHINES, Machine, PLAIN};
use super::page::{self, Page};
use super::payload::Payload;
use super::qemu::Ending;
use super::sample;
use super::table::{Cell, Table};
use crate::sh::say;

/// Which guests; without a name, all.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) kernel: Option<String>,
    pub(crate) machine: Option<String>,
    /// Only the sample, and of it no more than is run for every change.
    pub(crate) sample: bool,
    /// Only those whose last run was not a good one of all tests; what the others came to then stands.
    pub(crate) failed: bool,
    /// How long random faults go on, if not as long as they do by themselves.
    pub(crate) minutes: Option<u64>,
}

impl Selection {
    /// Whether it leaves nothing out.
    pub(crate) fn is_all(&self) -> bool {
        self.kernel.is_none() && self.machine.is_none() && !self.sample
    }
}

/// Runs one command in each guest; fails after the last when it failed in any.
pub(crate) fn command(selection: &Selection, command: &[String]) -> Result<()> {
    let machine = selection.machine.as_deref().map_or(Ok(&PLAIN), Machine::named)?;
    let guests: Vec<_> =
        kernels(selection)?.iter().map(|kernel| Guest { kernel, machine }).collect();
    for guest in &guests {
        guest.kernel.get()?;
        if let Some(reason) = machine.obstacle(&guest.kernel.config()?) {
            bail!("there is no guest {guest}: {reason}");
        }
    }
    let payloads = payloads(&guests, |arch| {
        Ok(Payload::of_command(command, arch)?.lasting(selection.minutes))
    })?;
    let mut failed = Vec::new();
    for (guest, ending) in run(&guests, &payloads, |_, ending| ending) {
        match ending {
            Ok(Ending::Exit(0)) => {}
            Ok(ending) => failed.push(format!("guest {guest}: {ending}")),
            Err(err) => failed.push(format!("guest {guest}: {err:#}")),
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("\n"));
    }
    Ok(())
}

/// What all tests came to.
#[derive(Debug)]
pub(crate) struct Results {
    table: Table,
}

/// Gets and builds what all tests take: for whoever has time for it before they start.
pub(crate) fn prepare(selection: &Selection) -> Result<()> {
    let kernels = tested(selection)?;
    kernels.iter().try_for_each(|kernel| kernel.get())?;
    let guests: Vec<_> =
        kernels.into_iter().map(|kernel| Guest { kernel, machine: &PLAIN }).collect();
    payloads(&guests, Payload::of_tests).map(drop)
}

/// Runs all tests in each guest, and prints the table of what they came to.
pub(crate) fn tests(selection: &Selection) -> Result<Results> {
    let mut cells = Vec::new();
    let mut guests = Vec::new();
    let named = selection.machine.as_deref().map(Machine::named).transpose()?;
    let kernels = tested(selection)?;
    kernels.iter().try_for_each(|kernel| kernel.get())?;
    // Machine by machine, for the longest runs to come first: at the end none runs alone for long.
    for machine in MACHINES {
        let chosen = |kernel: &&&Kernel| match named {
            Some(named) => named.name == machine.name,
            None if selection.sample => sample::has(kernel.name, machine.name),
            None => kernel.is_run_on(machine),
        };
        for &kernel in kernels.iter().filter(chosen) {
            let guest = Guest { kernel, machine };
            match machine.obstacle(&kernel.config()?) {
                Some(reason) => cells.push((guest, Cell::Obstacle(reason))),
                None => match Account::kept(&guest.account()).filter(Account::is_good) {
                    Some(account) if selection.failed => {
                        cells.push((guest, Cell::Run(account)));
                    }
                    _ => guests.push(guest),
                },
            }
        }
    }
    let payloads = payloads(&guests, |arch| {
        let payload = Payload::of_tests(arch)?.lasting(selection.minutes);
        Ok(if selection.sample { payload.of_the_sample() } else { payload })
    })?;
    // Kept at once: the run may not come to its end.
    let take = |guest: &Guest, ending| -> Result<Account> {
        let account = account::take(guest.machine.end, ending, &guest.out());
        // A part that is good says nothing of the rest.
        if !selection.sample || !account.is_good() {
            account.keep(&guest.account())?;
        }
        Ok(account)
    };
    for (guest, account) in run(&guests, &payloads, take) {
        cells.push((guest, Cell::Run(account?)));
    }
    let table = Table::of(cells);
    say(format!("\n{table}"));
    for (guest, account) in table.accounts() {
        for (name, verdict) in &account.scenarios {
            if let Verdict::Fail(reason) = verdict {
                let reason = reason.lines().next().unwrap_or_default();
                say(format!("FAIL {guest} {name}: {reason}"));
            }
        }
        if let Some(trouble) = &account.trouble {
            say(format!("FAIL {guest}: {trouble}"));
        }
    }
    Ok(Results { table })
}

impl Results {
    /// How many scenarios passed, and how many failed.
    pub(crate) fn count(&self) -> (usize, usize) {
        let accounts = || self.table.accounts().map(|(_, account)| account);
        (accounts().map(Account::passed).sum(), accounts().map(Account::failed).sum())
    }

    /// The guests that are not as they should be.
    pub(crate) fn broken(&self) -> Vec<String> {
        let broken = self.table.accounts().filter(|(_, account)| !account.is_good());
        broken.map(|(guest, _)| format!("guest {guest}")).collect()
    }

    /// The pages that are made of these results: of all kernels, and of the one in the gallery.
    pub(crate) fn pages(&self, selection: &Selection) -> Result<Vec<Page>> {
        let mut pages = Vec::new();
        if selection.is_all() {
            pages.push(page::make(&self.table)?);
        }
        if !selection.sample && self.has(gallery::KERNEL) {
            match gallery::make() {
                Ok(page) => pages.push(page),
                // The other machines have not all been run here.
                Err(error) if selection.machine.is_some() => say(format!("no gallery: {error:#}")),
                Err(error) => return Err(error),
            }
        }
        Ok(pages)
    }

    fn has(&self, kernel: &str) -> bool {
        self.table.accounts().any(|(guest, _)| guest.kernel.name == kernel)
    }
}

fn kernels(selection: &Selection) -> Result<Vec<&'static Kernel>> {
    Ok(match &selection.kernel {
        Some(name) => vec![Kernel::named(name)?],
        None => KERNELS.iter().collect(),
    })
}

/// Those whose guests run tests.
fn tested(selection: &Selection) -> Result<Vec<&'static Kernel>> {
    let is_tested = |kernel: &&Kernel| !selection.sample || sample::has_kernel(kernel.name);
    Ok(kernels(selection)?.into_iter().filter(is_tested).collect())
}

/// What the guests carry, once for each architecture among them.
fn payloads(
    guests: &[Guest],
    build: impl Fn(&'static Arch) -> Result<Payload>,
) -> Result<Vec<Payload>> {
    let mut payloads: Vec<Payload> = Vec::new();
    for guest in guests {
        if !payloads.iter().any(|payload| payload.arch.rust == guest.kernel.arch.rust) {
            payloads.push(build(guest.kernel.arch)?);
        }
    }
    Ok(payloads)
}

/// Boots the guests, one for each processor of ours at a time, and tells what `judge` says of each end,
/// in their order. What one prints is shown in one piece at its end; of a single one, as it comes.
fn run<T: Send>(
    guests: &[Guest],
    payloads: &[Payload],
    judge: impl Fn(&Guest, Result<Ending>) -> T + Sync,
) -> Vec<(Guest, T)> {
    let alone = guests.len() == 1;
    let queue = Mutex::new(guests.iter().copied().enumerate().collect::<VecDeque<_>>());
    let ended = Mutex::new(Vec::new());
    // Not in the loop's head, where the lock would be held until the guest ends.
    let next = || lock(&queue).pop_front();
    let work = || {
        while let Some((index, guest)) = next() {
            say(format!("guest {guest}: starts"));
            let started = Instant::now();
            let mut printed = Vec::new();
            let payload =
                payloads.iter().find(|payload| payload.arch.rust == guest.kernel.arch.rust);
            let ending = payload.context("no payload of its architecture").and_then(|payload| {
                if alone {
                    guest.run(payload, &mut io::stdout())
                } else {
                    guest.run(payload, &mut printed)
                }
            });
            let end = word(&ending);
            let verdict = judge(&guest, ending);
            let mut ended = lock(&ended);
            if !alone {
                say(format!("guest {guest} printed:"));
                let _ = io::stdout().write_all(&printed);
            }
            let seconds = started.elapsed().as_secs();
            say(format!("guest {guest}: {end} after {seconds} s"));
            ended.push((index, guest, verdict));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(guests.len());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|(index, ..)| *index);
    ended.into_iter().map(|(_, guest, verdict)| (guest, verdict)).collect()
}

fn word(ending: &Result<Ending>) -> &'static str {
    match ending {
        Ok(Ending::Exit(0)) => "ok",
        Ok(Ending::Exit(_)) => "failed",
        Ok(Ending::Panic(_)) => "its kernel panicked",
        Err(_) => "no verdict",
    }
}

/// A worker that died leaves no less than what it had put there.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
