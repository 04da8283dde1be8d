//! What an agent gives up here once it is attached, as a thread tried it.

use std::path::Path;

use serde::Serialize;

use crate::commands::run::{Confined, Landlock, try_out};
use crate::config;
use crate::text::Escaped;

/// What it goes without.
#[derive(Debug, Serialize)]
pub(super) struct Confinement {
    no_new_privs: bool,
    /// How many the kernel refuses it.
    refused_system_calls: usize,
    /// The version of the kernel's Landlock that is in force.
    landlock_abi: Option<i32>,
    /// The places that it may still write to; `None` without a configuration, or if it may write anywhere.
    writable: Option<Vec<String>>,
    /// Why it keeps what it need not.
    kept: Option<&'static str>,
    /// What the kernel refused though it has it.
    #[serde(skip)]
    notes: Vec<String>,
}

impl Confinement {
    pub(super) fn here(config: Option<&config::Run>) -> Self {
        match try_out(config) {
            Ok(confined) => Self::new(confined, config.is_some()),
            Err(error) => Self {
                notes: vec![format!("cannot try what an agent gives up: {error}")],
                ..Self::new(Confined::default(), false)
            },
        }
    }

    pub(super) fn new(confined: Confined, is_configured: bool) -> Self {
        let Confined { programs, system_calls, files, notes } = confined;
        let escaped = |path: &Path| Escaped(path.as_os_str().as_encoded_bytes()).to_string();
        let landlock = files.as_ref().map(|(_, landlock)| *landlock);
        let is_restricted = matches!(landlock, Some(Landlock::Abi(_)));
        let writable = files.filter(|_| is_configured && is_restricted);
        Self {
            no_new_privs: programs,
            refused_system_calls: system_calls.unwrap_or(0),
            landlock_abi: match landlock {
                Some(Landlock::Abi(abi)) => Some(abi),
                _ => None,
            },
            writable: writable.map(|(places, _)| places.paths().map(escaped).collect()),
            kept: match landlock {
                Some(Landlock::Absent) => Some(
                    "this kernel has no Landlock, or does not allow it (Linux 5.13 and later have it)",
                ),
                Some(Landlock::SwitchedOff) => {
                    Some("Landlock is switched off (put it into lsm= on the kernel's command line)")
                }
                Some(it) if it.lets_files_be_emptied() => {
                    Some("files elsewhere can be emptied, though not written, before Linux 6.2")
                }
                None if !programs && notes.is_empty() => {
                    Some("the programs that the exec output runs may need any privilege")
                }
                _ => None,
            },
            notes,
        }
    }

    /// What else is worth knowing.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn to_text(&self) -> String {
        let Self { no_new_privs, refused_system_calls, landlock_abi, writable, kept, notes: _ } =
            self;
        let kept = kept.map(|kept| format!(": {kept}")).unwrap_or_default();
        if !no_new_privs {
            return format!("confined  not{kept}");
        }
        let writes = match (landlock_abi, writable.as_deref()) {
            (None, _) => "anywhere".to_owned(),
            (Some(abi), None) => {
                format!("only where its store and outputs are (Landlock ABI {abi})")
            }
            (Some(abi), Some([])) => format!("nowhere (Landlock ABI {abi})"),
            (Some(abi), Some(places)) => {
                format!("only to {} (Landlock ABI {abi})", places.join(", "))
            }
        };
        format!(
            "confined  once attached: no new privileges, {refused_system_calls} system calls refused, writes \
             {writes}{kept}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(confined: Confined, is_configured: bool) -> String {
        Confinement::new(confined, is_configured).to_text()
    }

    fn with(landlock: Landlock) -> Confined {
        let files = Some((Default::default(), landlock));
        Confined { programs: true, system_calls: Some(38), files, notes: Vec::new() }
    }

    #[test]
    fn what_is_kept_is_told_with_its_reason() {
        const START: &str =
            "confined  once attached: no new privileges, 38 system calls refused, writes ";
        for (landlock, end) in [
            (Landlock::Abi(7), "nowhere (Landlock ABI 7)"),
            (
                Landlock::Abi(2),
                "nowhere (Landlock ABI 2): files elsewhere can be emptied, though not written, before Linux 6.2",
            ),
            (
                Landlock::Absent,
                "anywhere: this kernel has no Landlock, or does not allow it (Linux 5.13 and later have it)",
            ),
            (
                Landlock::SwitchedOff,
                "anywhere: Landlock is switched off (put it into lsm= on the kernel's command line)",
            ),
        ] {
            assert_eq!(told(with(landlock), true), format!("{START}{end}"));
        }
        let end = "only where its store and outputs are (Landlock ABI 7)";
        assert_eq!(told(with(Landlock::Abi(7)), false), format!("{START}{end}"));
        let exec = "confined  not: the programs that the exec output runs may need any privilege";
        assert_eq!(told(Confined::default(), true), exec);
    }
}
