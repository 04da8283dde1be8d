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

use crate::cgroup::Cgroup;

const MIB: u64 = 1 << 20;

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
