//! Who may import whom in the agent.

use proc_macro2::TokenStream;

use super::tokens::{self, Import};

/// A module of the agent, and the paths it may name outside itself.
struct Rule {
    module: &'static str,
    may: &'static [&'static str],
}

/// Crates that only some may name.
const GUARDED: &[&str] = &["aya", "aya_log", "aya_obj", "oom_trace_common"];

const ANY: &[&str] = &["*"];

/// A module of the first rank that is missing here is an error: decide what it may import.
const RULES: &[Rule] = &[
    Rule { module: "main", may: ANY },
    Rule { module: "lib", may: ANY },
    Rule { module: "app", may: ANY },
    Rule { module: "commands", may: ANY },
    Rule {
        module: "pipeline",
        may: &[
            "bpf",
            "budget",
            "config",
            "delivery",
            "enrich",
            "incident",
            "kernel",
            "kernel_log",
            "render",
            "sink",
            "store",
            "wire",
            "oom_trace_common",
        ],
    },
    Rule {
        module: "cli",
        may: &["enrich::command", "incident::model", "kernel::attach", "render", "sink"],
    },
    Rule {
        module: "config",
        may: &["cli", "enrich::command", "kernel", "render", "sink", "store"],
    },
    Rule { module: "delivery", may: &["incident::model", "render", "sink", "store"] },
    Rule { module: "budget", may: &[] },
    Rule { module: "cause", may: &[] },
    Rule { module: "say", may: &[] },
    Rule { module: "setting", may: &[] },
    Rule { module: "store", may: &["incident::model", "render"] },
    Rule { module: "files", may: &[] },
    Rule { module: "near", may: &[] },
    Rule { module: "notify", may: &[] },
    Rule { module: "release", may: &[] },
    Rule { module: "reserve", may: &[] },
    Rule { module: "systemd", may: &[] },
    Rule { module: "text", may: &[] },
    Rule { module: "units", may: &[] },
    Rule { module: "quote", may: &[] },
    Rule { module: "kernel", may: &["oom_trace_common"] },
    Rule {
        module: "kernel_log",
        may: &["incident::model", "enrich::clock", "enrich::host", "enrich::place", "why"],
    },
    Rule {
        module: "ledger",
        may: &[
            "enrich::clock",
            "enrich::host",
            "incident::model",
            "kernel::vmstat",
            "kernel_log::this_boot",
            "store",
        ],
    },
    Rule { module: "bpf", may: &["kernel", "oom_trace_common", "aya", "aya_log", "aya_obj"] },
    Rule { module: "wire", may: &["oom_trace_common"] },
    Rule { module: "incident", may: &["wire"] },
    Rule { module: "enrich", may: &["incident", "kernel", "why", "wire"] },
    Rule { module: "why", may: &["incident::model"] },
    Rule { module: "render", may: &["incident::model"] },
    Rule { module: "report", may: &["incident::model", "render"] },
    Rule {
        module: "top",
        may: &[
            "enrich::system",
            "incident::model",
            "kernel::namespace",
            "kernel::vmstat",
            "render",
            "sink::PathPattern",
        ],
    },
    Rule { module: "sink", may: &["render", "incident::model"] },
];

/// Nothing but the entry points may name these, whatever its rule.
const PRIVATE: &[(&str, &[&str])] = &[
    ("app", &["main", "commands"]),
    ("cli", &["main", "app", "commands", "config"]),
    ("config", &["main", "app", "commands", "pipeline"]),
    ("pipeline", &["commands"]),
];

/// Leaves of use to all.
const COMMON: &[&str] = &[
    "cause", "files", "near", "notify", "quote", "release", "reserve", "say", "setting", "systemd",
    "text", "units",
];

/// What breaks the rules in one file; `module` is its path, without `crate`.
pub(super) fn check(module: &[String], tokens: TokenStream) -> Vec<(usize, String)> {
    let Some(top) = module.first() else { return Vec::new() };
    let Some(rule) = RULES.iter().find(|rule| rule.module == top) else {
        return vec![(1, format!("module {top} is not in the table of xtask/src/lint/imports.rs"))];
    };
    let crates = [GUARDED, &["oom_trace"]].concat();
    let found = tokens::imports(tokens, module, &crates);
    found.into_iter().filter_map(|import| Some((import.line, judge(rule, &import)?))).collect()
}

fn judge(rule: &Rule, import: &Import) -> Option<String> {
    let (first, rest) = import.path.split_first()?;
    // The binary names the library's modules by the crate's name.
    let path = if first == "crate" || first == "oom_trace" { rest } else { &import.path };
    let target = path.first()?;
    if import.handed_on_as.is_some() && target != rule.module && rule.module != "lib" {
        // Else who may not import it could by way of this one.
        return Some(format!("{} may not hand on {}", rule.module, path.join("::")));
    }
    let known = GUARDED.contains(&target.as_str()) || RULES.iter().any(|r| r.module == target);
    let own = target == rule.module || rule.module == "lib";
    let private = PRIVATE.iter().find(|(module, _)| module == target);
    let open = private.is_none_or(|(_, users)| users.contains(&rule.module));
    let allowed = COMMON.contains(&target.as_str())
        || rule
            .may
            .iter()
            .any(|may| *may == "*" && (known || is_item(target)) || leads_into(path, may));
    if own || (allowed && open) {
        return None;
    }
    let may = if rule.may.is_empty() { "no other module".into() } else { rule.may.join(", ") };
    Some(format!("{} may not import {}; it may import {may}", rule.module, path.join("::")))
}

/// Whether the name is a type or constant at the root rather than a module.
fn is_item(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

fn leads_into(path: &[String], prefix: &str) -> bool {
    let mut path = path.iter();
    prefix.split("::").all(|part| path.next().is_some_and(|name| name == part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(module: &str, source: &str) -> Vec<String> {
        let module: Vec<_> = module.split("::").map(str::to_owned).collect();
        check(&module, source.parse().unwrap()).into_iter().map(|(_, error)| error).collect()
    }

    #[test]
    fn what_the_design_allows_passes() {
        let good = [
            (
                "bpf::loader",
                "use aya::Ebpf; use crate::kernel::plan::Plan; use oom_trace_common::X;",
            ),
            ("wire", "use oom_trace_common::record::Header; use crate::text::KernelText;"),
            ("sink::file", "use crate::render::json; use crate::incident::model::OomKill;"),
            ("sink::file", "use super::Sink; mod tests { use super::*; }"),
            ("sink", "mod file; pub use file::File; pub use self::tls::Tls;"),
            ("commands::run", "use crate::{app, bpf, cli::Cli, Error}; use super::helper;"),
            ("main", "fn main() { oom_trace::app::run(); }"),
        ];
        for (module, source) in good {
            assert_eq!(errors(module, source), Vec::<String>::new(), "{module}: {source}");
        }
    }

    #[test]
    fn what_it_does_not_is_named() {
        let bad = [
            ("sink::file", "use crate::bpf::Ring;"),
            ("sink::file", "use super::super::incident::assemble::Assembler;"),
            ("render::text", "use crate::incident::assemble;"),
            ("wire", "fn f() -> aya::Ebpf { todo!() }"),
            ("kernel", "use crate::app::run;"),
            ("incident", "use crate::{wire, enrich::host};"),
            ("enrich", "use oom_trace_common::record::Header;"),
            ("bpf", "vec![crate::cli::Cli::default()]"),
            ("incident", "mod tests { use super::super::sink; }"),
            ("incident", "pub use crate::wire::record;"),
            ("wire", "pub(crate) use oom_trace_common::record;"),
        ];
        for (module, source) in bad {
            assert_eq!(errors(module, source).len(), 1, "{module}: {source}");
        }
    }

    #[test]
    fn an_unknown_module_needs_a_line_in_the_table() {
        assert!(errors("helpers", "").join("").contains("not in the table"));
        assert_eq!(errors("commands", "use crate::helpers::x;").len(), 1);
    }
}
