//! How the machine stood.
//!
//! Its files are opened once and read into one buffer: when they are wanted, memory is short.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::incident::model::{Node, Pressure, System};

/// No file here is longer: `/proc/meminfo` has 1.5 KiB on Linux 7.
const BUFFER: usize = 8 << 10;

/// Reads how the machine stands. A file that cannot be opened or read leaves its keys `None`.
#[derive(Debug)]
pub struct SystemReader {
    meminfo: Option<File>,
    pressure: Option<File>,
    overcommit_memory: Option<File>,
    panic_on_oom: Option<File>,
    /// By number; `None` if the kernel has none to tell of.
    nodes: Option<Vec<(u32, File)>>,
    buffer: Box<[u8]>,
}

impl SystemReader {
    /// Opens this machine's files.
    #[must_use]
    pub fn here() -> Self {
        Self::at(Path::new("/proc"), Path::new("/sys/devices/system/node"))
    }

    fn at(proc: &Path, nodes: &Path) -> Self {
        let open = |name: &str| File::open(proc.join(name)).ok();
        Self {
            meminfo: open("meminfo"),
            pressure: open("pressure/memory"),
            overcommit_memory: open("sys/vm/overcommit_memory"),
            panic_on_oom: open("sys/vm/panic_on_oom"),
            nodes: open_nodes(nodes),
            buffer: vec![0; BUFFER].into_boxed_slice(),
        }
    }

    /// How it stands now, `after_ms` after the decision.
    pub fn read(&mut self, after_ms: Option<u64>) -> System {
        let Self { meminfo, pressure, overcommit_memory, panic_on_oom, nodes, buffer } = self;
        let mut system = System { taken_after_ms: after_ms, ..System::default() };
        // The nodes last: there may be many.
        if let Some(text) = text(meminfo.as_ref(), buffer) {
            fill(&mut system, text);
        }
        if let Some(text) = text(pressure.as_ref(), buffer) {
            system.pressure_some = stalled(text, "some");
            system.pressure_full = stalled(text, "full");
        }
        system.overcommit_memory = number(overcommit_memory.as_ref());
        system.panic_on_oom = number(panic_on_oom.as_ref());
        system.nodes = nodes.as_ref().map(|nodes| {
            let nodes = nodes.iter();
            nodes.map(|(number, file)| node(*number, text(Some(file), buffer))).collect()
        });
        system
    }

    /// `vm.panic_on_oom` as it stands; `None` if it cannot be read.
    pub(super) fn panic_on_oom(&self) -> Option<u32> {
        number(self.panic_on_oom.as_ref())
    }
}

fn open_nodes(folder: &Path) -> Option<Vec<(u32, File)>> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut nodes: Vec<_> = entries
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.strip_prefix("node")?.parse().ok()?;
            Some((number, File::open(entry.path().join("meminfo")).ok()?))
        })
        .collect();
    nodes.sort_by_key(|(number, _)| *number);
    Some(nodes)
}

/// The whole file, from its start.
fn text<'a>(file: Option<&File>, buffer: &'a mut [u8]) -> Option<&'a str> {
    let file = file?;
    let mut len = 0;
    while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, len as u64).ok()? {
            0 => break,
            more => len += more,
        }
    }
    std::str::from_utf8(buffer.get(..len)?).ok()
}

/// The one number of a file below `/proc/sys`. The kernel allocates as many bytes as are asked for, and
/// whoever asks for a page then waits with the others who are short of one.
fn number(file: Option<&File>) -> Option<u32> {
    let mut buffer = [0; 16];
    let len = file?.read_at(&mut buffer, 0).ok()?;
    std::str::from_utf8(buffer.get(..len)?).ok()?.trim().parse().ok()
}

fn fill(system: &mut System, meminfo: &str) {
    for (name, bytes) in sizes(meminfo) {
        let place = match name {
            "MemTotal" => &mut system.total_bytes,
            "MemFree" => &mut system.free_bytes,
            "MemAvailable" => &mut system.available_bytes,
            "Cached" => &mut system.page_cache_bytes,
            "Slab" => &mut system.slab_bytes,
            "SUnreclaim" => &mut system.slab_unreclaimable_bytes,
            "Shmem" => &mut system.shmem_bytes,
            "PageTables" => &mut system.page_tables_bytes,
            "SwapTotal" => &mut system.swap_total_bytes,
            "SwapFree" => &mut system.swap_free_bytes,
            "CommitLimit" => &mut system.commit_limit_bytes,
            "Committed_AS" => &mut system.committed_bytes,
            _ => continue,
        };
        *place = Some(bytes);
    }
}

fn node(node: u32, meminfo: Option<&str>) -> Node {
    let sizes = || meminfo.into_iter().flat_map(sizes);
    let size = |wanted| sizes().find_map(|(name, bytes)| (name == wanted).then_some(bytes));
    Node { node, total_bytes: size("MemTotal"), free_bytes: size("MemFree") }
}

/// `MemTotal:  1015452 kB`, or of a node `Node 0 MemTotal:  1015452 kB`. Lines that count something
/// else have no unit.
fn sizes(meminfo: &str) -> impl Iterator<Item = (&str, u64)> {
    meminfo.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.split(' ').next_back()?;
        let kibibytes: u64 = value.strip_suffix(" kB")?.trim().parse().ok()?;
        Some((name, kibibytes.checked_mul(1024)?))
    })
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`
fn stalled(pressure: &str, who: &str) -> Option<Pressure> {
    let mut words =
        pressure.lines().map(str::split_whitespace).find(|w| w.clone().next() == Some(who))?;
    let mut average = |name: &str| -> Option<f64> {
        words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='))?.parse().ok()
    };
    Some(Pressure {
        avg10: average("avg10")?,
        avg60: average("avg60")?,
        avg300: average("avg300")?,
    })
}

#[cfg(test)]
mod tests;
