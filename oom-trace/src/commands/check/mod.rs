//! `oom-trace check`: what this machine offers.

mod configuration;
mod confined;
mod machine;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use rustix::process::geteuid;
use serde::Serialize;

use self::configuration::{Checked, Tried};
use self::confined::Confinement;
use self::machine::Remark;
use crate::budget::{Budget, Limit};
use crate::cli::CheckArgs;
use crate::commands::run::survive;
use crate::commands::select::agent;
use crate::config::{self, USAGE};
use crate::kernel::plan::Plan;
use crate::kernel_log::device::Device;
use crate::pipeline::{notes, open};
use crate::render::{Color, Style, wrapped};
use crate::sink::event_loop;
use crate::text::harmless;
use crate::units::Size;

/// Where what is said begins, behind the label.
const INDENT: usize = 10;

/// What was found.
#[derive(Debug, Serialize)]
struct Findings {
    /// Whether the agent runs here.
    ok: bool,
    /// The configuration's file, and all that is wrong with it.
    config: Option<Checked>,
    /// The agent that runs already.
    agent: Option<Running>,
    kernel: String,
    /// How it attaches.
    attach: Option<String>,
    /// The programs it loads and the functions they are on.
    hooks: Vec<String>,
    /// Better ways, and why they are not taken.
    refused: Vec<Reason>,
    /// Keys that are `null` in its records.
    missing: Vec<Reason>,
    /// The destinations of the configuration, and what is wrong with each.
    destinations: Vec<Tried>,
    /// What it gives up once it is attached.
    confined: Confinement,
    /// How much memory it may use.
    memory: Memory,
    /// What of the machine's own settings is worth a thought.
    machine: Vec<Remark>,
    /// What else is worth knowing.
    notes: Vec<String>,
    /// Why it does not run.
    error: Option<String>,
}

impl Findings {
    fn is_right(&self) -> bool {
        self.config.as_ref().is_none_or(Checked::is_right)
    }

    fn is_reached(&self) -> bool {
        self.destinations.iter().all(|tried| tried.error.is_none())
    }

    /// What it comes to.
    fn results(&self) -> Vec<String> {
        let mut results = Vec::new();
        if let Some(config) = self.config.as_ref().filter(|config| !config.is_right()) {
            results.push(config.summary());
        }
        if !self.is_reached() {
            results.push("a destination cannot be reached".to_owned());
        }
        match &self.error {
            Some(error) => results.push(format!("cannot run here: {error}")),
            None if !results.is_empty() => {}
            None if self.missing.is_empty() => results.push("all fields available".to_owned()),
            None => results.push(
                "partly: an agent here records each kill; missing fields are taken from the kernel's log if it has them"
                    .to_owned(),
            ),
        }
        results
    }
}

/// An agent that runs, as far as others see it.
#[derive(Debug, Serialize)]
struct Running {
    pid: i32,
    /// Where it keeps its records.
    store: Option<PathBuf>,
}

impl Running {
    fn here() -> Option<Self> {
        agent().map(|(pid, store)| Self { pid, store })
    }

    fn to_text(&self) -> String {
        let store = match &self.store {
            Some(store) => format!("keeps its records in {}", store.display()),
            None => "keeps no records that can be seen from here".to_owned(),
        };
        format!("agent     running (pid {}), {store}", self.pid)
    }
}

/// The limit that leaves the least, if there is one, and what follows from it.
#[derive(Debug, Serialize)]
struct Memory {
    cgroup: Option<String>,
    /// The file that sets it.
    limit: Option<String>,
    limit_bytes: Option<u64>,
    /// What can be reclaimed left out.
    used_bytes: Option<u64>,
    /// What may wait for outputs.
    backlog_bytes: u64,
}

impl Memory {
    fn here() -> Self {
        let budget = Budget::here();
        let tightest = budget.tightest();
        Self {
            cgroup: tightest.map(|(cgroup, ..)| cgroup.to_owned()),
            limit: tightest.map(|(_, Limit { kind, .. }, _)| kind.to_string()),
            limit_bytes: tightest.map(|(_, Limit { bytes, .. }, _)| bytes),
            used_bytes: tightest.map(|(.., used)| used),
            backlog_bytes: budget.backlog_bytes(),
        }
    }

    fn to_text(&self) -> String {
        let Self { cgroup, limit, limit_bytes, used_bytes, backlog_bytes } = self;
        let may = match (cgroup, limit, limit_bytes, used_bytes) {
            (Some(cgroup), Some(limit), Some(most), Some(used)) => format!(
                "{} of {} left in cgroup {cgroup} ({limit})",
                Size(most.saturating_sub(*used)),
                Size(*most)
            ),
            _ => "no cgroup limit".to_owned(),
        };
        format!("memory    {may}; up to {} of records may wait for outputs", Size(*backlog_bytes))
    }
}

#[derive(Debug, Serialize)]
struct Reason {
    name: String,
    reason: String,
}

/// Looks, tries each rung for real, and prints what was found.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(args: CheckArgs) -> anyhow::Result<ExitCode> {
    let (json, config_only) = (args.json, args.config_only);
    let named = args.config.clone();
    let (kernel, config) = args.resolve();
    let (config, mistakes) = config.unzip();
    let checked = named.zip(mistakes).map(|(file, mistakes)| Checked::new(&file, mistakes));
    match checked {
        Some(checked) if config_only => {
            print(json, &checked, || checked.to_lines().join("\n"))?;
            Ok(if checked.is_right() { ExitCode::SUCCESS } else { ExitCode::from(USAGE) })
        }
        checked => print_findings(json, look(&kernel, checked, config.as_ref())),
    }
}

fn print_findings(json: bool, findings: Findings) -> anyhow::Result<ExitCode> {
    print(json, &findings, || to_text(&findings))?;
    Ok(match findings {
        Findings { ok: true, .. } => ExitCode::SUCCESS,
        Findings { config: Some(config), .. } if !config.is_right() => ExitCode::from(USAGE),
        _ => ExitCode::FAILURE,
    })
}

/// To standard output, whose reader may have gone.
fn print(json: bool, what: &impl Serialize, text: impl Fn() -> String) -> anyhow::Result<()> {
    let mut text = if json {
        serde_json::to_string_pretty(what).context("cannot write the findings as JSON")?
    } else {
        // The configuration may be a stranger's.
        let lines = harmless(&text()).into_owned();
        // What another program reads has a line for each thing.
        match io::stdout().is_terminal().then(|| Style::of_stdout(Color::Never, false).width) {
            Some(width) => wrapped(&lines, INDENT, width),
            None => lines,
        }
    };
    text.push('\n');
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Gathers the facts, makes the plan and carries it out for a moment: what the kernel turns down
/// only when asked is found too.
fn look(
    kernel: &config::Kernel,
    checked: Option<Checked>,
    config: Option<&config::Run>,
) -> Findings {
    let mut findings = Findings {
        ok: false,
        config: checked,
        agent: Running::here(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        attach: None,
        hooks: Vec::new(),
        refused: Vec::new(),
        missing: Vec::new(),
        destinations: config.map(configuration::try_destinations).unwrap_or_default(),
        confined: Confinement::here(config),
        memory: Memory::here(),
        machine: machine::remarks(),
        notes: Vec::new(),
        error: None,
    };
    let tried = try_hooks(kernel, &mut findings);
    // This process, as the agent would: it ends soon.
    findings.notes.extend(survive());
    findings.notes.extend_from_slice(findings.confined.notes());
    // As it is once the programs are loaded.
    findings.memory = Memory::here();
    match tried {
        Ok(()) => findings.ok = findings.is_right() && findings.is_reached(),
        Err(error) => findings.error = Some(format!("{error:#}")),
    }
    findings
}

fn try_hooks(config: &config::Kernel, findings: &mut Findings) -> anyhow::Result<()> {
    let runtime = event_loop::of_one_thread().context(event_loop::REFUSED)?;
    let log = Device::open_at_end().map(|(log, _)| log);
    let (plan, source) = runtime.block_on(async { open(config, false, log) })?;
    let Plan { rung, hooks, missing, refused } = plan;
    findings.attach = Some(rung.to_string());
    findings.hooks =
        hooks.iter().map(|hook| format!("{} on {}", hook.program, hook.target)).collect();
    let reason = |name: String, reason| Reason { name, reason };
    findings.refused =
        refused.into_iter().map(|it| reason(it.rung.to_string(), it.reason)).collect();
    findings.missing =
        missing.into_iter().map(|it| reason(it.field.to_owned(), it.reason)).collect();
    findings.notes = notes(&source);
    Ok(())
}

fn to_text(findings: &Findings) -> String {
    let Findings {
        ok: _,
        config,
        agent,
        kernel,
        attach,
        hooks,
        refused,
        missing,
        destinations,
        confined,
        memory,
        machine,
        notes,
        error: _,
    } = findings;
    let mut lines = config.as_ref().map(Checked::to_lines).unwrap_or_default();
    lines.push(match agent {
        Some(agent) => agent.to_text(),
        None if geteuid().is_root() => {
            "agent     none is running: kills are not being recorded".to_owned()
        }
        // Where it would be seen is its own folder.
        None => "agent     none that this user can see".to_owned(),
    });
    lines.push(format!("kernel    {kernel}"));
    if let Some(attach) = attach {
        lines.push(format!("attach    {attach}"));
    }
    lines.extend(hooks.iter().map(|hook| format!("hook      {hook}")));
    let with_reason = |label: &str, list: &[Reason]| -> Vec<String> {
        list.iter().map(|it| format!("{label:<9} {}: {}", it.name, it.reason)).collect()
    };
    lines.extend(with_reason("skipped", refused));
    lines.extend(with_reason("missing", &by_reason(missing)));
    lines.extend(configuration::to_lines(destinations));
    lines.push(confined.to_text());
    lines.push(memory.to_text());
    lines.extend(machine.iter().map(Remark::to_text));
    lines.extend(notes.iter().map(|note| format!("note      {note}")));
    lines.extend(findings.results().iter().map(|result| format!("result    {result}")));
    lines.join("\n")
}

/// What has one reason is told at once.
fn by_reason(missing: &[Reason]) -> Vec<Reason> {
    let mut grouped: Vec<Reason> = Vec::new();
    for Reason { name, reason } in missing {
        match grouped.iter_mut().find(|known| known.reason == *reason) {
            Some(known) => {
                known.name.push_str(", ");
                known.name.push_str(name);
            }
            None => grouped.push(Reason { name: name.clone(), reason: reason.clone() }),
        }
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::run::Confined;

    #[test]
    fn one_reason_is_told_once() {
        let missing = [("a", "x"), ("b", "y"), ("c", "x")]
            .map(|(name, reason)| Reason { name: name.into(), reason: reason.into() });
        let findings = Findings {
            ok: true,
            config: None,
            agent: Some(Running { pid: 7, store: Some("/var/lib/x.db".into()) }),
            kernel: "6.12".into(),
            attach: None,
            hooks: Vec::new(),
            refused: Vec::new(),
            missing: missing.into(),
            destinations: Vec::new(),
            confined: Confinement::new(Confined::default(), false),
            memory: Memory {
                cgroup: None,
                limit: None,
                limit_bytes: None,
                used_bytes: None,
                backlog_bytes: 32 << 20,
            },
            machine: Vec::new(),
            notes: Vec::new(),
            error: None,
        };
        assert_eq!(
            to_text(&findings),
            "agent     running (pid 7), keeps its records in /var/lib/x.db\nkernel    6.12\nmissing   a, c: x\nmissing   b: y\n\
             confined  not: the programs that the exec output runs may need any privilege\n\
             memory    no cgroup limit; up to 32.0 MiB of records may wait for outputs\n\
             result    partly: an agent here records each kill; missing fields are taken from the kernel's log if it has them"
        );
    }
}
