//! The pages of this binary's code and constants: which of them are resident.

use rustix::mm::{MlockFlags, mlock_with, munlock};

/// This binary's code and constants, each page of which is a mapping to the kernel: around a page that is touched
/// it maps fifteen others, but none of another mapping. So what is touched meanwhile is resident, and nothing
/// beside it. Dropped, they are whole again, as each mapping costs the kernel some 200 bytes.
#[derive(Debug)]
pub(crate) struct Pieces(Vec<(usize, usize)>);

impl Pieces {
    /// Cuts them, and gives back the pages that are resident: they come back from the file as they are used.
    pub(crate) fn cut() -> Self {
        let pieces = Self::of_this_process();
        let page = rustix::param::page_size();
        for &(start, len) in &pieces.0 {
            for start in (start..start + len).step_by(2 * page) {
                // Mappings that differ in an advice stay apart. This one is of core dumps, which leave out pages
                // of files anyway.
                let _ = advise(start, page, libc::MADV_DONTDUMP);
            }
        }
        pieces.release();
        pieces
    }

    fn of_this_process() -> Self {
        Self(unchanged(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default()))
    }

    fn release(&self) {
        for &(start, len) in &self.0 {
            // Else they stay resident, which costs memory and nothing else.
            let _ = advise(start, len, libc::MADV_DONTNEED)
                || advise(start, len, libc::MADV_DONTNEED_LOCKED)
                || release_unlocked(start, len);
        }
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        for &(start, len) in &self.0 {
            let _ = advise(start, len, libc::MADV_DODUMP);
        }
    }
}

/// Gives them back, and leaves them whole.
pub(super) fn release_code() {
    Pieces::of_this_process().release();
}

/// Advises on part of what [`unchanged`] found; whether the kernel took that.
fn advise(start: usize, len: usize, advice: libc::c_int) -> bool {
    let start = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: neither code nor a constant before it was ever written or relocated, so what comes back from the
    // file, if it is dropped, is what was there.
    let result = unsafe { libc::madvise(start, len, advice) };
    result == 0
}

/// Gives it back while it is not locked, and has its pages locked again as they are touched: before 5.18 the kernel
/// takes no locked page back. Whether all of it could be done.
fn release_unlocked(start: usize, len: usize) -> bool {
    let place = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: whether pages may be dropped and read again changes nothing of what is in them.
    if unsafe { munlock(place, len) }.is_err() {
        return false;
    }
    let is_released = advise(start, len, libc::MADV_DONTNEED);
    // SAFETY: as above.
    let locked = unsafe { mlock_with(place, len, MlockFlags::ONFAULT) };
    is_released && locked.is_ok()
}

/// Start and length of what is mapped of files and cannot have changed, from `/proc/PID/maps`: code,
/// and the constants that stand before it in the same file. What stands behind it are also data that
/// were relocated and are read-only only since.
fn unchanged(maps: &str) -> Vec<(usize, usize)> {
    let mut unchanged = Vec::new();
    let mut before: Option<Mapping<'_>> = None;
    for mapping in maps.lines().filter_map(Mapping::parse) {
        if mapping.modes == "r-xp" && mapping.path.starts_with('/') {
            let constants = before.filter(|before| {
                before.modes == "r--p" && (before.path, before.end) == (mapping.path, mapping.start)
            });
            let start = constants.map_or(mapping.start, |constants| constants.start);
            unchanged.push((start, mapping.end - start));
        }
        before = Some(mapping);
    }
    unchanged
}

/// A line of `/proc/PID/maps` (`55d0-55e0 r-xp 00000000 00:02 11 /bin/oom-trace`).
#[derive(Clone, Copy)]
struct Mapping<'a> {
    start: usize,
    end: usize,
    modes: &'a str,
    path: &'a str,
}

impl<'a> Mapping<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let modes = words.next()?;
        let path = words.nth(3).unwrap_or_default();
        let address = |text| usize::from_str_radix(text, 16).ok();
        let (start, end) = (address(start)?, address(end)?);
        (start < end).then_some(Self { start, end, modes, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_the_constants_before_it_are_given_back_and_nothing_else() {
        let maps = "\
            1000-3000 r--p 00000000 00:02 11                         /bin/oom-trace\n\
            3000-5000 r-xp 00002000 00:02 11                         /bin/oom-trace\n\
            5000-6000 r--p 00004000 00:02 11                         /bin/oom-trace\n\
            6000-7000 rw-p 00005000 00:02 11                         /bin/oom-trace\n\
            7000-8000 rw-p 00000000 00:00 0\n\
            8000-9000 r--p 00000000 00:02 12                         /lib/one.so\n\
            a000-b000 r-xp 00002000 00:02 12                         /lib/one.so\n\
            b000-c000 r--p 00000000 00:02 12                         /lib/one.so\n\
            c000-d000 r-xp 00000000 00:02 13                         /lib/another.so\n\
            d000-e000 r--s 00001000 00:10 117                        anon_inode:bpf-map\n\
            e000-f000 r-xp 00000000 00:00 0                          [vdso]\n\
            nonsense\n\n";
        let expected = [(0x1000, 0x4000), (0xa000, 0x1000), (0xc000, 0x1000)];
        assert_eq!(unchanged(maps), expected);
    }

    #[test]
    fn this_program_is_among_what_is_given_back() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let code = unchanged as fn(&str) -> Vec<(usize, usize)> as usize;
        let found = unchanged(&maps);
        assert!(found.iter().any(|(start, len)| (*start..start + len).contains(&code)), "{maps}");
    }

    #[test]
    fn each_page_is_a_mapping_until_they_are_whole_again() {
        let mappings = |of: &[(usize, usize)]| {
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let all = maps.lines().filter_map(Mapping::parse).map(|mapping| mapping.start);
            all.filter(|it| of.iter().any(|(start, len)| (*start..start + len).contains(it)))
                .count()
        };
        let binary = unchanged(&std::fs::read_to_string("/proc/self/maps").unwrap());
        let before = mappings(&binary);
        let pieces = Pieces::cut();
        let cut = binary.iter().map(|(_, len)| len / rustix::param::page_size()).sum::<usize>();
        assert!(mappings(&binary) >= cut, "{} of {cut}", mappings(&binary));
        drop(pieces);
        assert_eq!(mappings(&binary), before);
    }
}
