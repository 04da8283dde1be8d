//! `oom-trace history`: past kills, from the store, the kernel's log, saved logs or JSON Lines; and
//! `oom-trace explain`, for saved logs alone.

mod gathered;
mod listed;
mod one;
mod output;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use jiff::tz::TimeZone;

use self::gathered::Gathered;
use self::listed::Listed;
use self::one::Wanted;
use self::output::{Output, is_closed_pipe};
use crate::cli::{ExplainArgs, HistoryArgs, ListArgs, SelectArgs, ShowArgs};
use crate::commands::account;
use crate::commands::select::{Follower, Selection, Told, filter_for, show_times};
use crate::incident::model::Record;
use crate::render::{Format, Row, Style, render, render_from};
use crate::say::say;
use crate::sink::Filter;
use crate::units::Counted;

/// Names standard input.
const STDIN: &str = "-";

/// Kills that are shown before those to come, unless asked otherwise.
const BEFORE_FOLLOWING: usize = 10;

/// How records become what is printed.
#[derive(Debug, Clone, Copy)]
struct Shown {
    format: Format,
    style: Style,
}

impl Shown {
    /// With the file that it is from, if there are several.
    fn append(self, record: &Record, file: Option<&str>, out: &mut Vec<u8>) -> io::Result<()> {
        match file {
            Some(file) => render_from(file, record, self.format, self.style, out),
            None => render(record, self.format, self.style, out),
        }
    }
}

/// Prints kills kept here, or those of saved logs.
///
/// # Errors
/// Nothing can be read, or standard output cannot be written.
pub fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let HistoryArgs { what, store, log, pid, select, list, follow, show } = args;
    let (mut files, ids) = files_and_ids(what, *pid)?;
    // With a store to read, what is no file is hardly one.
    if store.is_some()
        && let Some((file, filter)) = files.iter().find_map(|it| Some((it, filter_for(it)?)))
    {
        bail!("there is no file {}; did you mean {filter}?", file.display());
    }
    files.extend(store.clone());
    if *log && !files.is_empty() {
        bail!("--log reads the running kernel's log; it cannot be combined with files");
    }
    let selection = Selection::new(&files, *log, select)?;
    if let Some(id) = ids.first() {
        if *follow || list.most.is_some() {
            bail!("{id} names one kill; --follow and --lines are for lists");
        }
        return quiet(one_kill(selection, id, select, list, show));
    }
    quiet(list_kills(selection, select, list, *follow, show))
}

/// Tells of the kills in saved logs.
///
/// # Errors
/// There is none, or standard output cannot be written.
pub fn explain(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    let ExplainArgs { files, select, show } = args;
    let stdin = vec![PathBuf::from(STDIN)];
    let files = if files.is_empty() { stdin.clone() } else { files.clone() };
    if files == stdin && io::stdin().is_terminal() {
        bail!("no log given; try: oom-trace explain FILE, or: dmesg | oom-trace explain");
    }
    show_times(&select.span, io::stdout().is_terminal());
    quiet(print_all(Selection::of(files, select)?, select, show, &mut Output::direct()))
}

/// Nobody reads any more: that is no failure.
fn quiet(shown: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    match shown {
        Err(error) if is_closed_pipe(&error) => Ok(ExitCode::SUCCESS),
        shown => shown,
    }
}

/// What is a file is one; what else can name a kill does.
fn files_and_ids(
    what: &[PathBuf],
    pid: Option<u32>,
) -> anyhow::Result<(Vec<PathBuf>, Vec<String>)> {
    let is_id = |path: &Path| {
        let text = path.to_str().filter(|text| one::can_be_id(text));
        text.filter(|_| !path.exists()).map(str::to_owned)
    };
    let ids = what.iter().filter_map(|path| is_id(path));
    let ids: Vec<_> = ids.chain(pid.map(|pid| pid.to_string())).collect();
    if let [one, other, ..] = ids.as_slice() {
        bail!("{one} and {other} both name a kill; show one at a time");
    }
    let files = what.iter().filter(|path| is_id(path).is_none());
    Ok((files.cloned().collect(), ids))
}

/// What the agent says of itself is left out where people read or kills are counted, unless it is asked
/// for.
fn is_left_out(record: &Record, is_of_kills: bool, filter: &Filter) -> bool {
    matches!(record, Record::Agent(_)) && is_of_kills && filter.types.is_empty()
}

fn one_kill(
    mut selection: Selection,
    id: &str,
    select: &SelectArgs,
    list: &ListArgs,
    show: &ShowArgs,
) -> anyhow::Result<ExitCode> {
    let ShowArgs { format, color, verbose } = show;
    let is_looked_at = io::stdout().is_terminal();
    show_times(&select.span, is_looked_at);
    // One kill is shown whole.
    let verbose = *verbose || format.is_none();
    let format = format.unwrap_or(Format::Text);
    let shown = Shown { format, style: Style::of_stdout(*color, verbose) };
    selection.keeps_times = !format.is_for_people();
    let mut wanted = Wanted::new(id);
    let told = selection.each_from(|record, file| {
        wanted.take(record, file);
        Ok(())
    })?;
    told.tell_limits();
    let mut out = Vec::new();
    let is_found = wanted.tell(&selection.place(), shown, &mut out)?;
    let mut output = Output::open(is_looked_at && !list.no_pager);
    output.write(&out)?;
    output.close();
    Ok(if is_found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list_kills(
    mut selection: Selection,
    select: &SelectArgs,
    list: &ListArgs,
    follow: bool,
    show: &ShowArgs,
) -> anyhow::Result<ExitCode> {
    let ListArgs { most, reverse, table, no_pager } = *list;
    let is_looked_at = io::stdout().is_terminal();
    show_times(&select.span, is_looked_at);
    let filter = &select.filter;
    let has_rows = filter.types.is_empty() || filter.types.iter().any(|kind| Row::has(*kind));
    let is_table = table || (show.format.is_none() && !show.verbose && has_rows);
    let format = show.format.unwrap_or(Format::Text);
    let style = Style::of_stdout(show.color, show.verbose);
    let shown = Shown { format, style };
    selection.keeps_times = !format.is_for_people();
    let is_of_kills = format.is_for_people() || most.is_some();
    let most = most.or(follow.then_some(BEFORE_FOLLOWING));
    // Before it is read: what comes meanwhile is not missed.
    let mut follower = follow.then(|| Follower::new(&selection)).transpose()?;
    let mut output = Output::open(is_looked_at && !no_pager && !follow);
    let mut remark = None;
    let (told, listed) = if is_table {
        let mut listed = Listed::new(most, reverse, follow, &filter.types);
        let told = selection.each_from(|record, file| {
            follower.iter_mut().for_each(|it| it.note(&record));
            if !is_left_out(&record, is_of_kills, filter) {
                listed.take(&record, file);
            }
            Ok(())
        })?;
        output.write(&listed.show(style.in_full_width())?)?;
        remark = listed.remark();
        (told, Some(listed))
    } else if most.is_some() || reverse {
        let mut gathered = Gathered::new(most, reverse);
        let told = selection.each_from(|record, file| {
            follower.iter_mut().for_each(|it| it.note(&record));
            match is_left_out(&record, is_of_kills, filter) {
                true => Ok(()),
                false => Ok(gathered.take(&record, file, shown)?),
            }
        })?;
        gathered.into_texts().try_for_each(|text| output.write(&text))?;
        (told, None)
    } else {
        let told = stream(&selection, filter, shown, &mut output)?;
        (told, None)
    };
    output.close();
    if let Some(follower) = follower {
        told.tell_limits();
        told.tell_unmatched();
        let mut listed = listed;
        let ended = follower.run(&selection, |record| {
            if is_left_out(&record, is_of_kills, filter) {
                return Ok(());
            }
            let mut text = Vec::new();
            match &mut listed {
                Some(listed) => listed.show_next(&record, style, &mut text)?,
                None => shown.append(&record, None, &mut text)?,
            }
            Output::direct().write(&text)
        })?;
        match ended {}
    }
    remark.iter().for_each(say);
    if is_table && told.before > 0 {
        let are = if told.before == 1 { "is" } else { "are" };
        say(format_args!(
            "NTH counts from --since on: {} before {are} not counted",
            Counted(told.before, "kill")
        ));
    }
    if format.is_for_people() {
        // As the records before it.
        let zone =
            if select.span.utc || !is_looked_at { TimeZone::UTC } else { TimeZone::system() };
        account::of(&selection).and_then(|it| it.unrecorded(&zone)).iter().for_each(say);
    }
    Ok(finish(&told, &selection))
}

fn print_all(
    mut selection: Selection,
    select: &SelectArgs,
    show: &ShowArgs,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let ShowArgs { format, color, verbose } = show;
    let format = format.unwrap_or(Format::Text);
    let shown = Shown { format, style: Style::of_stdout(*color, *verbose) };
    selection.keeps_times = !format.is_for_people();
    let told = stream(&selection, &select.filter, shown, output)?;
    Ok(finish(&told, &selection))
}

/// Each as it comes: a store may be larger than the memory.
fn stream(
    selection: &Selection,
    filter: &Filter,
    shown: Shown,
    output: &mut Output,
) -> anyhow::Result<Told> {
    let mut text = Vec::new();
    let mut last: Option<(String, String)> = None;
    selection.each_from(|record, file| {
        if is_left_out(&record, shown.format.is_for_people(), filter) {
            return Ok(());
        }
        let at = record.incident().zip(file).map(|(one, file)| (one.to_owned(), file.to_owned()));
        // The end of a kill, and others of its group, stand below it.
        let is_told = shown.format == Format::Text && at.is_some() && at == last;
        last = at;
        text.clear();
        shown.append(&record, file.filter(|_| !is_told), &mut text)?;
        output.write(&text)
    })
}

fn finish(told: &Told, selection: &Selection) -> ExitCode {
    told.sum_up(selection);
    if told.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
