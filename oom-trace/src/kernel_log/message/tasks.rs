//! The table of tasks (`dump_tasks`, mm/oom_kill.c). Its columns differ from kernel to kernel, so
//! its own head says what they are.

use crate::kernel_log::scan::Scan;

/// Which column is which; counted from 0, the thread's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernel_log) struct Columns {
    count: usize,
    uid: usize,
    tgid: usize,
    total_vm: usize,
    pgtables_bytes: Option<usize>,
    swapents: Option<usize>,
    oom_score_adj: usize,
}

/// A process in the table, by a thread of it that still has memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernel_log) struct Task {
    pub(in crate::kernel_log) tid: u32,
    pub(in crate::kernel_log) pid: u32,
    pub(in crate::kernel_log) uid: u32,
    pub(in crate::kernel_log) total_vm_pages: u64,
    pub(in crate::kernel_log) pgtables_bytes: Option<u64>,
    pub(in crate::kernel_log) swap_pages: Option<u64>,
    pub(in crate::kernel_log) oom_score_adj: i16,
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
            pgtables_bytes: place("pgtables_bytes"),
            swapents: place("swapents"),
            oom_score_adj: place("oom_score_adj")?,
        })
    }

    /// The numbers of a row; its name comes last and is not needed.
    pub(in crate::kernel_log) fn read(&self, mut row: Scan<'_>) -> Option<Task> {
        let &Self { count, uid, tgid, total_vm, pgtables_bytes, swapents, oom_score_adj } = self;
        let tid = row.number()?;
        row.eat("]")?;
        let mut numbers = [None::<i64>; 16];
        for number in numbers.iter_mut().take(count.checked_sub(1)?).skip(1) {
            row.eat(" ")?;
            row.blanks();
            *number = Some(row.number()?);
        }
        row.eat(" ")?;
        let number = |place: usize| numbers.get(place).copied().flatten();
        // A counter may be negative for a moment.
        let size = |place| Some(u64::try_from(number(place)?).unwrap_or(0));
        Some(Task {
            tid,
            pid: number(tgid)?.try_into().ok()?,
            uid: uid_of(number(uid)?)?,
            total_vm_pages: size(total_vm)?,
            pgtables_bytes: pgtables_bytes.and_then(size),
            swap_pages: swapents.and_then(size),
            oom_score_adj: number(oom_score_adj)?.try_into().ok()?,
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
            ),
            (
                "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name",
                "[    142] -2   141      785      610      528        0        82    49152        3          -998 ",
            ),
        ];
        for (head, line) in tables {
            let task = Columns::parse(head.as_bytes()).unwrap().read(row(line.as_bytes()).unwrap());
            let expected = Task {
                tid: 142,
                pid: 141,
                uid: u32::MAX - 1,
                total_vm_pages: 785,
                pgtables_bytes: Some(49152),
                swap_pages: Some(3),
                oom_score_adj: -998,
            };
            assert_eq!(task, Some(expected));
        }
        assert_eq!(Columns::parse(b"[x] uid name"), None);
    }
}
