//! What is sure of a message whose line lost its end.

use super::meminfo::{self, MemInfo};
use super::{Form, KUBELET, Message};

/// Reads it. What looks for the end itself is as it reads; else a number or a name that ends the line may have
/// gone on.
pub(super) fn read<'a>(text: &'a [u8], form: Form) -> Option<Message<'a>> {
    match Message::read(text, form) {
        Some(Message::Killed(_)) if text.starts_with(KUBELET.as_bytes()) => None,
        Some(Message::Cpu(cpu)) => cpu.before_a_cut(text, form.names).map(Message::Cpu),
        Some(Message::Frame(_)) => Some(Message::Frame(None)),
        Some(Message::TraceEnd(_)) => Some(Message::TraceEnd(None)),
        Some(Message::Usage(usage)) => {
            Some(Message::Usage(super::Usage { failcnt: None, ..usage }))
        }
        Some(
            Message::Hardware(_)
            | Message::StatsFor(..)
            | Message::Limit(..)
            | Message::Cpuset(..)
            | Message::Boot { .. },
        ) => None,
        Some(Message::MemInfo(line)) if line.has_its_end() => Some(Message::MemInfo(line)),
        Some(Message::MemInfo(_) | Message::Stat(_)) | None => {
            let sure = text.trim_ascii_end().iter().rposition(u8::is_ascii_whitespace)?;
            let sure = text.get(..sure)?;
            let line = MemInfo::parse(sure).filter(MemInfo::may_lack_some);
            line.map(Message::MemInfo).or_else(|| meminfo::stat(sure).map(Message::Stat))
        }
        message => message,
    }
}
