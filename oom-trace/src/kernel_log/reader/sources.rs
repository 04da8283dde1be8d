//! The logs of several machines in one file: each is read by itself, so that no dump takes another's lines.

use super::find::Spoken;
use crate::incident::model::Record;
use crate::kernel_log::{Parser, Stamp, Untold};

/// Machines that are kept apart; of more, the one that was silent longest is forgotten.
const MOST: usize = 64;

/// Who reads whose lines.
#[derive(Debug)]
pub(super) struct Sources {
    all: Vec<Source>,
    /// The last one's, which lines belong to that do not say whose they are.
    current: usize,
    turns: u64,
    /// Of those that were forgotten.
    untold: Untold,
}

/// A machine, by what tells its lines from others'.
#[derive(Debug)]
struct Source {
    host: Option<String>,
    label: Option<Vec<u8>>,
    parser: Parser,
    last: u64,
}

impl Source {
    /// Whether a line may be of it. What a line does not say contradicts nothing.
    fn may_be(&self, spoken: &Spoken) -> bool {
        let hosts = self.host.as_ref().zip(spoken.host.as_ref());
        let labels = self.label.as_ref().zip(spoken.label.as_ref());
        hosts.is_none_or(|(a, b)| a == b) && labels.is_none_or(|(a, b)| a == b)
    }
}

impl Sources {
    pub(super) fn new(parser: Parser) -> Self {
        let first = Source { host: None, label: None, parser, last: 0 };
        Self { all: vec![first], current: 0, turns: 0, untold: Untold::default() }
    }

    /// Takes a line; answers the records that it completes, and whether it was of an OOM kill.
    pub(super) fn push(&mut self, spoken: &Spoken) -> (Vec<Record>, bool) {
        let mut done = self.turn_to(spoken);
        done.extend(self.pass(spoken.stamp));
        let Some(source) = self.all.get_mut(self.current) else { return (done, false) };
        let taken = source.parser.taken();
        done.extend(source.parser.push_line(spoken.line, &spoken.entry()));
        (done, taken != source.parser.taken())
    }

    /// Finds whose line it is.
    fn turn_to(&mut self, spoken: &Spoken) -> Vec<Record> {
        let mut done = Vec::new();
        let is_currents = self.all.get(self.current).is_some_and(|it| it.may_be(spoken));
        if !is_currents {
            let known = self.all.iter().position(|source| source.may_be(spoken));
            self.current = match known {
                Some(known) => known,
                None => {
                    done = self.make_room();
                    let Some(first) = self.all.first() else { return done };
                    let parser = first.parser.another();
                    self.all.push(Source { host: None, label: None, parser, last: 0 });
                    self.all.len() - 1
                }
            };
        }
        self.turns += 1;
        let turns = self.turns;
        if let Some(source) = self.all.get_mut(self.current) {
            source.last = turns;
            if source.host.is_none() {
                source.host.clone_from(&spoken.host);
            }
            if source.label.is_none() {
                source.label.clone_from(&spoken.label);
            }
        }
        done
    }

    fn make_room(&mut self) -> Vec<Record> {
        if self.all.len() < MOST {
            return Vec::new();
        }
        let oldest = self.all.iter().enumerate().min_by_key(|(_, source)| source.last);
        let Some(oldest) = oldest.map(|(place, _)| place) else { return Vec::new() };
        let mut source = self.all.remove(oldest);
        let done = source.parser.flush();
        self.untold.add_all(source.parser.untold());
        done
    }

    /// What others told is over when a line is much later.
    fn pass(&mut self, now: Stamp) -> Vec<Record> {
        let current = self.current;
        let others = self.all.iter_mut().enumerate().filter(|(place, _)| *place != current);
        others.flat_map(|(_, source)| source.parser.pass(now)).collect()
    }

    /// Whether all that was begun has its end.
    pub(super) fn are_settled(&self) -> bool {
        self.all.iter().all(|source| source.parser.is_settled())
    }

    /// Another boot of the machine that spoke last.
    pub(super) fn boot(&mut self, id: Option<&str>) -> Vec<Record> {
        let current = self.all.get_mut(self.current);
        current.map(|source| source.parser.boot(id)).unwrap_or_default()
    }

    pub(super) fn turn(&mut self) -> Vec<Record> {
        self.all.iter_mut().flat_map(|source| source.parser.turn()).collect()
    }

    pub(super) fn gap(&mut self) -> Vec<Record> {
        self.all.iter_mut().flat_map(|source| source.parser.gap()).collect()
    }

    pub(super) fn flush(&mut self) -> Vec<Record> {
        self.all.iter_mut().flat_map(|source| source.parser.flush()).collect()
    }

    /// What came into no record.
    pub(super) fn untold(&self) -> Untold {
        let mut untold = self.untold.clone();
        for source in &self.all {
            untold.add_all(source.parser.untold());
        }
        untold
    }
}
