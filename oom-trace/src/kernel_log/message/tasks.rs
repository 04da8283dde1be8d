//! The table of tasks (`dump_tasks`, mm/oom_kill.c). Its columns differ from kernel to kernel, so
//! its own head says what they are.

use crate::kernel_log::scan::{Names, Scan, has, split_once};
use crate::text::KernelText;

/// Which column is which; counted from 0, the thread's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::kernel_log) struct Columns {
    count: usize,
    /// Whether lines lost their ends, and some columns with them: the name is the last.
    is_cut: bool,
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

/// Whether the head of the table, or a row of it, ends before its last column.
pub(in crate::kernel_log) fn is_table_broken(text: &[u8]) -> bool {
    let Some((first, rest)) = text.strip_prefix(b"[").and_then(|text| split_once(text, "] "))
    else {
        return false;
    };
    let mut words = rest.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).peekable();
    words.peek().is_some()
        && match first.trim_ascii() {
            b"pid" => words.all(is_column) && !text.trim_ascii_end().ends_with(b" name"),
            tid => !tid.is_empty() && tid.iter().all(u8::is_ascii_digit) && words.all(is_number),
        }
}

/// Whether a line without a prefix can be the end of such a line, and what stood between; in a table of so many
/// columns.
pub(in crate::kernel_log) fn table_goes_on(
    begun: &[u8],
    rest: &[u8],
    columns: Option<usize>,
) -> Option<&'static [u8]> {
    const COMM: usize = 15;
    if has(begun, b"pid") {
        return words(rest).all(is_column).then_some(b" ");
    }
    let numbers = words(rest).take_while(|word| is_number(word)).count();
    if numbers == 0 {
        // The name alone.
        return (!rest.contains(&b' ') && rest.len() <= COMM).then_some(b" ");
    }
    // What is left of the numbers, of which one may be broken in two. The first is in brackets.
    let (_, begun) = split_once(begun, "]")?;
    match columns {
        None => Some(b" "),
        Some(columns) => match (words(begun).count() + numbers + 2).checked_sub(columns)? {
            0 => Some(b" "),
            1 => Some(b""),
            _ => None,
        },
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn is_column(word: &[u8]) -> bool {
    const OTHERS: [&[u8]; 9] = [
        b"uid",
        b"tgid",
        b"rss",
        b"cpu",
        b"name",
        b"swapents",
        b"oom_adj",
        b"oom_score_adj",
        b"total_vm",
    ];
    OTHERS.contains(&word)
        || word.starts_with(b"nr_")
        || word.starts_with(b"rss_")
        || word == b"pgtables_bytes"
}

/// `[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name`
impl Columns {
    /// Whether the names of tasks were cut off.
    pub(in crate::kernel_log) const fn lack_names(&self) -> bool {
        self.is_cut
    }

    /// How many a line has, if it is the head of a table.
    pub(in crate::kernel_log) fn count_in(text: &[u8]) -> Option<usize> {
        text.starts_with(b"[").then(|| Self::parse(text, false)).flatten().map(|it| it.count)
    }

    /// `cut` if its end may be missing.
    pub(super) fn parse(text: &[u8], cut: bool) -> Option<Self> {
        let (first, rest) = str::from_utf8(text).ok()?.strip_prefix('[')?.split_once(']')?;
        let mut names: Vec<_> =
            std::iter::once(first.trim()).chain(rest.split_whitespace()).collect();
        (names.first() == Some(&"pid")).then_some(())?;
        let is_cut = names.last() != Some(&"name");
        if is_cut {
            cut.then_some(())?;
            // The last may be half of one.
            names.pop();
            names.iter().skip(1).all(|name| is_column(name.as_bytes())).then_some(())?;
        }
        let place = |name| names.iter().position(|&column| column == name);
        Some(Self {
            count: names.len() + usize::from(is_cut),
            is_cut,
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

    /// Of a table whose head was lost: by how many columns a row has, and what is certain of each.
    pub(in crate::kernel_log) fn guess(mut row: Scan<'_>) -> Option<Self> {
        row.number::<u32>()?;
        row.eat("]")?;
        let mut numbers = Vec::new();
        // A name may be a number: it is the last word.
        while let Some(number) = next_number(&mut row) {
            numbers.push(number);
        }
        // A name that is a number may as well be a column of a row that was cut: only adj is negative.
        let name = row.0.trim_ascii();
        let is_last = numbers.last().is_some_and(|adj| *adj < 0) && !name.is_empty();
        (is_last || !name.iter().all(u8::is_ascii_digit)).then_some(())?;
        let mut columns = Self {
            count: numbers.len() + 2,
            is_cut: false,
            uid: 1,
            tgid: 2,
            total_vm: 3,
            rss: Some(4),
            rss_anon: None,
            rss_file: None,
            rss_shmem: None,
            pgtables_bytes: None,
            table_pages: Vec::new(),
            swapents: None,
            oom_score_adj: Some(numbers.len()),
        };
        match *numbers.as_slice() {
            // Since 6.8.
            [_, _, vm, rss, anon, file, shmem, bytes, _, adj]
                if anon.saturating_add(file).saturating_add(shmem) == rss
                    && is_sane(vm, adj)
                    && is_table(bytes) =>
            {
                (columns.rss_anon, columns.rss_file) = (Some(5), Some(6));
                (columns.rss_shmem, columns.pgtables_bytes) = (Some(7), Some(8));
                columns.swapents = Some(9);
            }
            // 4.16 to 6.7; before, it is pages or, in 2.6.32, a processor and an older adj.
            [_, _, vm, _, bytes, _, adj] if is_sane(vm, adj) => {
                if is_table(bytes) {
                    (columns.pgtables_bytes, columns.swapents) = (Some(5), Some(6));
                }
            }
            // 4.0 to 4.14.
            [_, _, vm, _, _, _, _, adj] if is_sane(vm, adj) => {
                (columns.table_pages, columns.swapents) = (vec![5, 6], Some(7));
            }
            [_, _, vm, _, _, _, _, _, adj] if is_sane(vm, adj) => {
                (columns.table_pages, columns.swapents) = (vec![5, 6, 7], Some(8));
            }
            _ => return None,
        }
        Some(columns)
    }

    /// A row.
    pub(in crate::kernel_log) fn read(&self, mut row: Scan<'_>, names: Names) -> Option<Task> {
        let tid = row.number()?;
        row.eat("]")?;
        let mut numbers = [None::<i64>; 16];
        for number in numbers.iter_mut().take(self.count.checked_sub(1)?).skip(1) {
            if self.is_cut {
                // A number that ends the line may be half of one.
                let Some(next) = next_number(&mut row) else { break };
                *number = Some(next);
                continue;
            }
            row.eat(" ")?;
            row.blanks();
            *number = Some(row.number()?);
        }
        row.eat(" ").or(self.is_cut.then_some(()))?;
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
                .filter(|name| !self.is_cut && names.may_be_comm(name))
                .and_then(|name| names.read(name)),
        })
    }
}

/// The next column, if something follows it.
fn next_number(row: &mut Scan<'_>) -> Option<i64> {
    let mut ahead = *row;
    ahead.eat(" ")?;
    ahead.blanks();
    let number = ahead.number()?;
    ahead.0.starts_with(b" ").then_some(())?;
    *row = ahead;
    Some(number)
}

/// A process has memory, and an `oom_score_adj` its range.
fn is_sane(total_vm: i64, adj: i64) -> bool {
    total_vm > 0 && (-1000..=1000).contains(&adj)
}

/// Bytes of page tables are whole pages.
fn is_table(bytes: i64) -> bool {
    bytes > 0 && bytes % 4096 == 0
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
            let columns = Columns::parse(head.as_bytes(), false).unwrap();
            let task = columns.read(row(line.as_bytes()).unwrap(), Names::Exact).unwrap();
            assert_eq!((task.tid, task.pid, task.uid), (142, 141, u32::MAX - 1));
            assert_eq!((task.total_vm_pages, task.rss_pages), (785, Some(610)));
            assert_eq!((task.pgtables_bytes, task.swap_pages), (Some(49152), Some(3)));
            assert_eq!(task.oom_score_adj, Some(-998));
            assert_eq!(task.comm, Some(name.into()));
        }
        let old =
            "[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name";
        let columns = Columns::parse(old.as_bytes(), false).unwrap();
        let line =
            b"[ 3483]     0  3483   112012    22012     180       4        7             0 Xorg";
        let task = columns.read(row(line).unwrap(), Names::Printed).unwrap();
        assert_eq!((task.table_pages, task.swap_pages), (Some(184), Some(7)));
        for (line, tables, swap) in [
            (&b"[  142]  1000   142      785      610    49152        3          -998 a b"[..], Some(49152), Some(3)),
            (b"[  142]  1000   142      785      610      528        0        82    49152        3          -998 a", Some(49152), Some(3)),
            (b"[  142]  1000   142      785      610      12        3          -998 7", None, None),
        ] {
            let row = row(line).unwrap();
            let task = Columns::guess(row).unwrap().read(row, Names::Printed).unwrap();
            assert_eq!((task.pid, task.uid, task.rss_pages), (142, 1000, Some(610)));
            assert_eq!((task.pgtables_bytes, task.swap_pages), (tables, swap));
            assert_eq!(task.oom_score_adj, Some(-998));
        }
        for other in [
            &b"[    157]  1000   157     6415     6257     6112        0       145    86016"[..],
            b"[  142] 1 2 3 a",
            b"[  142] 1 2 3 4 5 6 7",
            b"[142] 1 2 3 4 5 6 7777 x",
        ] {
            assert!(row(other).and_then(Columns::guess).is_none());
        }
        let oldest = "[ pid ]   uid  tgid total_vm      rss cpu oom_adj name";
        let columns = Columns::parse(oldest.as_bytes(), false).unwrap();
        let task = columns
            .read(row(b"[ 3483]     0  3483   112   22   1     -17 sshd").unwrap(), Names::Printed);
        assert_eq!(task.unwrap().oom_score_adj, None);
        assert_eq!(Columns::parse(b"[x] uid name", false), None);
    }

    #[test]
    fn a_table_that_lost_its_last_columns_has_its_first() {
        let head = b"[ pid ]   uid  tgid total_vm      rss nr_ptes swapen";
        let columns = Columns::parse(head, true).unwrap();
        assert_eq!(Columns::parse(head, false), None);
        for (text, tables) in [
            (&b"[28438]     0 28438  5063909   119961    1661   13640"[..], Some(1661)),
            (b"[28438]     0 28438  5063909   119961    1661       ", Some(1661)),
            (b"[28438]     0 28438  5063909   119961    1661", None),
        ] {
            let task = columns.read(row(text).unwrap(), Names::Printed).unwrap();
            assert_eq!((task.pid, task.total_vm_pages), (28438, 5_063_909));
            assert_eq!((task.rss_pages, task.table_pages), (Some(119_961), tables));
            assert_eq!((task.swap_pages, task.oom_score_adj, task.comm), (None, None, None));
        }
    }
}
