//! What a child does that is there to be killed.

use std::any::Any;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read as _, Write as _};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use rustix::thread::{disable_transparent_huge_pages, set_name};

use crate::cli::{Use, VictimArgs};
use crate::incident::model::TEST_VICTIM;

const CHUNK: usize = 256 << 10;

/// What one page table maps, and what that and a page of its take.
const TABLE_MAPS: usize = 2 << 20;
const TABLE_TAKES: u64 = 8 << 10;

/// The child: waits for its parent to tell it to, then uses memory until it is killed. To be called on
/// the main thread, whose name is the process's.
///
/// # Errors
///
/// When it cannot prepare for its death, or when the parent is gone.
pub fn victim(args: &VictimArgs) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Should it fail in another way than planned, that is nothing to keep a picture of.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_name(&std::ffi::CString::new(TEST_VICTIM)?)?;
    // Not the agent's: the child is to be the first to die, even of a limit further up.
    fs::write("/proc/self/oom_score_adj", args.oom_score_adj.to_string())?;
    io::stdin().read_exact(&mut [0])?;
    let held: Box<dyn Any> = match args.r#use {
        Use::Anonymous => Box::new(anonymous(args.bytes)),
        Use::Tmpfs => Box::new(tmpfs(args.bytes)?),
        Use::PageTables => {
            // A huge page needs no table.
            disable_transparent_huge_pages(true)?;
            Box::new(page_tables(args.bytes))
        }
    };
    if args.hold {
        // Tells the parent, and waits until that is gone.
        io::stdout().write_all(b"\n")?;
        io::stdout().flush()?;
        io::stdin().read_to_end(&mut Vec::new())?;
    }
    drop(held);
    Ok(())
}

fn anonymous(bytes: u64) -> Vec<Vec<u8>> {
    // Not collected: no room is made for all of a machine at once.
    let mut held = Vec::new();
    for _ in 0..bytes.div_ceil(CHUNK as u64) {
        held.push(black_box(vec![1; CHUNK]));
    }
    held
}

fn tmpfs(bytes: u64) -> io::Result<File> {
    let mut file = File::from(memfd_create(TEST_VICTIM, MemfdFlags::CLOEXEC)?);
    let chunk = vec![1; CHUNK];
    for _ in 0..bytes.div_ceil(CHUNK as u64) {
        file.write_all(&chunk)?;
    }
    Ok(file)
}

/// One byte in each stretch that has a table of its own.
fn page_tables(bytes: u64) -> Vec<Vec<u8>> {
    let stretch = |_| {
        let mut stretch = Vec::with_capacity(TABLE_MAPS);
        stretch.push(1);
        black_box(stretch)
    };
    (0..bytes.div_ceil(TABLE_TAKES)).map(stretch).collect()
}
