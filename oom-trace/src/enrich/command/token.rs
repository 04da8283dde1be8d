//! Secrets that are known by how they look.

use std::ops::Range;

/// How tokens of some services begin, and how long they are at the least.
const BEGINNINGS: &[(&[u8], usize)] = &[
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 30),
    (b"glpat-", 20),
    (b"xoxb-", 20),
    (b"xoxp-", 20),
    (b"xapp-", 20),
    (b"sk_live_", 20),
    (b"rk_live_", 20),
    (b"hvs.", 20),
    (b"npm_", 30),
    (b"dop_v1_", 30),
    (b"AIza", 35),
    (b"ya29.", 20),
];

/// A JSON Web Token begins with the base64 of `{"`.
const JWT: &[u8] = b"eyJ";

/// The shortest header of one is `{"alg":"none"}`.
const JWT_HEADER: usize = 16;

/// Words before a colon that are no user's name: what follows is an address or a package.
const NO_USERS: &[&[u8]] = &[b"mailto", b"sip", b"sips", b"xmpp", b"acct", b"npm", b"file", b"ssh"];

/// `partial` is whether the argument's end is missing.
pub(super) fn find(argument: &[u8], partial: bool, found: &mut Vec<Range<usize>>) {
    for start in starts(argument) {
        let Some(rest) = argument.get(start..) else { return };
        let end = rest.iter().position(|&byte| !is_token(byte)).unwrap_or(rest.len());
        let Some(word) = rest.get(..end) else { return };
        let is_cut = partial && start + end == argument.len();
        if is_jwt(word, is_cut)
            || BEGINNINGS
                .iter()
                .any(|(start, least)| word.starts_with(start) && (is_cut || word.len() >= *least))
        {
            found.push(start..start + end);
        }
    }
    found.extend(passwords(argument));
}

/// Where words begin.
fn starts(text: &[u8]) -> impl Iterator<Item = usize> {
    (0..text.len()).filter(|&at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        before.is_none_or(|&byte| !is_token(byte))
    })
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn is_jwt(word: &[u8], is_cut: bool) -> bool {
    let mut parts = word.split(|&byte| byte == b'.');
    let header = parts.next().unwrap_or_default();
    let rest = parts.filter(|part| !part.is_empty()).count();
    header.starts_with(JWT) && header.len() >= JWT_HEADER && (rest >= 2 || (is_cut && rest >= 1))
}

/// Of `user:password@host` without a scheme.
fn passwords(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let may_begin = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        before.is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'=' | b'"' | b'\'' | b','))
    };
    (0..text.len()).filter(move |&at| may_begin(at)).filter_map(|at| password(text, at))
}

fn password(text: &[u8], start: usize) -> Option<Range<usize>> {
    let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.+%-".contains(byte);
    let rest = text.get(start..)?;
    let colon = rest.iter().position(|byte| !is_user(byte)).filter(|colon| *colon > 0)?;
    let (user, rest) = rest.split_at_checked(colon)?;
    let secret = rest.strip_prefix(b":")?;
    let is_number = user.iter().all(u8::is_ascii_digit);
    if is_number || NO_USERS.contains(&user) {
        return None;
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/@\"'".contains(byte);
    let end = secret.iter().position(ends).filter(|end| *end > 0)?;
    let host = secret.get(end..)?.strip_prefix(b"@")?;
    // The digest of a container's image.
    let is_host = host.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[')
        && !host.starts_with(b"sha256:");
    let secret = start + colon + 1;
    is_host.then_some(secret..secret + end)
}
