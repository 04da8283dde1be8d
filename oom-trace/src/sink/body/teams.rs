//! A workflow of Microsoft Teams ("When a Teams webhook request is received"), which takes a message
//! with an Adaptive Card: <https://adaptivecards.io/explorer/>.

use serde::Serialize;

use super::cut;
use super::message::Message;

/// Characters of a text: a message may have 28 KB in all.
const TEXT: usize = 4000;

#[derive(Debug, Serialize)]
pub(super) struct Post {
    #[serde(rename = "type")]
    kind: &'static str,
    attachments: [Attachment; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attachment {
    content_type: &'static str,
    content: Card,
}

#[derive(Debug, Serialize)]
struct Card {
    #[serde(rename = "$schema")]
    schema: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    /// The first with `RichTextBlock` is 1.2.
    version: &'static str,
    body: Vec<RichTextBlock>,
}

/// A paragraph. Unlike in a `TextBlock`, what stands in it is no Markdown, whoever chose it.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
struct RichTextBlock {
    inlines: [TextRun; 1],
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
struct TextRun {
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<&'static str>,
    is_subtle: bool,
}

impl Post {
    pub(super) fn of(message: &Message<'_>) -> Self {
        let Message { title, why, facts, .. } = message;
        let mut body = vec![paragraph(title, Some("Bolder"), false)];
        if let Some(why) = why {
            let lines = std::iter::once(&why.summary).chain(&why.hints);
            body.extend(lines.map(|line| paragraph(line, None, false)));
        }
        let facts: Vec<_> =
            facts.0.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        if !facts.is_empty() {
            body.push(paragraph(&facts.join("  "), None, true));
        }
        let card = Card {
            schema: "http://adaptivecards.io/schemas/adaptive-card.json",
            kind: "AdaptiveCard",
            version: "1.2",
            body,
        };
        let content_type = "application/vnd.microsoft.card.adaptive";
        Self { kind: "message", attachments: [Attachment { content_type, content: card }] }
    }
}

fn paragraph(text: &str, weight: Option<&'static str>, is_subtle: bool) -> RichTextBlock {
    RichTextBlock { inlines: [TextRun { text: cut(text, TEXT), weight, is_subtle }] }
}
