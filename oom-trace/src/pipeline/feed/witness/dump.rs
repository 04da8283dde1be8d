//! The kernel's dump of a shortage, kept as it was read until the line of its kill is there.
//!
//! The kernel holds `oom_lock` from `… invoked oom-killer` to the kill (`out_of_memory`,
//! mm/oom_kill.c), so two dumps never mingle, and the next kill of the same thread is the dump's own,
//! if it names the same task. Many kills have none: beyond ten in five seconds the kernel writes only
//! their lines.

use std::time::{Duration, Instant};

use crate::kernel_log::{Caller, Entry, has};

/// What waits for its kill, in bytes: a dump of a machine with two thousand processes.
pub(super) const MOST: usize = 256 << 10;

/// Room is made in such pieces.
const PIECE: usize = 16 << 10;

/// How long the kernel may be silent within a dump; the parser takes no longer.
const STALE_AFTER_NS: u64 = 10_000_000_000;

/// How long a dump is kept that nobody was killed for.
const FORGET_AFTER: Duration = Duration::from_secs(1);

const HEADER: &[u8] = b" invoked oom-killer: ";

/// The chosen task was gone by then.
const SKIPPED: &[u8] = b" is already exiting. Skip killing the task";

const FAILED: &[u8] = b"Out of memory and no killable processes";

const TABLE: &[u8] = b"Tasks state (memory values in pages):";

/// Where each of the two begins that the kernel writes of memory: of the machine or of a cgroup.
const MEMORY: [&[u8]; 2] = [b"Mem-Info:", b"memory: usage "];

/// Messages from a header on, those of one thread where the log tells threads apart.
#[derive(Debug)]
pub(super) struct Dump {
    caller: Option<Caller>,
    text: Vec<u8>,
    /// Where each message ends in `text`, and its stamp.
    ends: Vec<(usize, u64)>,
    /// Where the table of tasks begins, in both.
    table: Option<(usize, usize)>,
    /// The table was let go of: there was no room for it.
    is_cut: bool,
    has_memory: bool,
}

/// What becomes of a dump with a message.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// It may go on; whether it takes more room than before.
    On(bool),
    /// Nobody could be killed.
    Failed,
    /// It is nobody's: what follows is of something else, or cannot be told from it.
    Over,
}

impl Dump {
    fn new(entry: &Entry<'_>) -> Self {
        Self {
            caller: entry.caller,
            text: Vec::new(),
            ends: Vec::new(),
            table: None,
            is_cut: false,
            has_memory: false,
        }
    }

    /// Its messages.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut begin = 0;
        self.ends.iter().map(move |&(end, boot_ns)| {
            let text = self.text.get(std::mem::replace(&mut begin, end)..end);
            Entry::held(boot_ns, self.caller, text.unwrap_or_default())
        })
    }

    /// Whether this thread wrote it, as far as the log tells.
    pub(super) fn may_be_of(&self, tid: u32) -> bool {
        self.caller.is_none_or(|caller| caller == Caller::Thread(tid))
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<(usize, u64)>()
    }

    fn may_hold(&self, entry: &Entry<'_>) -> bool {
        self.caller == entry.caller
    }

    fn is_stale(&self, entry: &Entry<'_>) -> bool {
        let last = self.ends.last().map(|&(_, boot_ns)| boot_ns);
        last.zip(entry.stamp.boot_ns).is_some_and(|(last, now)| now > last + STALE_AFTER_NS)
    }

    fn add(&mut self, entry: &Entry<'_>, bound: usize) -> Next {
        if !self.may_hold(entry) {
            return Next::On(false);
        }
        if self.is_stale(entry) || has(entry.text, SKIPPED) {
            return Next::Over;
        }
        if MEMORY.iter().any(|begin| entry.text.starts_with(begin)) {
            // Another thread's dump of memory, as of an allocation that failed.
            if self.has_memory {
                return Next::Over;
            }
            self.has_memory = true;
        }
        if self.is_cut && entry.text.starts_with(b"[") {
            return Next::On(false);
        }
        if entry.text.starts_with(TABLE) {
            self.table = Some((self.text.len(), self.ends.len()));
        }
        let has_grown = self.push(entry);
        if has_grown && self.bytes() > bound {
            let Some((text, ends)) = self.table.take() else { return Next::Over };
            self.text.truncate(text);
            self.text.shrink_to_fit();
            self.ends.truncate(ends);
            self.ends.shrink_to_fit();
            self.is_cut = true;
        }
        if entry.text.starts_with(FAILED) { Next::Failed } else { Next::On(has_grown) }
    }

    /// Without room for more: it may wait among others.
    fn fitted(mut self) -> Self {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }

    fn push(&mut self, entry: &Entry<'_>) -> bool {
        let before = self.bytes();
        let room = self.text.capacity() - self.text.len();
        if room < entry.text.len() {
            self.text.reserve_exact(entry.text.len().max(PIECE));
        }
        if self.ends.len() == self.ends.capacity() {
            self.ends.reserve_exact(PIECE / 4 / size_of::<(usize, u64)>());
        }
        self.text.extend_from_slice(entry.text);
        self.ends.push((self.text.len(), entry.stamp.boot_ns.unwrap_or(0)));
        self.bytes() > before
    }
}

/// The dumps that wait for no line yet.
#[derive(Debug, Default)]
pub(super) struct Dumps {
    /// The one that is being written.
    open: Option<Dump>,
    /// The last after which nobody was killed, and when it was read.
    failed: Option<(Dump, Instant)>,
}

impl Dumps {
    /// Takes a message that is no line of a kill; whether there is less room then.
    pub(super) fn add(&mut self, entry: &Entry<'_>, bound: usize, read: Instant) -> bool {
        if has(entry.text, HEADER) {
            let mut dump = Dump::new(entry);
            dump.push(entry);
            self.open = Some(dump);
            return true;
        }
        match self.open.as_mut().map(|open| open.add(entry, bound)) {
            None => false,
            Some(Next::On(has_grown)) => has_grown,
            Some(Next::Failed) => {
                self.failed = self.open.take().map(|dump| (dump, read));
                true
            }
            Some(Next::Over) => {
                self.open = None;
                false
            }
        }
    }

    /// The line of a kill: the dump before it, if that may be its own. Another's is over, too.
    pub(super) fn end(&mut self, line: &Entry<'_>) -> Option<Dump> {
        let open = self.open.take().filter(|open| open.may_hold(line) && !open.is_stale(line));
        open.map(Dump::fitted)
    }

    /// Messages were lost: the one that is being written lacks something.
    pub(super) fn lose(&mut self) {
        self.open = None;
    }

    /// Takes out the last after which nobody was killed.
    pub(super) fn failed(&mut self) -> Option<Dump> {
        self.failed.take().map(|(dump, _)| dump)
    }

    /// Lets go of what nobody has asked for.
    pub(super) fn forget(&mut self) {
        self.failed.take_if(|(_, read)| read.elapsed() > FORGET_AFTER);
    }

    /// As if what is there had been read so long ago.
    #[cfg(test)]
    pub(super) fn read_before(mut self, age: Duration) -> Self {
        self.failed = self.failed.map(|(dump, read)| (dump, read.checked_sub(age).unwrap_or(read)));
        self
    }

    pub(super) fn bytes(&self) -> usize {
        let failed = self.failed.as_ref().map(|(dump, _)| dump);
        self.open.iter().chain(failed).map(Dump::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_that_waits_takes_no_more_than_its_text() {
        let mut dumps = Dumps::default();
        let texts: [&[u8]; 3] =
            [b"memhog invoked oom-killer: gfp_mask=0xcc0", b"Mem-Info:", b"1 pages RAM"];
        for (boot_ns, text) in (1..).zip(texts) {
            dumps.add(&Entry::held(boot_ns, None, text), usize::MAX, Instant::now());
        }
        let written = dumps.bytes();
        let line = Entry::held(9, None, b"Memory cgroup out of memory: Killed process 7 (memhog)");
        let dump = dumps.end(&line).unwrap();
        let least = texts.concat().len() + texts.len() * size_of::<(usize, u64)>();
        assert_eq!(dump.bytes(), least);
        assert!(written > least);
        assert!(dump.entries().map(|entry| entry.text).eq(texts));
    }
}
