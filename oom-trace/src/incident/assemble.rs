//! Puts the records of one incident together.
//!
//! The kernel handles one incident at a time (`oom_lock`), so one is open at the most. An end that
//! never comes, because its hook was missed, is made good by the next incident or by the caller,
//! who must not wait for ever: [`Assembler::flush`].

use super::record::{self, outcome, usage_field, victim_field};
use crate::text::KernelText;
use crate::wire::{CommandNames, Event, IncidentNames};

/// An incident and all its victims.
#[derive(Debug, Clone)]
pub struct Incident {
    /// Names it: `CLOCK_BOOTTIME` of its start in nanoseconds.
    pub id: u64,
    /// Its start; `None` if that record was lost.
    pub start: Option<(Box<record::Incident>, IncidentNames)>,
    /// In the order in which they were marked; one or more.
    pub victims: Vec<Victim>,
    /// The cgroup that is killed as a whole.
    pub group: Option<KernelText>,
    /// The limit cgroup and those above it, from the limit up.
    pub levels: Vec<record::Level>,
    /// Tasks that were weighed, each with its cgroup.
    pub candidates: Vec<(record::Candidate, Option<KernelText>)>,
    /// Victims whose memory was back before the incident ended.
    pub freed: Vec<record::Freed>,
}

impl Incident {
    fn new(id: u64, start: Option<(Box<record::Incident>, IncidentNames)>) -> Self {
        Self {
            id,
            start,
            victims: Vec::new(),
            group: None,
            levels: Vec::new(),
            candidates: Vec::new(),
            freed: Vec::new(),
        }
    }
}

/// A task that was marked.
#[derive(Debug, Clone)]
pub struct Victim {
    /// The first mark of it.
    pub mark: Box<record::Victim>,
    /// Its cgroup.
    pub cgroup: Option<KernelText>,
    /// Further kills of it: the kernel kills the first victim of a group twice.
    pub again: Vec<record::Victim>,
    /// The processes that share its memory and were signalled with it.
    pub sharers: Vec<record::Sharer>,
    /// What it was.
    pub command: Option<(Box<record::Command>, CommandNames)>,
}

impl Victim {
    /// How often the kernel killed it, if the hooks could tell.
    #[must_use]
    pub fn kill_count(&self) -> Option<u32> {
        match self.mark.outcome {
            outcome::UNKNOWN => None,
            outcome::KILLED => Some(1 + u32::try_from(self.again.len()).unwrap_or(u32::MAX)),
            _ => Some(0),
        }
    }

    fn is(&self, other: &record::Victim) -> bool {
        let (pid, start) = (victim_field::PID, victim_field::START_BOOTTIME);
        let both = self.mark.header.present & other.header.present;
        both & pid != 0
            && self.mark.pid == other.pid
            && (both & start == 0 || self.mark.start_boottime == other.start_boottime)
    }
}

/// The open incident.
#[derive(Debug, Default)]
pub struct Assembler {
    open: Option<Incident>,
}

impl Assembler {
    /// Takes the next record and returns the incident that it completes.
    ///
    /// An incident without a victim (the kernel found the chosen task gone) completes nothing.
    pub fn push(&mut self, event: Event) -> Option<Incident> {
        match event {
            Event::Incident(incident, names) => {
                let done = self.end();
                self.open = Some(Incident::new(incident.header.incident, Some((incident, names))));
                done
            }
            Event::Victim(victim, cgroup) => {
                let id = victim.header.incident;
                let done = if self.open.as_ref().is_some_and(|open| open.id != id) {
                    self.flush()
                } else {
                    None
                };
                let open = self.open.get_or_insert_with(|| Incident::new(id, None));
                match open.victims.iter_mut().find(|known| known.is(&victim)) {
                    Some(known) if victim.outcome == outcome::KILLED => known.again.push(*victim),
                    Some(_) => {}
                    None => {
                        let (again, sharers) = (Vec::new(), Vec::new());
                        let victim = Victim { mark: victim, cgroup, again, sharers, command: None };
                        open.victims.push(victim);
                    }
                }
                done
            }
            Event::Sharer(sharer) => {
                let open = self.open_as(&sharer.header)?;
                let known = |victim: &Victim| victim.sharers.iter().any(|it| it.pid == sharer.pid);
                // The second kill of a group's first victim signals them once more.
                if !open.victims.iter().any(known) {
                    open.victims.last_mut()?.sharers.push(sharer);
                }
                None
            }
            Event::Group(group, path) => {
                self.open_as(&group.header)?.group = path;
                None
            }
            Event::Printed(printed) => {
                let limit = self.open_as(&printed.header)?.levels.first_mut()?;
                limit.usage = printed.usage;
                limit.header.present &= !usage_field::ALL;
                limit.header.present |= printed.header.present;
                None
            }
            Event::Command(command, names) => {
                let open = self.open_as(&command.header)?;
                let own = |victim: &&mut Victim| victim.mark.pid == command.pid;
                // The second kill of a group's first victim tells it once more.
                let victim = open.victims.iter_mut().find(own)?;
                victim.command.get_or_insert((command, names));
                None
            }
            Event::Level(level) => {
                self.open_as(&level.header)?.levels.push(*level);
                None
            }
            Event::Candidate(candidate, path) => {
                self.open_as(&candidate.header)?.candidates.push((*candidate, path));
                None
            }
            Event::End(_) => self.end(),
            // Nothing to put together.
            Event::NoVictim(..) | Event::Freed(_) => None,
        }
    }

    /// Keeps for the end of the incident that the memory of one of its victims is back; gives it back
    /// if that incident has ended.
    pub fn hold(&mut self, freed: record::Freed) -> Option<record::Freed> {
        match self.open_as(&freed.header) {
            Some(open) => {
                open.freed.push(freed);
                None
            }
            None => Some(freed),
        }
    }

    /// The open incident, if it is the record's.
    fn open_as(&mut self, header: &record::Header) -> Option<&mut Incident> {
        self.open.as_mut().filter(|open| open.id == header.incident)
    }

    /// Whether victims wait for the end of their incident.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.open.as_ref().is_some_and(|open| !open.victims.is_empty())
    }

    /// Gives up waiting for the end of the open incident. One without a victim stays open: the kernel
    /// may write its log for long before it kills.
    pub fn flush(&mut self) -> Option<Incident> {
        if self.is_waiting() { self.open.take() } else { None }
    }

    fn end(&mut self) -> Option<Incident> {
        self.open.take().filter(|open| !open.victims.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros as _;

    use super::super::record::{End, Header, kind, level_field};
    use super::*;

    fn header(kind: u32, incident: u64) -> Header {
        Header { kind, source: 1, incident, boot_ns: incident, present: victim_field::PID }
    }

    fn start(id: u64) -> Event {
        let mut incident = record::Incident::new_zeroed();
        incident.header = header(kind::INCIDENT, id);
        Event::Incident(Box::new(incident), IncidentNames::default())
    }

    fn victim(id: u64, pid: u32) -> Event {
        let mut victim = record::Victim::new_zeroed();
        victim.header = header(kind::VICTIM, id);
        (victim.pid, victim.outcome) = (pid, outcome::KILLED);
        Event::Victim(Box::new(victim), None)
    }

    fn end(id: u64) -> Event {
        Event::End(End { header: header(kind::END, id) })
    }

    fn run(events: impl IntoIterator<Item = Event>) -> (Assembler, Vec<Incident>) {
        let mut assembler = Assembler::default();
        let done = events.into_iter().filter_map(|event| assembler.push(event)).collect();
        (assembler, done)
    }

    /// Its id, whether its start is known, and its victims with how often they were killed.
    type Summary = (u64, bool, Vec<(u32, Option<u32>)>);

    fn summary(incidents: &[Incident]) -> Vec<Summary> {
        incidents
            .iter()
            .map(|incident| {
                let victims =
                    incident.victims.iter().map(|v| (v.mark.pid, v.kill_count())).collect();
                (incident.id, incident.start.is_some(), victims)
            })
            .collect()
    }

    #[test]
    fn a_group_kill_is_one_incident_with_its_first_victim_killed_twice() {
        let (_, done) = run([start(7), victim(7, 10), victim(7, 10), victim(7, 11), end(7)]);
        assert_eq!(summary(&done), [(7, true, vec![(10, Some(2)), (11, Some(1))])]);
    }

    #[test]
    fn a_missed_end_is_made_good_by_the_next_start_or_a_flush() {
        let (mut assembler, done) = run([start(1), victim(1, 10), start(2), victim(2, 11)]);
        assert_eq!(summary(&done), [(1, true, vec![(10, Some(1))])]);
        assert!(assembler.is_waiting());
        let rest: Vec<_> = assembler.flush().into_iter().collect();
        assert_eq!(summary(&rest), [(2, true, vec![(11, Some(1))])]);
        assert!(!assembler.is_waiting());
    }

    #[test]
    fn a_flush_before_the_first_victim_forgets_nothing() {
        let (mut assembler, _) = run([start(1)]);
        assert!(assembler.flush().is_none());
        let done: Vec<_> =
            [victim(1, 10), end(1)].into_iter().filter_map(|event| assembler.push(event)).collect();
        assert_eq!(summary(&done), [(1, true, vec![(10, Some(1))])]);
    }

    #[test]
    fn the_limit_stands_as_it_was_printed() {
        let mut printed = record::Printed::new_zeroed();
        printed.header = header(kind::PRINTED, 1);
        printed.header.present = usage_field::MEMORY;
        printed.usage.memory = 7;
        let mut level = record::Level::new_zeroed();
        level.header = header(kind::LEVEL, 1);
        level.header.present = usage_field::SWAP | level_field::HIGH;
        let level = Event::Level(Box::new(level));
        let (_, done) = run([start(1), level, Event::Printed(printed), victim(1, 10), end(1)]);
        let [limit] = done[0].levels.as_slice() else { panic!("{done:?}") };
        assert_eq!(limit.usage.memory, 7);
        assert_eq!(limit.header.present, level_field::HIGH | usage_field::MEMORY);
    }

    #[test]
    fn a_victim_whose_start_was_lost_is_not() {
        let (_, done) = run([start(1), victim(1, 10), victim(3, 12), end(3)]);
        assert_eq!(
            summary(&done),
            [(1, true, vec![(10, Some(1))]), (3, false, vec![(12, Some(1))])]
        );
    }

    #[test]
    fn an_incident_that_found_nobody_is_none() {
        let (assembler, done) = run([start(1), end(1)]);
        assert!(done.is_empty());
        assert!(!assembler.is_waiting());
    }
}
