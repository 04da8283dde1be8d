//! Newest first: `journalctl -r`, and what people paste of a web page. The kernel's own order of words
//! tells: its kill line follows what led to it.

use super::find::{Spoken, is_header};
use crate::kernel_log::message::{Form, Message};

/// Lines that are held until the order is known; most logs tell within a dozen.
const MOST: usize = 4096;

/// Bytes of one block of a reversed log that are held: a dump may list tens of thousands of tasks.
const BLOCK: usize = 2 << 20;

/// What a log has, in its order.
#[derive(Debug)]
pub(super) enum Item {
    /// A message.
    Spoken(Box<Spoken>),
    /// Another boot.
    Boot(Option<String>),
    /// What follows was before: nothing of it belongs to this.
    End,
}

/// What tells the order, of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hint {
    Header,
    Cpu,
    Columns,
    Row,
    Chose(u32),
    Summary(Option<u32>),
    Killed(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Unknown,
    Forward,
    Reversed,
}

/// Puts them in order.
#[derive(Debug)]
pub(super) struct Order {
    way: Way,
    held: Vec<Item>,
    /// Bytes in them, where the log is reversed.
    bytes: usize,
    last: Option<Hint>,
}

impl Order {
    pub(super) const fn new() -> Self {
        Self { way: Way::Unknown, held: Vec::new(), bytes: 0, last: None }
    }

    /// A form that is never reversed: answers what was held.
    pub(super) fn go_forward(&mut self) -> Vec<Item> {
        match self.way {
            Way::Unknown => {
                self.way = Way::Forward;
                std::mem::take(&mut self.held)
            }
            Way::Forward | Way::Reversed => Vec::new(),
        }
    }

    /// Whether it is known that what led to a kill stands before it.
    pub(super) fn is_forward(&self) -> bool {
        self.way == Way::Forward
    }

    /// Whether a block of a reversed log is being held: what led to its kill follows.
    pub(super) fn is_holding(&self) -> bool {
        self.way == Way::Reversed && !self.held.is_empty()
    }

    /// Takes one, and answers those whose turn it is.
    pub(super) fn push(&mut self, item: Item) -> Vec<Item> {
        match self.way {
            Way::Forward => vec![item],
            Way::Unknown => {
                let way = self.tell(&item);
                self.held.push(item);
                let is_full = self.held.len() >= MOST;
                match way {
                    None if !is_full => return Vec::new(),
                    None | Some(Way::Forward | Way::Unknown) => {
                        self.way = Way::Forward;
                        return std::mem::take(&mut self.held);
                    }
                    Some(Way::Reversed) => self.way = Way::Reversed,
                }
                // What is held may be more than one block.
                let held = std::mem::take(&mut self.held);
                held.into_iter().flat_map(|item| self.reverse(item)).collect()
            }
            Way::Reversed => self.reverse(item),
        }
    }

    /// No more follow.
    pub(super) fn end(&mut self) -> Vec<Item> {
        let held = std::mem::take(&mut self.held);
        match self.way {
            Way::Reversed => held.into_iter().rev().collect(),
            Way::Unknown | Way::Forward => held,
        }
    }

    /// Collects a block up to its header, which comes last.
    fn reverse(&mut self, item: Item) -> Vec<Item> {
        let ends = match &item {
            // What is no message of a dump needs no place.
            Item::Spoken(spoken) if !is_of_a_dump(spoken) => return vec![item],
            Item::Spoken(spoken) => {
                self.bytes += spoken.text.len() + size_of::<Spoken>();
                is_header(&spoken.text) || self.bytes >= BLOCK
            }
            Item::Boot(_) | Item::End => true,
        };
        let marker = match item {
            Item::Spoken(_) => {
                self.held.push(item);
                None
            }
            item => Some(item),
        };
        if !ends {
            return Vec::new();
        }
        self.bytes = 0;
        let block = std::mem::take(&mut self.held).into_iter().rev();
        block.chain([Item::End]).chain(marker).collect()
    }

    fn tell(&mut self, item: &Item) -> Option<Way> {
        let Item::Spoken(spoken) = item else { return None };
        let now = hint(spoken)?;
        let before = self.last.replace(now)?;
        match (before, now) {
            (Hint::Header, Hint::Cpu)
            | (Hint::Header | Hint::Cpu, Hint::Columns)
            | (Hint::Columns, Hint::Row) => Some(Way::Forward),
            (Hint::Chose(chosen) | Hint::Summary(Some(chosen)), Hint::Killed(killed))
                if chosen == killed =>
            {
                Some(Way::Forward)
            }
            (Hint::Row, Hint::Columns) => Some(Way::Reversed),
            (Hint::Killed(killed), Hint::Chose(chosen) | Hint::Summary(Some(chosen)))
                if chosen == killed =>
            {
                Some(Way::Reversed)
            }
            _ => None,
        }
    }
}

fn is_of_a_dump(spoken: &Spoken) -> bool {
    let form = Form { names: spoken.names, cut: spoken.cut };
    is_header(&spoken.text)
        || Message::is_begun(&spoken.text)
        || Message::parse(&spoken.text, form).is_some()
}

fn hint(spoken: &Spoken) -> Option<Hint> {
    let form = Form { names: spoken.names, cut: spoken.cut };
    Some(match Message::parse(&spoken.text, form)? {
        Message::Header(_) => Hint::Header,
        Message::Cpu(_) => Hint::Cpu,
        Message::Columns(_) => Hint::Columns,
        Message::Row(_) => Hint::Row,
        Message::Chose(chose) => Hint::Chose(chose.tid),
        Message::Summary(summary) => Hint::Summary(summary.pid),
        Message::Killed(killed) => Hint::Killed(killed.tid),
        _ => return None,
    })
}
