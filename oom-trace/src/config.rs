//! From flags to what they mean on this terminal, in this environment.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use crate::cli::{Attach, CheckArgs, Color, RunArgs};
use crate::enrich::command::Redactor;
use crate::kernel::plan::Rung;
use crate::render::{Format, Style};
use crate::sink::OutputSpec;

/// How to look at the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The rungs that may be taken, best first.
    pub rungs: Vec<Rung>,
    /// Another place of the BTF.
    pub btf: Option<PathBuf>,
}

impl Kernel {
    fn new(attach: Attach, btf: Option<PathBuf>) -> Self {
        let rungs = match attach {
            Attach::Auto => Rung::ALL.to_vec(),
            Attach::Kprobe => vec![Rung::Kprobe],
            Attach::Fentry => vec![Rung::Fentry],
            Attach::Tracepoint => vec![Rung::Tracepoint],
            Attach::Log => vec![Rung::Log],
        };
        Self { rungs, btf }
    }
}

impl From<CheckArgs> for Kernel {
    fn from(args: CheckArgs) -> Self {
        let CheckArgs { json: _, attach, btf } = args;
        Self::new(attach, btf)
    }
}

/// How to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How to look at the kernel.
    pub kernel: Kernel,
    /// Format of standard output.
    pub format: Format,
    /// Look of standard output.
    pub style: Style,
    /// Files.
    pub outputs: Vec<OutputSpec>,
    /// What of victims' arguments is told.
    pub redactor: Redactor,
    /// How many candidates are told of.
    pub candidates: usize,
    /// Cause one kill and end.
    pub demo: bool,
    /// Print the eBPF program's diagnostics.
    pub debug: bool,
}

impl From<RunArgs> for Run {
    fn from(args: RunArgs) -> Self {
        let RunArgs {
            format,
            outputs,
            no_cmdline,
            redact,
            no_redact,
            candidates,
            color,
            attach,
            btf,
            demo,
            debug,
        } = args;
        Self {
            kernel: Kernel::new(attach, btf),
            format,
            style: style(color),
            outputs,
            candidates: candidates.into(),
            redactor: Redactor { tells: !no_cmdline, usual: !no_redact, patterns: redact },
            demo,
            debug,
        }
    }
}

/// The look of standard output.
#[must_use]
pub fn style(color: Color) -> Style {
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            stdout().is_terminal() && !set("NO_COLOR") && !dumb
        }
    };
    Style { color }
}
