//! Slack's incoming webhooks: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
//! and <https://docs.slack.dev/reference/block-kit/blocks>.

use serde::Serialize;

use super::cut;
use super::message::Message;

/// Characters of a section's text, and of an element of a context.
const SECTION: usize = 3000;

/// Of a message's own text, which notifications show.
const TEXT: usize = 4000;

#[derive(Debug, Serialize)]
pub(super) struct Post {
    text: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Section { text: Text },
    Context { elements: [Text; 1] },
}

/// Plain: what stands in it is no markup, whoever chose it.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "plain_text")]
struct Text {
    text: String,
    emoji: bool,
}

impl Text {
    fn new(text: &str) -> Self {
        Self { text: cut(&escaped(text), SECTION), emoji: false }
    }
}

impl Post {
    pub(super) fn of(message: &Message<'_>) -> Self {
        let Message { title, why, facts, .. } = message;
        let mut blocks = vec![Block::Section { text: Text::new(title) }];
        if let Some(why) = why {
            let lines = std::iter::once(&why.summary).chain(&why.hints);
            let lines: Vec<_> = lines.map(|line| format!("• {line}")).collect();
            blocks.push(Block::Section { text: Text::new(&lines.join("\n")) });
        }
        let facts: Vec<_> =
            facts.0.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        if !facts.is_empty() {
            blocks.push(Block::Context { elements: [Text::new(&facts.join("  "))] });
        }
        Self { text: cut(&escaped(title), TEXT), blocks }
    }
}

/// The three characters that Slack has a meaning for: without them nobody is mentioned and nothing is
/// a link.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
