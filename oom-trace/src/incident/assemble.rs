//! Puts the records of one incident together.
//!
//! The kernel handles one incident at a time (`oom_lock`), so one is open at the most, for as long as
//! that lock is held: in a throttled cgroup it may take minutes. So no clock ends it. Its return does,
//! or the next incident's entry; where both may be missed, the caller, who must know that the task in
//! it has left: [`Assembler::give_up`].

use super::model::{KilledAgain, Memory, OomKill};
use crate::text::KernelText;
use crate::wire::{self, Command, Event, Freed, Outcome, Path, Sharer};

/// What a kill can be told without, as the record calls it.
const DETAILS: [&str; 5] =
    ["candidates", "victim.exe", "victim.argv", "victim.parents", "victim.login_uid"];

/// What a name of a process takes on the heap, in bytes.
const NAME_WEIGHT: usize = 32;

/// What a victim takes there with its own name and its parent's.
const VICTIM_WEIGHT: usize = size_of::<Victim>() + size_of::<wire::Victim>() + 2 * NAME_WEIGHT;

const SHARER_WEIGHT: usize = size_of::<Sharer>() + NAME_WEIGHT;

/// An incident and all its victims.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Names it: `CLOCK_BOOTTIME` of its start in nanoseconds.
    pub id: u64,
    /// Its start; `None` if that record was lost.
    pub start: Option<Box<wire::Incident>>,
    /// In the order in which they were marked; one or more.
    pub victims: Vec<Victim>,
    /// The cgroup that is killed as a whole.
    pub group: Option<KernelText>,
    /// Victims whose memory was back before the incident ended.
    pub freed: Vec<Freed>,
    /// Whether the kernel is known to be done with it, so that its log tells of each of its kills: it
    /// returned, or went on to the next one.
    pub is_complete: bool,
    /// The keys of its records that were let go of for want of memory.
    pub lacks: &'static [&'static str],
    /// Victims that were handed out before, for want of memory.
    pub before: usize,
    /// What the kernel's own dump tells of it, and of the victim that this names.
    pub described: Option<Box<OomKill>>,
    /// The path that the last victim came with.
    path: Option<KernelText>,
}

impl Incident {
    fn new(id: u64, start: Option<Box<wire::Incident>>) -> Self {
        Self {
            id,
            start,
            victims: Vec::new(),
            group: None,
            freed: Vec::new(),
            is_complete: false,
            lacks: &[],
            before: 0,
            described: None,
            path: None,
        }
    }

    /// Whether no hook saw its entry, nor will see its return: its first mark is all there is.
    #[must_use]
    pub fn is_orphan(&self) -> bool {
        self.start.as_ref().is_none_or(|start| {
            start.totalpages.is_none() && start.order.is_none() && start.chosen.is_none()
        })
    }

    /// The thread that the kernel is in it with, if that is known.
    #[must_use]
    pub fn trigger(&self) -> Option<(u32, u32)> {
        self.start.as_ref().map(|start| (start.trigger.pid, start.trigger.tid))
    }

    /// Lets go of what a kill can be told without.
    fn shrink(&mut self) {
        self.lacks = &DETAILS;
        if let Some(start) = &mut self.start {
            start.candidates = Vec::new();
        }
        self.victims.iter_mut().for_each(|victim| victim.command = None);
    }
}

/// What the kernel's log says of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Logged {
    /// It was not read, or not yet.
    #[default]
    Unknown,
    /// Nothing: nobody was killed.
    Never,
    /// It was a kill.
    Killed {
        /// The stamp of the first mark's line, in microseconds; `None` if it has none, and a further
        /// one has.
        us: Option<u64>,
        /// Who it was when the kernel said so: on another processor it may become another user meanwhile.
        uid: Option<u32>,
        /// The further marks, each with its line as far as there is one.
        again: Vec<KilledAgain>,
        /// The memory that each mark's line prints, as far as there is one: it may change meanwhile.
        memory: Vec<Option<Memory>>,
        /// The kernel's words before `: Killed process`.
        message: Option<&'static str>,
    },
}

/// A task that was marked.
#[derive(Debug, Clone)]
pub struct Victim {
    /// The first mark of it.
    pub mark: Box<wire::Victim>,
    /// Its cgroup.
    pub cgroup: Option<KernelText>,
    /// Further kills of it: the kernel kills the first victim of a group twice.
    pub again: Vec<wire::Victim>,
    /// The processes that share its memory and were signalled with it.
    pub sharers: Vec<Sharer>,
    /// What it was.
    pub command: Option<Box<Command>>,
    /// What the kernel's log says of it.
    pub logged: Logged,
}

impl Victim {
    /// How often the kernel killed it: as its log says, or as the hooks saw it, or the stack of the
    /// mark.
    #[must_use]
    pub fn kill_count(&self) -> Option<u32> {
        let seen = 1 + u32::try_from(self.again.len()).unwrap_or(u32::MAX);
        match (self.mark.outcome, &self.logged) {
            (Outcome::Killed, _) => Some(seen),
            (_, Logged::Killed { us, again, .. }) => {
                let lines = again.iter().filter(|it| it.log_us.is_some()).count();
                Some(u32::from(us.is_some()) + u32::try_from(lines).unwrap_or(u32::MAX))
            }
            (Outcome::AlreadyExiting, Logged::Unknown) | (_, Logged::Never) => Some(0),
            (_, Logged::Unknown) => None,
        }
    }

    /// Whether its first mark was a kill of which no line is known.
    #[must_use]
    pub fn lacks_first_line(&self) -> bool {
        let has_line = matches!(self.logged, Logged::Killed { us: Some(_), .. });
        self.mark.outcome == Outcome::Killed && !has_line
    }

    /// Its further kills, of the thread that was marked then, with their lines as far as those are
    /// known.
    #[must_use]
    pub fn killed_again(&self) -> Vec<KilledAgain> {
        match &self.logged {
            Logged::Killed { again, .. } => again.clone(),
            _ => {
                let again = |mark: &wire::Victim| KilledAgain { tid: mark.tid, log_us: None };
                self.again.iter().map(again).collect()
            }
        }
    }

    /// Whether the other mark is of the same process; it may be of another of its threads.
    fn is(&self, other: &wire::Victim) -> bool {
        let starts = self.mark.start_boottime.zip(other.start_boottime);
        self.mark.pid.is_some()
            && self.mark.pid == other.pid
            && starts.is_none_or(|(one, other)| one == other)
    }

    /// Thread and moment of each kill of it, on `CLOCK_BOOTTIME` in nanoseconds.
    pub fn marks(&self) -> impl Iterator<Item = (u32, u64)> {
        std::iter::once(&*self.mark).chain(&self.again).map(|mark| (mark.tid, mark.boot_ns))
    }
}

/// The open incident.
#[derive(Debug)]
pub struct Assembler {
    open: Option<Incident>,
    /// What the open incident weighs, without what its victims have in common.
    weight: usize,
    /// What it may weigh, in bytes.
    bound: usize,
}

impl Assembler {
    /// One whose open incident may weigh so many bytes.
    #[must_use]
    pub fn new(bound: usize) -> Self {
        Self { open: None, weight: 0, bound }
    }

    /// Changes what the open incident may weigh, from its next record on.
    pub fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// Takes the next record and returns the incident that it completes.
    ///
    /// An incident without a victim (the kernel found the chosen task gone) completes nothing.
    pub fn push(&mut self, event: Event) -> Option<Incident> {
        match event {
            Event::Incident(incident) => {
                let done = self.overtaken();
                self.start(incident.id, Some(incident));
                done
            }
            Event::Victim(victim) => {
                let id = victim.incident;
                let done = if self.open.as_ref().is_some_and(|open| open.id != id) {
                    self.overtaken()
                } else {
                    None
                };
                if self.open.is_none() {
                    self.start(id, None);
                }
                self.mark(victim);
                done.or_else(|| self.relieve())
            }
            Event::Sharer(sharer) => {
                let open = self.open_as(sharer.incident)?;
                let known = |victim: &Victim| victim.sharers.iter().any(|it| it.pid == sharer.pid);
                // The second kill of a group's first victim signals them once more.
                if !open.victims.iter().any(known) {
                    open.victims.last_mut()?.sharers.push(sharer);
                    self.weight += SHARER_WEIGHT;
                }
                self.relieve()
            }
            Event::Group(group) => {
                self.open_as(group.incident)?.group = group.path;
                None
            }
            Event::Printed(printed) => {
                let start = self.open_as(printed.incident)?.start.as_mut()?;
                start.levels.first_mut()?.usage = printed.usage;
                None
            }
            Event::Command(command) => {
                let open = self.open_as(command.incident)?;
                if !open.lacks.is_empty() {
                    return None;
                }
                let own = |victim: &&mut Victim| victim.mark.pid == Some(command.pid);
                // The second kill of a group's first victim tells it once more.
                let victim = open.victims.iter_mut().rev().find(own)?;
                if victim.command.is_none() {
                    let weight = command_weight(&command);
                    victim.command = Some(command);
                    self.weight += weight;
                }
                self.relieve()
            }
            Event::End(id) => self.open.take_if(|open| open.id == id).and_then(complete),
            // Nothing to put together.
            Event::NoVictim(_) | Event::Freed(_) => None,
        }
    }

    /// Keeps for the end of the incident that the memory of one of its victims is back; gives it back
    /// if that incident has ended.
    pub fn hold(&mut self, freed: Freed) -> Option<Freed> {
        match self.open_as(freed.incident) {
            Some(open) => {
                open.freed.push(freed);
                None
            }
            None => Some(freed),
        }
    }

    /// The incident whose victims wait for its end.
    #[must_use]
    pub fn waiting(&self) -> Option<&Incident> {
        self.open.as_ref().filter(|open| !open.victims.is_empty())
    }

    /// Gives up waiting for the end of the open incident; `is_complete` if the kernel is known to be
    /// done with it. One without a victim stays open: the kernel may write its log for long before it
    /// kills.
    pub fn give_up(&mut self, is_complete: bool) -> Option<Incident> {
        self.waiting()?;
        self.open.take().map(|open| Incident { is_complete, ..open })
    }

    fn start(&mut self, id: u64, start: Option<Box<wire::Incident>>) {
        self.open = Some(Incident::new(id, start));
        self.weight = 0;
    }

    /// The lock went to another incident.
    fn overtaken(&mut self) -> Option<Incident> {
        self.open.take().and_then(complete)
    }

    fn mark(&mut self, victim: Box<wire::Victim>) {
        let Some(open) = &mut self.open else { return };
        // Most of a group have one path.
        let cgroup = match &victim.path {
            Path::Same => open.path.clone(),
            Path::Told(path) if open.path.as_ref() == Some(path) => open.path.clone(),
            Path::Told(path) => {
                self.weight += path.as_bytes().len();
                open.path.insert(path.clone()).clone().into()
            }
            Path::Unknown => {
                open.path = None;
                None
            }
        };
        let (again, sharers, logged) = (Vec::new(), Vec::new(), Logged::default());
        match open.victims.iter_mut().find(|known| known.is(&victim)) {
            Some(known) if victim.outcome == Outcome::Killed => known.again.push(*victim),
            Some(_) => return,
            None => open.victims.push(Victim {
                mark: victim,
                cgroup,
                again,
                sharers,
                command: None,
                logged,
            }),
        }
        self.weight += VICTIM_WEIGHT;
    }

    /// Where the open incident weighs too much: details go first, then what there is of it is handed
    /// out, and the rest will follow.
    fn relieve(&mut self) -> Option<Incident> {
        let open = self.open.as_mut().filter(|_| self.weight > self.bound)?;
        if open.lacks.is_empty() {
            open.shrink();
            self.weight = open.victims.len() * VICTIM_WEIGHT;
            if self.weight <= self.bound {
                return None;
            }
        }
        self.weight = 0;
        let rest = Incident {
            start: open.start.clone(),
            group: open.group.clone(),
            lacks: open.lacks,
            before: open.before + open.victims.len(),
            path: open.path.clone(),
            ..Incident::new(open.id, None)
        };
        self.open.replace(rest)
    }

    /// The open incident, if it is this one.
    fn open_as(&mut self, id: u64) -> Option<&mut Incident> {
        self.open.as_mut().filter(|open| open.id == id)
    }
}

fn complete(incident: Incident) -> Option<Incident> {
    (!incident.victims.is_empty()).then_some(Incident { is_complete: true, ..incident })
}

fn command_weight(command: &Command) -> usize {
    let Command { exe, arguments, parents, .. } = command;
    let exe = exe.as_ref().map_or(0, |exe| exe.as_bytes().len());
    let parents = parents.len() * (size_of::<wire::Parent>() + NAME_WEIGHT);
    size_of::<Command>() + exe + arguments.as_ref().map_or(0, Vec::len) + parents
}

#[cfg(test)]
mod tests;
