//! The name in a message, where a process chose it to look like the kernel's words: in which ways a line can be
//! read.

use crate::kernel_log::message::Form;

/// What stands behind a name's parenthesis, as far as no name of 15 bytes can have all of it: `#` is a number.
pub(super) type Behind = [&'static str];

/// What follows the name of one that is killed, by kernel.
pub(super) const KILLED: &Behind = &[
    " total-vm:#kB, anon-rss:#kB, file-rss:#kB",
    // 2.6.32.
    " vsz:#kB, anon-rss:#kB, file-rss:#kB",
    // Red Hat's 7.
    ", UID #, total-vm:#kB, anon-rss:#kB, file-rss:#kB",
    " , UID #, total-vm:#kB, anon-rss:#kB, file-rss:#kB",
];

/// Of one that is chosen.
pub(super) const CHOSEN: &Behind = &[" score # or sacrifice child", " score # or a child"];

/// Of one whose memory was reaped.
pub(super) const REAPED: &Behind =
    &[", now anon-rss:#kB, file-rss:#kB", " anon-rss:#kB, file-rss:#kB"];

/// A name, and what stands behind its parenthesis.
pub(super) type Way<'a> = (&'a [u8], &'a [u8]);

/// The way to read a text in which the kernel's words follow the name, as far as the text goes. There is but
/// one: none of the words has a parenthesis.
pub(super) fn way<'a>(text: &'a [u8], behind: &Behind, form: Form) -> Option<Way<'a>> {
    memchr::memchr_iter(b')', text).find_map(|at| {
        let (name, rest) = (text.get(..at)?, text.get(at + 1..)?);
        let fits = form.names.may_be_comm(name) && behind.iter().any(|words| fits(rest, words));
        fits.then_some((name, rest))
    })
}

/// Whether the line may end before the name does.
pub(super) fn may_be_cut_in_it(text: &[u8], form: Form) -> bool {
    form.names.may_be_comm(text)
}

/// Whether a text is these words, or the beginning of them.
fn fits(text: &[u8], words: &str) -> bool {
    let mut text = text;
    for word in words.bytes() {
        if text.is_empty() {
            return true;
        }
        let len = match word {
            b'#' => text.iter().take_while(|byte| byte.is_ascii_digit()).count(),
            _ => usize::from(text.first() == Some(&word)),
        };
        if len == 0 {
            return false;
        }
        text = text.get(len..).unwrap_or_default();
    }
    true
}
