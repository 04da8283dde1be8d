//! Who died: the process, its memory, and where it ran.

use std::io::{self, Write};

use super::super::block::{Block, INDENT, Line};
use super::super::brief::time;
use super::super::quote::{Quoted, TaskLabel};
use super::super::units::{Age, Counted, Size};
use crate::incident::model::{Cgroup, Container, Job, Memory, Pod, Process, Victim};
use crate::text::KernelText;

/// How much of the arguments is shown: a class path would push what matters off the screen.
const ARGUMENTS: usize = 240;

/// Room for what tells that there is more.
const ELLIPSIS: usize = 4;

/// Less of a command line than this says nothing.
const LEAST: usize = 40;

/// More names would not be read.
const SHARERS: usize = 3;

/// A smaller part than one in so many is not worth a word.
const NOTABLE: u64 = 50;

/// Page tables of a smaller part than that are as usual.
const TABLES: u64 = 20;

/// `listed` is its badness among the candidates, where the choice itself was not seen.
pub(super) fn show(
    victim: &Victim,
    listed: Option<i64>,
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
        job,
        app,
        shares_mm,
    } = victim;
    block.line("victim", |line| {
        line.item(format_args!(
            "{}",
            TaskLabel { comm: comm.as_ref(), pid: *pid, tid: Some(*tid) }
        ))?;
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
            line.item(format_args!("{}", Counted((*threads).into(), "thread")))?;
        }
        if let Some(age) = age_ms {
            line.item(format_args!("{} old", Age(*age)))?;
        }
        match started {
            Some(started) => line.item(format_args!("started {}", time(*started))),
            None => Ok(()),
        }
    })?;
    block.line("command", |line| {
        if let Some(exe) = exe {
            line.item(format_args!("{}", Quoted::from(exe)))?;
        }
        command(argv.as_deref(), *argv_cut, ARGUMENTS, line)
    })?;
    block.line("parent", |line| match (parents.as_deref(), ppid, parent_comm) {
        (Some(parents @ [_, ..]), ..) => descent(parents, line),
        (_, Some(ppid), comm) => line.item(format_args!("{}", process(*ppid, comm.as_ref()))),
        (_, None, Some(comm)) => line.item(format_args!("{}", Quoted::from(comm))),
        (_, None, None) => Ok(()),
    })?;
    block.line("memory", |line| memory(held, line))?;
    block.list("died too", shares_mm.iter().flatten(), |line, sharer| {
        line.item(format_args!("{}", process(sharer.pid, sharer.comm.as_ref())))?;
        line.item(format_args!("which shared its memory"))
    })?;
    let badness = badness.or(listed);
    block.line("badness", |line| {
        match badness {
            // What swapoff and KSM ask for (`oom_task_origin`).
            Some(i64::MAX) => line.item(format_args!("flagged to be killed first"))?,
            Some(points) => line.item(format_args!("{points} pages"))?,
            None => {}
        }
        let Some(adj) = *oom_score_adj else { return Ok(()) };
        // As `oom_badness` has it (mm/oom_kill.c).
        let one = totalpages.and_then(|total| i64::try_from(total / 1000).ok());
        let points = one.unwrap_or(0).saturating_mul(adj.into());
        match badness {
            None => line.item(format_args!("unknown (oom_score_adj {adj})")),
            Some(i64::MAX) => line.joined(" ", format_args!("(oom_score_adj {adj})")),
            Some(_) if points > 0 => {
                line.joined(" ", format_args!("({points} of them by oom_score_adj {adj})"))
            }
            Some(_) if points < 0 => {
                line.joined(" ", format_args!("({} fewer by oom_score_adj {adj})", -points))
            }
            Some(_) => line.joined(" ", format_args!("(oom_score_adj {adj})")),
        }
    })?;
    block.line("where", |line| {
        if let Some(Cgroup { path, id: _ }) = cgroup {
            line.item(format_args!("{}", Quoted::from(path)))?;
        }
        if let Some(unit) = unit {
            line.item(format_args!("unit {}", Quoted::from(unit.as_str())))?;
        }
        if let Some(container) = container {
            self::container(container, line)?;
        }
        if let Some(pod) = pod {
            self::pod(pod, line)?;
        }
        if let Some(job) = job {
            self::job(job, line)?;
        }
        match app {
            Some(app) => line.item(format_args!("app {}", Quoted::from(app.as_str()))),
            None => Ok(()),
        }
    })
}

/// Who it was, in short.
pub(super) fn brief(
    victim: &Victim,
    is_explained: bool,
    has_room: bool,
    block: &mut Block<'_>,
) -> io::Result<()> {
    let Victim { uid, user, age_ms, parents, ppid, parent_comm, oom_score_adj, .. } = victim;
    block.line("victim", |line| {
        if let Some(inner) = victim.ns_pid.filter(|inner| Some(*inner) != victim.pid) {
            line.item(format_args!("pid {inner} in its namespace"))?;
        }
        if let Some(uid) = uid {
            line.item(format_args!("uid {uid}"))?;
            named(user.as_deref(), line)?;
        }
        if let Some(age) = age_ms {
            line.item(format_args!("{} old", Age(*age)))?;
        }
        if let Some(adj) = oom_score_adj.filter(|adj| *adj != 0) {
            line.item(format_args!("oom_score_adj {adj}"))?;
        }
        let first = parents.as_deref().and_then(<[_]>::first);
        let parent = first.map(|it| (it.pid, it.comm.as_ref()));
        match parent.or_else(|| Some(((*ppid)?, parent_comm.as_ref()))) {
            Some((pid, comm)) => line.item(format_args!("parent {}", process(pid, comm))),
            None => Ok(()),
        }
    })?;
    let width = usize::from(block.style.width);
    let room = width.saturating_sub(INDENT + ELLIPSIS).max(LEAST);
    block.line("command", |line| command(victim.argv.as_deref(), victim.argv_cut, room, line))?;
    if !is_explained || (has_room && is_of_several_kinds(&victim.memory)) {
        block.line("memory", |line| held(&victim.memory, line))?;
    }
    let sharers = victim.shares_mm.iter().flatten();
    block.line("died too", |line| {
        for sharer in sharers.take(SHARERS) {
            line.item(format_args!("{}", process(sharer.pid, sharer.comm.as_ref())))?;
        }
        match victim.shares_mm.as_deref().map_or(0, <[_]>::len) {
            0 => return Ok(()),
            count if count > SHARERS => line.item(format_args!("{} more", count - SHARERS))?,
            _ => {}
        }
        line.item(format_args!("which shared its memory"))
    })
}

/// Of one that is all anonymous, the headline and `why` say as much.
fn is_of_several_kinds(memory: &Memory) -> bool {
    let whole = memory.resident();
    let is_notable = |bytes: Option<u64>, part: u64| {
        bytes.is_some_and(|bytes| bytes > whole.unwrap_or(0) / part)
    };
    is_notable(memory.file_rss_bytes, NOTABLE)
        || is_notable(memory.shmem_rss_bytes, NOTABLE)
        || is_notable(memory.pgtables_bytes, TABLES)
        || memory.swap_bytes.is_some_and(|bytes| bytes > 0)
}

/// `53.4 MiB resident, of which 48.3 MiB anonymous, 5.1 MiB shared`
fn held(memory: &Memory, line: &mut Line<'_>) -> io::Result<()> {
    let told = |bytes: Option<u64>| bytes.filter(|bytes| *bytes > 0);
    let whole = memory.resident();
    if let Some(bytes) = whole {
        line.item(format_args!("{} resident", Size(bytes)))?;
    }
    let parts = [
        (memory.anon_rss_bytes, "anonymous"),
        (memory.file_rss_bytes, "file"),
        (memory.shmem_rss_bytes, "shared"),
    ];
    let mut of = ", of which ";
    for (bytes, what) in parts {
        let notable = |bytes: &u64| whole.is_none_or(|whole| *bytes >= whole / NOTABLE);
        if let Some(bytes) = told(bytes).filter(notable) {
            line.joined(of, format_args!("{} {what}", Size(bytes)))?;
            of = ", ";
        }
    }
    if let Some(bytes) = told(memory.swap_bytes) {
        line.joined("; ", format_args!("{} in swap", Size(bytes)))?;
    }
    let tables = memory.pgtables_bytes.filter(|tables| *tables >= whole.unwrap_or(0) / TABLES);
    match told(tables) {
        Some(bytes) => line.joined("; ", format_args!("page tables {}", Size(bytes))),
        None => Ok(()),
    }
}

/// What the uid before it is called here.
fn named(user: Option<&str>, line: &mut Line<'_>) -> io::Result<()> {
    match user {
        Some(user) => line.joined(" ", format_args!("({})", Quoted::from(user))),
        None => Ok(()),
    }
}

fn process(pid: u32, comm: Option<&KernelText>) -> TaskLabel<'_> {
    TaskLabel { comm, pid: Some(pid), tid: Some(pid) }
}

fn command(
    argv: Option<&[KernelText]>,
    cut: Option<bool>,
    room: usize,
    line: &mut Line<'_>,
) -> io::Result<()> {
    let mut cut = cut == Some(true);
    let mut separator = ": ";
    let mut room = room;
    for argument in argv.into_iter().flatten() {
        let shown = argument.start(room);
        cut |= room == 0 || shown.len() < argument.as_bytes().len();
        if room == 0 {
            break;
        }
        line.joined(separator, format_args!("{}", Quoted::from(shown)))?;
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

fn job(job: &Job, line: &mut Line<'_>) -> io::Result<()> {
    let Job { system: _, id: _, step, task, project, runner: _ } = job;
    line.item(format_args!("{job}"))?;
    for (what, name) in [("step", step), ("task", task), ("project", project)] {
        if let Some(name) = name {
            line.item(format_args!("{what} {}", Quoted::from(name.as_str())))?;
        }
    }
    Ok(())
}

/// Where it ran, by the name that people know best.
pub(super) fn place(victim: &Victim, out: &mut Vec<u8>) -> io::Result<()> {
    let Victim { pod, container, job, app, unit, cgroup, .. } = victim;
    if let Some(name) = pod.as_ref().and_then(Pod::full_name) {
        return write!(out, " in pod {}", Quoted::from(name.as_str()));
    }
    // A folder named by a digest says less.
    if let Some(container) = container {
        return write!(out, " in container {}", Quoted::from(container.label()));
    }
    // All jobs of a node are in one unit, and an application's has a number that nobody knows.
    if let Some(job) = job {
        return write!(out, " in {job}");
    }
    if let Some(app) = app {
        return write!(out, " in app {}", Quoted::from(app.as_str()));
    }
    match (unit, cgroup) {
        (Some(unit), _) => write!(out, " in {}", Quoted::from(unit.as_str())),
        (None, Some(cgroup)) => write!(out, " in {}", Quoted::from(&cgroup.path)),
        (None, None) => Ok(()),
    }
}

fn memory(memory: &Memory, line: &mut Line<'_>) -> io::Result<()> {
    let rss = memory.resident();
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
        (swap_bytes, "in swap"),
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
    let Container { id: _, runtime, name, image: _ } = container;
    let short = Quoted::from(container.short_id());
    let runtime = runtime.as_deref().map(|runtime| Quoted::from(runtime).to_string());
    let runtime = runtime.as_deref().unwrap_or("runtime unknown");
    match name {
        Some(name) => {
            line.item(format_args!("container {} ({runtime} {short})", Quoted::from(name.as_str())))
        }
        None => line.item(format_args!("container {short} ({runtime})")),
    }
}

fn pod(pod: &Pod, line: &mut Line<'_>) -> io::Result<()> {
    let Pod { uid, namespace, name, container, qos } = pod;
    match (namespace, name) {
        (Some(namespace), Some(name)) => line.item(format_args!(
            "pod {}/{}",
            Quoted::from(namespace.as_str()),
            Quoted::from(name.as_str())
        ))?,
        _ => line.item(format_args!("pod {}", Quoted::from(uid.as_str())))?,
    }
    if let Some(container) = container {
        line.item(format_args!("container {} of the pod", Quoted::from(container.as_str())))?;
    }
    match qos {
        Some(qos) => line.item(format_args!("QoS {}", Quoted::from(qos.as_str()))),
        None => Ok(()),
    }
}
