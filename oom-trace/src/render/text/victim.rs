//! Who died: the process, its memory, and where it ran.

use std::io::{self, Write};

use super::super::block::{Block, Line};
use super::super::units::{Age, Size, plural, resident};
use super::super::word::{Who, Word};
use crate::incident::model::{Cgroup, Container, Memory, Pod, Process, Victim};
use crate::text::KernelText;

/// How much of the arguments is shown: a class path would push what matters off the screen.
const ARGUMENTS: usize = 240;

pub(super) fn show(
    victim: &Victim,
    totalpages: Option<u64>,
    block: &mut Block<'_>,
) -> io::Result<()> {
    let Victim {
        pid,
        tid,
        ns_pid,
        comm,
        uid,
        gid,
        ppid,
        parent_comm,
        oom_score_adj,
        badness,
        threads,
        started,
        age_ms,
        exe,
        argv,
        argv_cut,
        user,
        login_uid,
        login_user,
        parents,
        memory: held,
        memory_logged: _,
        cgroup,
        unit,
        // The path shows it.
        slice: _,
        container,
        pod,
        shares_mm,
    } = victim;
    block.line("victim", |line| {
        line.item(format_args!("{}", Who { comm: comm.as_ref(), pid: *pid, tid: Some(*tid) }))?;
        if let Some(inner) = ns_pid.filter(|inner| Some(*inner) != *pid) {
            line.item(format_args!("pid {inner} in its namespace"))?;
        }
        if let Some(uid) = uid {
            line.item(format_args!("uid {uid}"))?;
            named(user.as_deref(), line)?;
        }
        if let Some(gid) = gid {
            line.item(format_args!("gid {gid}"))?;
        }
        if let Some(login) = login_uid.filter(|login| Some(*login) != *uid) {
            line.item(format_args!("logged in as uid {login}"))?;
            named(login_user.as_deref(), line)?;
        }
        if let Some(threads) = threads {
            line.item(format_args!("{threads} thread{}", plural((*threads).into())))?;
        }
        if let Some(age) = age_ms {
            line.item(format_args!("{} old", Age(*age)))?;
        }
        match started {
            Some(started) => line.item(format_args!("started {} UTC", started.strftime("%F %T"))),
            None => Ok(()),
        }
    })?;
    block.line("command", |line| command(exe.as_ref(), argv.as_deref(), *argv_cut, line))?;
    block.line("parent", |line| match (parents.as_deref(), ppid, parent_comm) {
        (Some(parents @ [_, ..]), ..) => descent(parents, line),
        (_, Some(ppid), comm) => line.item(format_args!("{}", process(*ppid, comm.as_ref()))),
        (_, None, Some(comm)) => line.item(format_args!("{}", Word::from(comm))),
        (_, None, None) => Ok(()),
    })?;
    block.line("memory", |line| memory(held, line))?;
    block.list("died too", shares_mm.iter().flatten(), |line, sharer| {
        line.item(format_args!("{}", process(sharer.pid, sharer.comm.as_ref())))?;
        line.item(format_args!("which shared its memory"))
    })?;
    block.line("badness", |line| {
        match (badness, totalpages) {
            // What swapoff and KSM ask for (`oom_task_origin`).
            (Some(i64::MAX), _) => line.item(format_args!("asked to be chosen first"))?,
            (Some(points), Some(total)) => {
                line.item(format_args!("{points} of {total} pages"))?;
            }
            (Some(points), None) => line.item(format_args!("{points} pages"))?,
            (None, _) => {}
        }
        match oom_score_adj {
            Some(adj) => line.item(format_args!("oom_score_adj {adj}")),
            None => Ok(()),
        }
    })?;
    block.line("where", |line| {
        if let Some(Cgroup { path, id: _ }) = cgroup {
            line.item(format_args!("{}", Word::from(path)))?;
        }
        if let Some(unit) = unit {
            line.item(format_args!("unit {}", Word::from(unit.as_str())))?;
        }
        if let Some(container) = container {
            self::container(container, line)?;
        }
        match pod {
            Some(pod) => self::pod(pod, line),
            None => Ok(()),
        }
    })
}

/// What the uid before it is called here.
fn named(user: Option<&str>, line: &mut Line<'_>) -> io::Result<()> {
    match user {
        Some(user) => line.joined(" ", format_args!("({})", Word::from(user))),
        None => Ok(()),
    }
}

fn process(pid: u32, comm: Option<&KernelText>) -> Who<'_> {
    Who { comm, pid: Some(pid), tid: Some(pid) }
}

fn command(
    exe: Option<&KernelText>,
    argv: Option<&[KernelText]>,
    cut: Option<bool>,
    line: &mut Line<'_>,
) -> io::Result<()> {
    if let Some(exe) = exe {
        line.item(format_args!("{}", Word::from(exe)))?;
    }
    let mut cut = cut == Some(true);
    let mut separator = ": ";
    let mut room = ARGUMENTS;
    for argument in argv.into_iter().flatten() {
        let shown = argument.start(room);
        cut |= room == 0 || shown.len() < argument.as_bytes().len();
        if room == 0 {
            break;
        }
        line.joined(separator, format_args!("{}", Word::from(shown)))?;
        separator = " ";
        room = room.saturating_sub(argument.as_bytes().len() + 1);
    }
    if cut { line.joined(" ", format_args!("…")) } else { Ok(()) }
}

/// Its parent, and that one's. Lines of descent end at process 1, or at 2 in the kernel.
fn descent(parents: &[Process], line: &mut Line<'_>) -> io::Result<()> {
    for Process { pid, comm } in parents {
        line.joined(" < ", format_args!("{}", process(*pid, comm.as_ref())))?;
    }
    match parents.last() {
        Some(last) if last.pid > 2 => line.joined(" < ", format_args!("…")),
        _ => Ok(()),
    }
}

/// Where it ran, by the name that people know best.
pub(super) fn place(victim: &Victim, out: &mut Vec<u8>) -> io::Result<()> {
    let Victim { pod, container, unit, cgroup, .. } = victim;
    if let Some(Pod { namespace: Some(namespace), name: Some(name), .. }) = pod {
        let (namespace, name) = (Word::from(namespace.as_str()), Word::from(name.as_str()));
        return write!(out, " in pod {namespace}/{name}");
    }
    if let Some(Container { name: Some(name), .. }) = container {
        return write!(out, " in container {}", Word::from(name.as_str()));
    }
    match (unit, cgroup) {
        (Some(unit), _) => write!(out, " in {}", Word::from(unit.as_str())),
        (None, Some(cgroup)) => write!(out, " in {}", Word::from(&cgroup.path)),
        (None, None) => Ok(()),
    }
}

fn memory(memory: &Memory, line: &mut Line<'_>) -> io::Result<()> {
    let rss = resident(memory);
    let Memory {
        total_vm_bytes,
        anon_rss_bytes,
        file_rss_bytes,
        shmem_rss_bytes,
        swap_bytes,
        pgtables_bytes,
    } = *memory;
    if let Some(rss) = rss {
        line.item(format_args!("{} resident", Size(rss)))?;
    }
    let mut separator = ": ";
    for (bytes, what) in
        [(anon_rss_bytes, "anonymous"), (file_rss_bytes, "file"), (shmem_rss_bytes, "shared")]
    {
        if let Some(bytes) = bytes {
            line.joined(separator, format_args!("{} {what}", Size(bytes)))?;
            separator = " + ";
        }
    }
    for (bytes, what) in [
        (swap_bytes, "swapped out"),
        (pgtables_bytes, "page tables"),
        (total_vm_bytes, "address space"),
    ] {
        if let Some(bytes) = bytes {
            line.item(format_args!("{} {what}", Size(bytes)))?;
        }
    }
    Ok(())
}

fn container(container: &Container, line: &mut Line<'_>) -> io::Result<()> {
    let Container { id, runtime, name } = container;
    // The first twelve digits are what runtimes show and accept.
    let short = Word::from(id.get(..12).unwrap_or(id));
    let runtime = Word::from(runtime.as_deref().unwrap_or("runtime unknown"));
    match name {
        Some(name) => {
            line.item(format_args!("container {} ({runtime} {short})", Word::from(name.as_str())))
        }
        None => line.item(format_args!("container {short} ({runtime})")),
    }
}

fn pod(pod: &Pod, line: &mut Line<'_>) -> io::Result<()> {
    let Pod { uid, namespace, name, container, qos } = pod;
    match (namespace, name) {
        (Some(namespace), Some(name)) => line.item(format_args!(
            "pod {}/{}",
            Word::from(namespace.as_str()),
            Word::from(name.as_str())
        ))?,
        _ => line.item(format_args!("pod {}", Word::from(uid.as_str())))?,
    }
    if let Some(container) = container {
        line.item(format_args!("container {} of the pod", Word::from(container.as_str())))?;
    }
    match qos {
        Some(qos) => line.item(format_args!("{} quality of service", Word::from(qos.as_str()))),
        None => Ok(()),
    }
}
