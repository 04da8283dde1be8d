//! What is booted for every change: a new guest is one line here.

/// How much of its machine's scenarios a guest of the sample runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Each, with fewer kills.
    Change,
    /// The same, and only what may differ from kernel to kernel (`Scenario::on_each_kernel`).
    Kernel,
}

/// The oldest and the newest kernel, one between them, and each kind of machine that takes no longer
/// than a minute or two; each scenario of these machines on one kernel at least. All there is takes three
/// hours on two processors.
const SAMPLE: &[(&str, &str, Scope)] = &[
    ("5.10", "plain", Scope::Kernel),
    ("6.1", "cgroup-v1", Scope::Change),
    ("6.12", "plain", Scope::Change),
    ("6.12", "numa", Scope::Change),
    ("6.12", "swap", Scope::Change),
    ("6.12", "disk", Scope::Change),
    ("6.12", "lockdown", Scope::Change),
    ("6.12", "panic", Scope::Change),
    ("7.3", "plain", Scope::Kernel),
];

/// Whether a guest of this kernel on this machine is in it.
pub(super) fn has(kernel: &str, machine: &str) -> bool {
    scope(kernel, machine).is_some()
}

/// Whether any guest of this kernel is.
pub(super) fn has_kernel(kernel: &str) -> bool {
    SAMPLE.iter().any(|(name, ..)| *name == kernel)
}

/// What its guest of this kernel on this machine finds in its environment: the name of its scope.
pub(super) fn environment(kernel: &str, machine: &str) -> Option<(&'static str, &'static str)> {
    let name = match scope(kernel, machine)? {
        Scope::Change => "change",
        Scope::Kernel => "kernel",
    };
    Some(("OOM_TRACE_SCOPE", name))
}

fn scope(kernel: &str, machine: &str) -> Option<Scope> {
    let own = |(name, kind, _): &&(&str, &str, Scope)| (*name, *kind) == (kernel, machine);
    SAMPLE.iter().find(own).map(|(.., scope)| *scope)
}

#[cfg(test)]
mod tests {
    use super::super::kernels::Kernel;
    use super::super::machines::Machine;
    use super::*;

    #[test]
    fn its_guests_are_of_the_tables_and_each_machine_runs_all_somewhere() {
        for (kernel, machine, _) in SAMPLE {
            assert!(Kernel::named(kernel).unwrap().is_run_on(Machine::named(machine).unwrap()));
            let all =
                |(_, kind, scope): &(&str, &str, Scope)| kind == machine && *scope == Scope::Change;
            assert!(SAMPLE.iter().any(all), "{machine}");
        }
    }

    #[test]
    fn a_guest_is_told_its_scope() {
        assert_eq!(environment("7.3", "plain"), Some(("OOM_TRACE_SCOPE", "kernel")));
        assert_eq!(environment("6.12", "plain"), Some(("OOM_TRACE_SCOPE", "change")));
        assert_eq!(environment("6.12", "fire"), None);
    }
}
