//! What a service wants to be told: a record in the form of its interface. One service a file.

mod alertmanager;
mod cloudevents;
mod kubernetes;
mod message;
mod pagerduty;
mod slack;
mod teams;
mod template;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Formatter};
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::message::Message;
pub(super) use self::template::Template;
#[cfg(feature = "network")]
use super::http::{self, Meaning};
use super::{Backfill, Choice, Filter, Place, Repeats};
use crate::incident::model::{Record, RecordType};
use crate::render::{Format, Style, json, render};
use crate::setting::{ConfigDuration, Secret, SecretError};

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    /// The record as it is.
    #[default]
    Json,
    /// Slack's incoming webhooks, and those that take the same.
    Slack,
    /// A workflow of Microsoft Teams that posts a card.
    Teams,
    /// PagerDuty's Events API v2.
    Pagerduty,
    /// `POST /api/v2/alerts` of Prometheus' Alertmanager.
    Alertmanager,
    /// CloudEvents 1.0 in structured mode.
    Cloudevents,
    /// An Event on the victim's pod, or on the node.
    Kubernetes,
    /// What the configuration says.
    Template,
}

/// As the configuration has it.
impl Display for Body {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What the configuration says of a body beside its form.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BodyKeys<'a> {
    pub(super) routing_key: Option<&'a Secret>,
    pub(super) template: Option<&'a Template>,
    pub(super) node: Option<&'a Secret>,
}

/// What wakes somebody, or tells them in a chat: not that memory is back, nor that the agent started.
const FOR_PEOPLE: [RecordType; 4] =
    [RecordType::OomKill, RecordType::OomPanic, RecordType::OomFailed, RecordType::UserKill];

/// How long somebody who was told of a place is not told again at once.
const FOLD: Duration = Duration::from_secs(600);

impl Body {
    /// Whether it becomes a message or an alert that somebody has to read.
    const fn is_for_people(self) -> bool {
        match self {
            Self::Json | Self::Cloudevents => false,
            Self::Slack
            | Self::Teams
            | Self::Pagerduty
            | Self::Alertmanager
            | Self::Kubernetes
            | Self::Template => true,
        }
    }

    /// Alertmanager groups alerts itself, and an alert lasts as long as it is repeated.
    const fn folds(self) -> bool {
        self.is_for_people() && !matches!(self, Self::Alertmanager)
    }

    /// What is chosen where the configuration says this much; `fold` of no length is none.
    pub(super) fn choice(
        self,
        filter: &Filter,
        backfill: Backfill,
        fold: Option<ConfigDuration>,
    ) -> Choice {
        let mut filter = filter.clone();
        if self.is_for_people() && filter.types.is_empty() {
            filter.types = FOR_PEOPLE.to_vec();
        }
        let fold = fold.map(|fold| fold.0).or(self.folds().then_some(FOLD));
        let fold = fold.filter(|fold| !fold.is_zero());
        // An Event is one pod's, and a limit may be that of many.
        Choice { filter, backfill, fold, by_pod: self == Self::Kubernetes }
    }

    /// What is wrong with a key beside it.
    pub(super) fn flaw(self, keys: BodyKeys<'_>) -> Option<String> {
        let is_there = (keys.routing_key.is_some(), keys.template.is_some());
        if keys.node.is_some() && self != Self::Kubernetes {
            return Some(misplaced("node", Self::Kubernetes));
        }
        let pairs = [
            (Self::Pagerduty, "routing_key", is_there.0, "the integration key of the service"),
            (Self::Template, "template", is_there.1, "a text, or a table for JSON"),
        ];
        pairs.into_iter().find_map(|(body, key, is_there, what)| match is_there {
            true if self != body => Some(misplaced(key, body)),
            false if self == body => Some(format!("body = \"{body}\" needs `{key}`, {what}")),
            _ => None,
        })
    }
}

fn misplaced(key: &str, body: Body) -> String {
    format!("`{key}` is for body = \"{body}\": remove it, or set that")
}

/// Writes bodies.
#[derive(Debug)]
pub(super) struct Writer {
    body: Body,
    routing_key: String,
    /// Empty where it is called as the host.
    node: String,
    template: Template,
}

impl Writer {
    /// # Errors
    /// The routing key, or the node's name, is nowhere.
    pub(super) fn new(body: Body, keys: BodyKeys<'_>) -> Result<Self, SecretError> {
        let reveal = |key: Option<&Secret>| key.map(Secret::reveal).transpose();
        let routing_key = reveal(keys.routing_key)?.unwrap_or_default();
        let node = reveal(keys.node)?.unwrap_or_default();
        Ok(Self { body, routing_key, node, template: keys.template.cloned().unwrap_or_default() })
    }

    /// The `Content-Type`.
    #[cfg(feature = "network")]
    pub(super) fn content_type(&self) -> &'static str {
        match self.body {
            Body::Cloudevents => "application/cloudevents+json",
            Body::Template => self.template.content_type(),
            _ => "application/json",
        }
    }

    /// What stands behind the URL's path: the body's service takes each record where it belongs.
    #[cfg(feature = "network")]
    pub(super) fn below<'a>(&self, record: &'a Record) -> Vec<&'a str> {
        let is_sorted = self.body == Body::Kubernetes;
        if is_sorted { kubernetes::path(record).to_vec() } else { Vec::new() }
    }

    /// What an answer means that is no success.
    #[cfg(feature = "network")]
    pub(super) fn meaning(&self) -> fn(u16, &str) -> Meaning {
        if self.body == Body::Kubernetes { kubernetes::meaning } else { http::meaning }
    }

    /// Appends the body for a record, or for the last of several at one place.
    ///
    /// # Errors
    /// As [`render`].
    pub(super) fn write(
        &self,
        record: &Record,
        repeats: Option<&Repeats>,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let message = || Message::of(record, repeats);
        match self.body {
            Body::Json => whole(record, repeats, out),
            Body::Slack => json(&slack::Post::of(&message()), out),
            Body::Teams => json(&teams::Post::of(&message()), out),
            Body::Pagerduty => json(&pagerduty::Event::of(&message(), &self.routing_key), out),
            Body::Alertmanager => json(&[alertmanager::Alert::of(&message())], out),
            Body::Cloudevents => json(&cloudevents::Event::of(record, repeats), out),
            Body::Kubernetes => {
                json(&kubernetes::Event::of(record, repeats, &message(), &self.node), out)
            }
            Body::Template => self.template.write(record, repeats, out),
        }
    }
}

/// Where it was.
fn place(record: &Record, repeats: Option<&Repeats>) -> Option<String> {
    let at = repeats.map(|repeats| repeats.at.clone());
    at.or_else(|| Place::of(record).map(|place| place.name))
}

/// Names what is told: the record, or several of which it is the last.
pub(super) fn id(record: &Record, repeats: Option<&Repeats>) -> String {
    let id = record.id();
    repeats.map_or_else(|| id.clone(), |repeats| format!("{id}+{}", repeats.more))
}

/// The record, with one key more where there were several.
fn whole(record: &Record, repeats: Option<&Repeats>, out: &mut Vec<u8>) -> io::Result<()> {
    render(record, Format::Json, Style::default(), out)?;
    if let Some(repeats) = repeats {
        // It is an object in one line, and not empty.
        out.truncate(out.len().saturating_sub(b"}\n".len()));
        out.extend_from_slice(b",\"repeats\":");
        json(repeats, out)?;
        out.pop();
        out.extend_from_slice(b"}\n");
    }
    Ok(())
}

/// At most so many characters, which a service would refuse to take more of.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
