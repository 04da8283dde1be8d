//! The table of tasks (`dump_tasks`, mm/oom_kill.c). Its columns differ from kernel to kernel, so
//! its own head says what they are.

use crate::kernel_log::scan::{Names, Scan};
use crate::text::KernelText;

/// Which column is which; counted from 0, the thread's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kernel_log) struct Columns {
    count: usize,
    uid: usize,
    tgid: usize,
    total_vm: usize,
    rss: Option<usize>,
    rss_anon: Option<usize>,
    rss_file: Option<usize>,
    rss_shmem: Option<usize>,
    pgtables_bytes: Option<usize>,
    /// Before 4.16: the pages of each level of tables; `nr_ptes` alone on the oldest.
    table_pages: Vec<usize>,
    swapents: Option<usize>,
    /// Missing on 2.6.32.
    oom_score_adj: Option<usize>,
}

/// A process in the table, by a thread of it that still has memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::kernel_log) struct Task {
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) pid: u32,
    pub(in crate::kernel_log) uid: u32,
    pub(in crate::kernel_log) total_vm_pages: u64,
    pub(in crate::kernel_log) rss_pages: Option<u64>,
    pub(in crate::kernel_log) anon_pages: Option<u64>,
    pub(in crate::kernel_log) file_pages: Option<u64>,
    pub(in crate::kernel_log) shmem_pages: Option<u64>,
    pub(in crate::kernel_log) pgtables_bytes: Option<u64>,
    pub(in crate::kernel_log) table_pages: Option<u64>,
    pub(in crate::kernel_log) swap_pages: Option<u64>,
    pub(in crate::kernel_log) oom_score_adj: Option<i16>,
    pub(in crate::kernel_log) comm: Option<KernelText>,
}

/// `[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name`
impl Columns {
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (first, rest) = str::from_utf8(text).ok()?.strip_prefix('[')?.split_once(']')?;
        let names: Vec<_> = std::iter::once(first.trim()).chain(rest.split_whitespace()).collect();
        let place = |name| names.iter().position(|&column| column == name);
        (names.first() == Some(&"pid") && names.last() == Some(&"name")).then_some(())?;
        Some(Self {
            count: names.len(),
            uid: place("uid")?,
            tgid: place("tgid")?,
            total_vm: place("total_vm")?,
            rss: place("rss"),
            rss_anon: place("rss_anon"),
            rss_file: place("rss_file"),
            rss_shmem: place("rss_shmem"),
            pgtables_bytes: place("pgtables_bytes"),
            table_pages: ["nr_ptes", "nr_pmds", "nr_puds"].into_iter().filter_map(place).collect(),
            swapents: place("swapents"),
            oom_score_adj: place("oom_score_adj"),
        })
    }

    /// A row.
    pub(in crate::kernel_log) fn read(&self, mut row: Scan<'_>, names: Names) -> Option<Task> {
        let tid = row.number()?;
        row.eat("]")?;
        let mut numbers = [None::<i64>; 16];
        for number in numbers.iter_mut().take(self.count.checked_sub(1)?).skip(1) {
            row.eat(" ")?;
            row.blanks();
            *number = Some(row.number()?);
        }
        row.eat(" ")?;
        let number = |place: usize| numbers.get(place).copied().flatten();
        // A counter may be negative for a moment.
        let size = |place| Some(u64::try_from(number(place)?).unwrap_or(0));
        let tables = self.table_pages.iter().map(|place| size(*place));
        let tables: Option<Vec<_>> = tables.collect();
        Some(Task {
            tid,
            pid: number(self.tgid)?.try_into().ok()?,
            uid: uid_of(number(self.uid)?)?,
            total_vm_pages: size(self.total_vm)?,
            rss_pages: self.rss.and_then(size),
            anon_pages: self.rss_anon.and_then(size),
            file_pages: self.rss_file.and_then(size),
            shmem_pages: self.rss_shmem.and_then(size),
            pgtables_bytes: self.pgtables_bytes.and_then(size),
            table_pages: tables
                .filter(|tables| !tables.is_empty())
                .map(|tables| tables.iter().sum()),
            swap_pages: self.swapents.and_then(size),
            oom_score_adj: match self.oom_score_adj {
                Some(place) => Some(number(place)?.try_into().ok()?),
                None => None,
            },
            // The one name that nothing confirms: a line feed in it ends the line.
            comm: Some(row.0)
                .filter(|name| names.may_be_comm(name))
                .and_then(|name| names.read(name)),
        })
    }
}

/// The kernel prints uids with `%d`.
pub(super) fn uid_of(printed: i64) -> Option<u32> {
    u32::try_from(printed).ok().or_else(|| Some(i32::try_from(printed).ok()?.cast_unsigned()))
}

/// `[     95]  1000 …`, from the number on.
pub(super) fn row(text: &[u8]) -> Option<Scan<'_>> {
    let mut row = Scan(text);
    row.eat("[")?;
    row.blanks();
    let mut number = row;
    number.number::<u32>()?;
    // What follows a line feed in a name may begin with a bracket and a digit, too.
    number.eat("]")?;
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kernels_table_is_read_by_its_own_head() {
        let tables = [
            (
                "[ pid ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name",
                "[  142] -2       141      785      610    49152        3          -998 a b",
                "a b",
            ),
            (
                "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
                "[    142] -2   141      785      610      528        0        82    49152        3          -998 ",
                "",
            ),
        ];
        for (head, line, name) in tables {
            let columns = Columns::parse(head.as_bytes()).unwrap();
            let task = columns.read(row(line.as_bytes()).unwrap(), Names::Exact).unwrap();
            assert_eq!((task.tid, task.pid, task.uid), (142, 141, u32::MAX - 1));
            assert_eq!((task.total_vm_pages, task.rss_pages), (785, Some(610)));
            assert_eq!((task.pgtables_bytes, task.swap_pages), (Some(49152), Some(3)));
            assert_eq!(task.oom_score_adj, Some(-998));
            assert_eq!(task.comm, Some(name.into()));
        }
        let old =
            "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name";
        let columns = Columns::parse(old.as_bytes()).unwrap();
        let line =
            b"[ 3483]     0  3483   112012    22012     180       4        7             0 Xorg";
        let task = columns.read(row(line).unwrap(), Names::Printed).unwrap();
        assert_eq!((task.table_pages, task.swap_pages), (Some(184), Some(7)));
        let oldest = "[ pid ]   uid  tgid total_vm      rss cpu oom_adj name";
        let columns = Columns::parse(oldest.as_bytes()).unwrap();
        let task = columns
            .read(row(b"[ 3483]     0  3483   112   22   1     -17 sshd").unwrap(), Names::Printed);
        assert_eq!(task.unwrap().oom_score_adj, None);
        assert_eq!(Columns::parse(b"[x] uid name"), None);
    }
}
