//! The layout table, resolved in a kernel's BTF.

use oom_trace_common::layout::{ABSENT, Layout, Member, Need};

use super::btf::{Btf, Wanted};

/// The names that the rows of the table need of a BTF.
pub fn want<'n>(wanted: &mut Wanted<'n>, members: &'n [Member]) {
    for path in members.iter().flat_map(|member| member.paths) {
        let name = path
            .strip_prefix("sizeof ")
            .or_else(|| path.strip_prefix("enum "))
            .or_else(|| path.split('.').next());
        if let Some(name) = name {
            wanted.add(name);
        }
    }
}

/// A row that this kernel does not have.
#[derive(Debug, Clone, Copy)]
pub struct Absent {
    /// The row.
    pub member: &'static Member,
    /// Bytes it has there instead of `member.width`, if it is there.
    pub width: Option<u32>,
}

impl Absent {
    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        let path = self.member.paths.join(" or ");
        match self.width {
            None => format!("this kernel has no {path}"),
            Some(width) => {
                format!("{path} has {width} bytes on this kernel, not {}", self.member.width)
            }
        }
    }
}

/// Looks every row up.
#[must_use]
pub fn resolve(btf: &Btf<'_>) -> (Layout, Vec<Absent>) {
    let mut absent = Vec::new();
    let layout = Layout::new(|member| match find(btf, member) {
        Ok(value) => value,
        Err(width) => {
            absent.push(Absent { member, width });
            ABSENT
        }
    });
    (layout, absent)
}

/// The row's value; else the width of what was found in its place.
fn find(btf: &Btf<'_>, member: &Member) -> Result<u32, Option<u32>> {
    let mut wrong_width = None;
    for path in member.paths {
        if let Some(name) = path.strip_prefix("sizeof ") {
            if let Some(size) = btf.size_of(name) {
                return Ok(size);
            }
        } else if let Some(name) = path.strip_prefix("enum ") {
            if let Some(value) = btf.enumerator(name) {
                return Ok(value);
            }
        } else if let Some(found) = btf.member(path) {
            if member.width == 0 || member.width == found.size {
                return Ok(found.offset);
            }
            wrong_width = Some(found.size);
        }
    }
    Err(wrong_width)
}

/// The rows without which no record can be made.
pub fn required(absent: &[Absent]) -> impl Iterator<Item = &Absent> {
    absent.iter().filter(|absent| absent.member.need == Need::Required)
}
