//! A record of `/dev/kmsg` (Documentation/ABI/testing/dev-kmsg):
//! `4,349,3504669,-;text`, with `caller=T95` among the fields where the kernel keeps callers.

use super::prefix::callers;
use crate::kernel_log::scan::{Scan, split_once};
use crate::kernel_log::{Caller, Entry};

/// From this level on it is not the kernel who speaks (`LOG_FACILITY` above 0).
const OTHERS: u32 = 8;

/// Bytes that are no record of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no record of /dev/kmsg")]
pub struct Unreadable;

/// A record, its text without escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kmsg {
    priority: u32,
    /// The number of the record; the next one's is the next.
    pub sequence: u64,
    /// Nanoseconds since boot, to the microsecond.
    boot_ns: u64,
    caller: Option<Caller>,
    text: Vec<u8>,
}

impl Kmsg {
    /// Reads one record, whose text ends with the first line.
    #[must_use]
    pub fn parse(record: &[u8]) -> Option<Self> {
        let mut scan = Scan(record);
        let priority = scan.number()?;
        scan.eat(",")?;
        let sequence = scan.number()?;
        scan.eat(",")?;
        let boot_ns = scan.number::<u64>()?.checked_mul(1000)?;
        scan.eat(",")?;
        let (fields, text) = split_once(scan.0, ";")?;
        if fields.contains(&b'\n') {
            return None;
        }
        let mut fields = fields.split(|byte| *byte == b',');
        let caller = fields.find_map(|field| callers(field.strip_prefix(b"caller=")?));
        let text = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Some(Self { priority, sequence, boot_ns, caller, text: unescape(text) })
    }

    /// When it was logged, in the log's own unit.
    pub(in crate::kernel_log) const fn log_us(&self) -> u64 {
        self.boot_ns / 1000
    }

    /// What it says, whoever wrote it.
    pub(in crate::kernel_log) fn text(&self) -> &[u8] {
        &self.text
    }

    /// What it says; `None` if it was not the kernel that wrote it.
    #[must_use]
    pub fn entry(&self) -> Option<Entry<'_>> {
        let &Self { priority, sequence: _, boot_ns, caller, ref text } = self;
        (priority < OTHERS).then(|| Entry::held(boot_ns, caller, text))
    }
}

/// `\x0a` and the like; the kernel escapes the backslash itself, too (`append_char`,
/// kernel/printk/printk.c).
fn unescape(text: &[u8]) -> Vec<u8> {
    if memchr::memchr(b'\\', text).is_none() {
        return text.to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'\\').then(|| after.strip_prefix(b"x")?.split_at_checked(2));
        let byte = escaped.flatten().and_then(|(digits, after)| {
            let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
            let digits = str::from_utf8(digits).ok().filter(|_| is_hex)?;
            Some((u8::from_str_radix(digits, 16).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_taken_apart() {
        let kmsg =
            Kmsg::parse(b"4,349,3504669,-,caller=T95;a\\x0a\\x5cx b\\x invoked\n SUBSYSTEM=x\n")
                .unwrap();
        assert_eq!(kmsg.sequence, 349);
        let entry = kmsg.entry().unwrap();
        assert_eq!(entry.stamp.boot_ns, Some(3_504_669_000));
        assert_eq!(entry.caller, Some(Caller::Thread(95)));
        assert_eq!(entry.text, b"a\n\\x b\\x invoked");
    }

    #[test]
    fn what_a_process_wrote_is_not_the_kernels() {
        assert_eq!(Kmsg::parse(b"12,1,2,-;text").unwrap().entry().map(|it| it.text.to_vec()), None);
        for other in ["", "4,1,x,-;a", "4,1,2", "4;a", "x,1,2,-;a"] {
            assert_eq!(Kmsg::parse(other.as_bytes()), None, "{other}");
        }
    }
}
