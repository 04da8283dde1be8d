//! The parts of a record.

use oom_trace_common::record::{Header, RSS_COUNTERS, rss};
use zerocopy::FromBytes;

use super::{Rss, WireError};
use crate::text::KernelText;

/// The fixed part, copied (the ring aligns to 8 bytes, a caller need not), and what follows it.
pub(super) fn read<T: FromBytes>(bytes: &[u8], kind: u32) -> Result<(T, &[u8]), WireError> {
    T::read_from_prefix(bytes).map_err(|_| WireError::Short { kind, len: bytes.len() })
}

/// So many of a part that is repeated, and what follows them.
pub(super) fn read_each<T: FromBytes>(
    mut bytes: &[u8],
    count: u32,
    kind: u32,
) -> Result<(Vec<T>, &[u8]), WireError> {
    let mut parts = Vec::new();
    for _ in 0..count {
        let (part, rest) = T::read_from_prefix(bytes).map_err(|_| WireError::Parts { kind })?;
        parts.push(part);
        bytes = rest;
    }
    Ok((parts, bytes))
}

/// Cuts texts apart where each ends; what follows the last is left.
pub(super) fn split(
    mut bytes: &[u8],
    ends: impl IntoIterator<Item = u32>,
    kind: u32,
) -> Result<(Vec<&[u8]>, &[u8]), WireError> {
    let (mut texts, mut start) = (Vec::new(), 0);
    for end in ends {
        let len = end.checked_sub(start).and_then(|len| bytes.split_at_checked(len as usize));
        let (text, rest) = len.ok_or(WireError::Parts { kind })?;
        texts.push(text);
        (bytes, start) = (rest, end);
    }
    Ok((texts, bytes))
}

/// `b\0a\0` is `b` and `a`.
pub(super) fn texts(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let texts = bytes.strip_suffix(&[0]).unwrap_or(bytes).split(|&byte| byte == 0);
    texts.filter(move |_| !bytes.is_empty())
}

/// `b\0a\0` is `/a/b`.
pub(super) fn join(names: &[u8]) -> KernelText {
    let mut path = Vec::with_capacity(names.len() + 1);
    for name in texts(names).rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    KernelText::from(path)
}

/// Up to the NUL.
pub(super) fn text(bytes: &[u8]) -> KernelText {
    KernelText::from(bytes.split(|&byte| byte == 0).next().unwrap_or(bytes))
}

/// Which fields of a record could be read.
#[derive(Clone, Copy)]
pub(super) struct Present(pub(super) u64);

impl Present {
    pub(super) fn of(header: &Header) -> Self {
        Self(header.present)
    }

    pub(super) fn has(self, bit: u64) -> bool {
        self.0 & bit != 0
    }

    /// The value, if its bit is set.
    pub(super) fn get<T>(self, bit: u64, value: T) -> Option<T> {
        self.has(bit).then_some(value)
    }

    pub(super) fn text(self, bit: u64, value: &[u8]) -> Option<KernelText> {
        self.has(bit).then(|| text(value))
    }

    /// Counters, the bit of whose first place is `bit`.
    pub(super) fn rss(self, bit: u64, counters: [i64; RSS_COUNTERS]) -> Rss {
        let at = |place: usize| self.get(bit << place, counters.get(place).copied()).flatten();
        Rss { file: at(rss::FILE), anon: at(rss::ANON), swap: at(rss::SWAP), shmem: at(rss::SHMEM) }
    }
}
