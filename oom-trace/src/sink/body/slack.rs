//! Slack's incoming webhooks: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>
//! and <https://docs.slack.dev/reference/block-kit/blocks>.

use serde::Serialize;

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
        Self { text: escaped(text, SECTION), emoji: false }
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
        if !facts.0.is_empty() {
            blocks.push(Block::Context { elements: [Text::new(&facts.to_string())] });
        }
        Self { text: escaped(title, TEXT), blocks }
    }
}

/// Without the three characters that Slack has a meaning for, so that nobody is mentioned and nothing is a
/// link; at most so many characters, and none of them half a name of one of the three.
fn escaped(text: &str, most: usize) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut last = 0;
    let mut length = 0;
    for c in text.chars() {
        if length < most {
            last = escaped.len();
        }
        let name = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        if name.is_empty() {
            escaped.push(c);
            length += 1;
        } else {
            escaped.push_str(name);
            length += name.len();
        }
    }
    if length > most {
        escaped.truncate(last);
        escaped.push('…');
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_short_enough_and_no_name_is_cut_in_two() {
        assert_eq!(escaped("a<b>&c", 100), "a&lt;b&gt;&amp;c");
        assert_eq!(escaped("abcd", 4), "abcd");
        assert_eq!(escaped("abcde", 4), "abc…");
        assert_eq!(escaped("ab&", 4), "ab…");
        for most in 1..40 {
            let cut = escaped("&<é>&&<>aé&", most);
            assert!(cut.chars().count() <= most, "{most}: {cut}");
            assert_eq!(cut.matches('&').count(), cut.matches(';').count(), "{most}: {cut}");
        }
    }
}
