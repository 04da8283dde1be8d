//! Shortages with swap in use.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::process::Command;

use nix::libc::{SYS_chdir, SYS_swapon};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::cgroup::Cgroup;
use crate::hog::{Hog, named};
use crate::scenario::{Machine, Scenario};
use crate::watch::Watch;

/// The command of the process that has a disk made swap.
pub(crate) const SWAPON: &str = "swapon";

pub(crate) const SCENARIOS: &[Scenario] =
    &[Scenario::new("swap_in_use", swap_in_use).shown().on(Machine::Swap)];

const DISK: &str = "/dev/vda";

/// What swap is made of.
const PAGE: usize = 4096;

/// What the log says of swap is in the table of tasks, and in the cgroup's account.
fn swap_in_use() {
    swap_on(DISK);
    let cgroup = Cgroup::limited("swapping", 24 << 20);
    cgroup.write("memory.swap.max", 16 << 20);
    let watch = Watch::start("kprobe");
    let mut hog = Hog::start(&named("hog"), &cgroup);
    let pid = hog.pid();
    hog.grow();
    hog.killed();
    let seen = watch.finish(1);
    seen.assert_context("kprobe");
    let record = seen.only();
    let dumps = seen.dumps();
    let row = dumps[0].tasks.iter().find(|task| task.tgid == u64::from(pid)).unwrap();
    assert!(row.swapents > 0, "{row:?}");
    assert_eq!(record["victim"]["memory_logged"][0]["swap_bytes"], row.swapents * PAGE as u64);
    assert_eq!(record["limit"]["swap_max_bytes"], 16 << 20);
    assert!(record["limit"]["swap_usage_bytes"].as_u64().unwrap() > 8 << 20, "{record:#}");
}

/// Makes the whole disk swap.
fn swap_on(disk: &str) {
    let mut file = File::options().write(true).open(disk).unwrap();
    let pages = file.seek(SeekFrom::End(0)).unwrap() / PAGE as u64;
    // `union swap_header` (include/linux/swap.h): version, last page, number of bad pages.
    let mut header = [0_u8; PAGE];
    let last = u32::try_from(pages - 1).unwrap();
    header[1024..1028].copy_from_slice(&1_u32.to_ne_bytes());
    header[1028..1032].copy_from_slice(&last.to_ne_bytes());
    header[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    file.rewind().unwrap();
    file.write_all(&header).unwrap();
    file.sync_all().unwrap();

    // No crate has a safe swapon. So a child calls chdir, and its tracer has it make that call again
    // as another one.
    let mut child = Command::new("/proc/self/exe").args([SWAPON, disk]).spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    assert_eq!(waitpid(pid, None).unwrap(), WaitStatus::Stopped(pid, Signal::SIGSTOP));
    let next_stop = || {
        ptrace::syscall(pid, None).unwrap();
        waitpid(pid, None).unwrap();
        ptrace::getregs(pid).unwrap()
    };
    let mut before = next_stop();
    while call::number(&before) != SYS_chdir as u64 {
        before = next_stop();
    }
    let mut registers = next_stop();
    call::again(&mut registers, SYS_swapon as u64, [call::first_argument(&before), 0]);
    ptrace::setregs(pid, registers).unwrap();
    next_stop();
    assert_eq!(call::result(&next_stop()), 0, "swapon failed");
    ptrace::detach(pid, None).unwrap();
    child.wait().unwrap();
    assert!(fs::read_to_string("/proc/swaps").unwrap().contains(disk));
}

#[cfg(target_arch = "x86_64")]
mod call {
    use nix::libc::user_regs_struct as Registers;

    pub(super) fn number(registers: &Registers) -> u64 {
        registers.orig_rax
    }

    pub(super) fn first_argument(registers: &Registers) -> u64 {
        registers.rdi
    }

    pub(super) fn result(registers: &Registers) -> u64 {
        registers.rax
    }

    /// Goes back to the instruction `syscall`.
    pub(super) fn again(registers: &mut Registers, number: u64, arguments: [u64; 2]) {
        registers.rip -= 2;
        registers.rax = number;
        [registers.rdi, registers.rsi] = arguments;
    }
}

#[cfg(target_arch = "aarch64")]
mod call {
    use nix::libc::user_regs_struct as Registers;

    pub(super) fn number(registers: &Registers) -> u64 {
        registers.regs[8]
    }

    pub(super) fn first_argument(registers: &Registers) -> u64 {
        registers.regs[0]
    }

    pub(super) fn result(registers: &Registers) -> u64 {
        registers.regs[0]
    }

    /// Goes back to the instruction `svc`.
    pub(super) fn again(registers: &mut Registers, number: u64, arguments: [u64; 2]) {
        registers.pc -= 4;
        registers.regs[8] = number;
        registers.regs[..2].copy_from_slice(&arguments);
    }
}

/// What is traced: it names the disk in a system call of one argument.
pub(crate) fn ask_for_swap(disk: &[String]) {
    ptrace::traceme().unwrap();
    raise(Signal::SIGSTOP).unwrap();
    rustix::process::chdir(disk[0].as_str()).unwrap();
}
