//! What a service wants to be told: a record in the form of its interface. One service a file.

mod alertmanager;
mod cloudevents;
mod message;
mod pagerduty;
mod slack;
mod teams;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use serde::Deserialize;

use self::message::Message;
use super::{Backfill, Choice, Filter, Place, Repeats};
use crate::incident::model::{Record, RecordType};
use crate::render::{Format, Style, json, render};
use crate::setting::{ConfigDuration, Secret, SecretError};

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
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
            Self::Slack | Self::Teams | Self::Pagerduty | Self::Alertmanager => true,
            Self::Json | Self::Cloudevents => false,
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
        Choice { filter, backfill, fold: fold.filter(|fold| !fold.is_zero()) }
    }

    /// What is wrong with a key beside it.
    pub(super) fn flaw(self, routing_key: Option<&Secret>) -> Option<String> {
        match (self, routing_key) {
            (Self::Pagerduty, None) => Some(
                "body = \"pagerduty\" needs `routing_key`, the integration key of the service"
                    .to_owned(),
            ),
            (Self::Pagerduty, Some(_)) | (_, None) => None,
            (_, Some(_)) => {
                Some("`routing_key` is for body = \"pagerduty\": remove it, or set that".to_owned())
            }
        }
    }

    /// The `Content-Type`.
    #[cfg(feature = "network")]
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Cloudevents => "application/cloudevents+json",
            _ => "application/json",
        }
    }
}

/// Writes bodies.
#[derive(Debug)]
pub(super) struct Writer {
    body: Body,
    routing_key: String,
}

impl Writer {
    /// # Errors
    /// The routing key is nowhere.
    pub(super) fn new(body: Body, routing_key: Option<&Secret>) -> Result<Self, SecretError> {
        let routing_key = routing_key.map(Secret::reveal).transpose()?.unwrap_or_default();
        Ok(Self { body, routing_key })
    }

    #[cfg(feature = "network")]
    pub(super) fn content_type(&self) -> &'static str {
        self.body.content_type()
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
