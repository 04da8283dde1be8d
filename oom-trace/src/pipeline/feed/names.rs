//! The names of victims' containers, read from the node on a thread of its own: a disk that does not answer
//! delays a record for as long as its line in the log may, and no other.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::Builder;

use thiserror::Error;

use crate::enrich::place::Place;
use crate::enrich::place::names::Asked;
use crate::incident::assemble::Incident;
use crate::say::say;
use crate::text::KernelText;

/// Incidents that may wait for the thread; those beyond are told without names.
const WAITING: usize = 64;

/// Victims of an incident that are asked for: those of a group have one place.
const MOST: usize = 16;

const STACK_BYTES: usize = 256 << 10;

/// Who answers.
#[derive(Debug)]
pub(super) struct Names {
    /// Whether they are wanted.
    pub(super) enabled: bool,
    /// `None` until there is a container.
    thread: Option<SyncSender<Question>>,
    /// Whether it was said that none can be had, since some last were.
    said: bool,
}

/// Why an incident's names are not looked for.
#[derive(Debug, Error)]
enum Unasked {
    #[error("cannot start a thread to look for them: {0}")]
    Thread(#[from] io::Error),
    #[error("the disk has not answered yet for {WAITING} incidents before")]
    Waiting,
}

struct Question {
    asked: Vec<(KernelText, Asked)>,
    answer: Sender<Named>,
}

/// Where victims of these cgroups ran.
pub(super) type Named = Vec<(KernelText, Place)>;

/// The names of an incident, which are on their way.
#[derive(Debug)]
pub(super) struct Coming(Receiver<Named>);

impl Names {
    pub(super) fn new(enabled: bool) -> Self {
        Self { enabled, thread: None, said: false }
    }

    /// Has the names of the incident's containers looked for; `None` where none is to be had.
    pub(super) fn ask(&mut self, incident: &Incident) -> Option<Coming> {
        let asked = self.asked(incident);
        if asked.is_empty() {
            return None;
        }
        let coming = self.hand_over(asked);
        let said = std::mem::replace(&mut self.said, coming.is_err());
        coming
            .inspect_err(|why| {
                if !said {
                    say(format_args!("containers are told by their ids, without names: {why}"));
                }
            })
            .ok()
    }

    /// The containers of the incident whose names are wanted.
    pub(super) fn asked(&self, incident: &Incident) -> Vec<(KernelText, Asked)> {
        let mut asked: Vec<(KernelText, Asked)> = Vec::new();
        if !self.enabled {
            return asked;
        }
        for victim in &incident.victims {
            let Some(path) = &victim.cgroup else { continue };
            if asked.len() == MOST || asked.iter().any(|(known, _)| known == path) {
                continue;
            }
            let parents = victim.command.iter().flat_map(|command| &command.parents);
            let parents = parents.map(|parent| (parent.pid, &parent.comm));
            let place = Place::by_path(path.as_bytes());
            asked.extend(
                Asked::new(path.as_bytes(), place, parents).map(|asked| (path.clone(), asked)),
            );
        }
        asked
    }

    fn hand_over(&mut self, asked: Vec<(KernelText, Asked)>) -> Result<Coming, Unasked> {
        let (answer, coming) = channel();
        let question = Question { asked, answer };
        self.thread()?.try_send(question).map_err(|_| Unasked::Waiting)?;
        Ok(Coming(coming))
    }

    fn thread(&mut self) -> io::Result<&SyncSender<Question>> {
        let thread = match self.thread.take() {
            Some(thread) => thread,
            None => {
                let (ask, questions) = sync_channel(WAITING);
                let thread = Builder::new().name("names".into()).stack_size(STACK_BYTES);
                thread.spawn(move || answer_all(&questions))?;
                ask
            }
        };
        Ok(self.thread.insert(thread))
    }
}

fn answer_all(questions: &Receiver<Question>) {
    for Question { asked, answer } in questions {
        let root = Path::new("/");
        let named = asked.into_iter().map(|(path, asked)| (path, asked.look_up(root)));
        // Nobody waits any more where it took too long.
        let _ = answer.send(named.collect());
    }
}

impl Coming {
    /// What was found; `None` if they are still on their way.
    pub(super) fn arrived(&self) -> Option<Named> {
        match self.0.try_recv() {
            Ok(named) => Some(named),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Named::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_refused_while_the_disk_answers_nobody() {
        let (ask, _questions) = sync_channel(0);
        let mut names = Names { thread: Some(ask), ..Names::new(true) };
        assert!(matches!(names.hand_over(Vec::new()), Err(Unasked::Waiting)));
    }

    #[test]
    fn are_handed_over_while_there_is_room() {
        let (ask, questions) = sync_channel(1);
        let mut names = Names { thread: Some(ask), ..Names::new(true) };
        let coming = names.hand_over(Vec::new()).unwrap();
        assert!(coming.arrived().is_none());
        drop(questions.recv().unwrap());
        assert_eq!(coming.arrived().unwrap().len(), 0, "nobody is there to answer");
    }
}
