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

#[cfg(test)]
mod tests {
    use oom_trace_common::layout::MEMBERS;
    use zerocopy::IntoBytes as _;

    use super::super::facts::Known;
    use super::super::testdata::{self, KERNELS};
    use super::*;

    /// What a kernel without CONFIG_MEMCG_V1 lacks.
    const NO_V1: [&str; 3] = ["memcg_kmem_usage", "memcg_kmem_max", "memcg_kmem_failcnt"];

    fn value(known: &Known, name: &str) -> u32 {
        let row = MEMBERS.iter().position(|member| member.name == name).unwrap();
        let (words, _) = known.layout.as_bytes().as_chunks::<4>();
        u32::from_ne_bytes(words[row])
    }

    /// Rows whose path is a plain `struct.member` are held against another reader's offsets.
    #[test]
    fn offsets_are_those_of_another_reader() {
        let oracle = testdata::json("offsets.json");
        for (kernel, version) in KERNELS {
            let known = Known::find(&testdata::btf(kernel), version).unwrap();
            let oracle = oracle[kernel].as_object().unwrap();
            let mut compared = 0;
            for member in MEMBERS {
                let Some(expected) = member.paths.iter().find_map(|path| oracle.get(*path)) else {
                    continue;
                };
                let found = u64::from(value(&known, member.name));
                assert_eq!(Some(found), expected.as_u64(), "{kernel} {}", member.name);
                compared += 1;
            }
            assert!(compared >= 40, "{kernel}: only {compared}");
        }
    }

    #[test]
    fn members_inside_members_add_up() {
        let oracle = testdata::json("offsets.json");
        for (kernel, version) in KERNELS {
            let known = Known::find(&testdata::btf(kernel), version).unwrap();
            let at = |path: &str| u32::try_from(oracle[kernel][path].as_u64().unwrap()).unwrap();
            let max = at("mem_cgroup.memory") + at("page_counter.max");
            assert_eq!(value(&known, "memcg_max"), max, "{kernel}");
            let rss = at("mm_struct.rss_stat");
            let per_cpu = version >= (6, 2);
            let count = if per_cpu { rss + at("percpu_counter.count") } else { rss };
            let counters = if per_cpu { rss + at("percpu_counter.counters") } else { ABSENT };
            assert_eq!(value(&known, "mm_rss_count"), count, "{kernel}");
            assert_eq!(value(&known, "mm_rss_counters"), counters, "{kernel}");
        }
    }

    #[test]
    fn these_kernels_lack_nothing_but_what_they_never_had() {
        for (kernel, version) in KERNELS {
            let known = Known::find(&testdata::btf(kernel), version).unwrap();
            let absent: Vec<_> = known.absent.iter().map(|absent| absent.member.name).collect();
            let old = ["mm_rss_counters", "memcg_event_oom_group_kill"];
            let expected: &[&str] = if version < (6, 2) { &old } else { &NO_V1 };
            assert_eq!(absent, expected, "{kernel}");
        }
    }

    #[test]
    fn a_member_taken_away_is_absent_and_so_is_nothing_else() {
        let known = Known::find(&testdata::btf_without("6.12", "total_vm"), (6, 12)).unwrap();
        let absent: Vec<_> = known.absent.iter().map(|absent| absent.member.name).collect();
        assert_eq!(absent, [&["mm_total_vm"][..], &NO_V1].concat());
        assert_eq!(known.absent[0].reason(), "this kernel has no mm_struct.total_vm");
        assert_eq!(value(&known, "mm_total_vm"), ABSENT);
    }

    #[test]
    fn a_member_of_another_width_is_not_read() {
        let btf = testdata::btf("6.12");
        let mut wanted = Wanted::default();
        want(&mut wanted, MEMBERS);
        let btf = Btf::parse(&btf, &wanted).unwrap();
        let member = Member { width: 8, ..MEMBERS[0] };
        assert_eq!(find(&btf, &member), Err(Some(4)));
    }
}
