//! The agent under fire: what is done to it, and whether all is told, once, as the kernel logged it.

pub(crate) mod account;
pub(crate) mod clock;
pub(crate) mod cut;
pub(crate) mod disk;
pub(crate) mod groups;
pub(crate) mod limits;
pub(crate) mod many;
pub(crate) mod memory;
pub(crate) mod oracle;
pub(crate) mod place;
pub(crate) mod post;
pub(crate) mod pstore;
pub(crate) mod random;
pub(crate) mod shots;
pub(crate) mod sleep;
pub(crate) mod starts;
pub(crate) mod store;
pub(crate) mod taken;
pub(crate) mod thrash;
pub(crate) mod told;
pub(crate) mod tracers;
pub(crate) mod victim;

use std::io::{self, Write as _};
use std::time::Duration;

use crate::cgroup::Cgroup;

pub(crate) const MIB: u64 = 1 << 20;

/// How long what goes on by chance is to last: `OOM_TRACE_FAULT_SECONDS`, or as long as it does by itself.
pub(crate) fn lasts(seconds: u64) -> Duration {
    let told = std::env::var("OOM_TRACE_FAULT_SECONDS").ok();
    Duration::from_secs(told.map_or(seconds, |text| text.parse().unwrap()))
}

/// What is to be seen at once.
pub(crate) fn say(line: &str) {
    io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// A limit that one small process meets at once.
const SMALL: u64 = 4 * MIB;

/// Cgroups in one another, outermost first; removed innermost first.
#[derive(Debug)]
pub(crate) struct Nested(Vec<Cgroup>);

impl Nested {
    /// The kernel's longest path but a little: 20 levels of 200 bytes. The outermost has the limit.
    pub(crate) fn deep(name: &str, limit: u64) -> Self {
        const LEVELS: usize = 20;
        const LENGTH: usize = 200;
        let long = name.to_owned() + &"x".repeat(LENGTH - name.len());
        let mut cgroups = vec![Cgroup::limited(&long, limit)];
        while cgroups.len() < LEVELS {
            cgroups.push(cgroups.last().unwrap().child(&long));
        }
        Self(cgroups)
    }

    pub(crate) fn outermost(&self) -> &Cgroup {
        &self.0[0]
    }

    pub(crate) fn innermost(&self) -> &Cgroup {
        self.0.last().unwrap()
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}
