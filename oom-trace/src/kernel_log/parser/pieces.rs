//! A message that the kernel logged in several lines.

use super::super::Entry;
use super::super::message::{Form, Message};
use super::Parser;
use crate::incident::model::Record;

impl Parser {
    /// A message may be spread over lines where a name holds a line feed, or where another CPU
    /// logged between two parts of it. `None` if this is no part of one.
    pub(super) fn put_together(&mut self, entry: &Entry<'_>) -> Option<Vec<Record>> {
        let begun = self.begun.as_mut()?;
        let form = Form { names: entry.names, cut: entry.cut };
        for text in begun.with(entry) {
            match Message::parse(&text, form) {
                // Behind a cut nothing follows.
                Some(message) if !message.may_go_on() || entry.cut => {
                    self.begun = None;
                    let text = text.clone();
                    return Some(self.take(message, &Entry { text: &text, ..*entry }));
                }
                _ => {}
            }
        }
        let goes_on = begun.add(entry);
        if goes_on.is_none() {
            return Some(self.end_begun()).filter(|done| !done.is_empty());
        }
        goes_on.filter(|goes_on| *goes_on).map(|_| Vec::new())
    }

    /// Nothing follows that a message lacks: what it says already is taken.
    pub(super) fn end_begun(&mut self) -> Vec<Record> {
        let Some(begun) = self.begun.take() else { return Vec::new() };
        let line = std::mem::replace(&mut self.line, begun.line());
        let entry = begun.entry();
        let form = Form { names: entry.names, cut: entry.cut };
        let done = match Message::parse(entry.text, form) {
            Some(message) if message.may_go_on() => self.take(message, &entry),
            // After a kill it is the first line that says so much.
            None if begun.is_of_tasks() && self.has_result() => {
                self.take(Message::Group(None), &entry)
            }
            _ => Vec::new(),
        };
        self.line = line;
        done
    }
}
