//! The table of kernels and scenarios.

use std::fmt::{self, Display, Formatter};

use super::account::{Account, Verdict};
use super::guest::Guest;
use super::kernels::KERNELS;
use super::machines::MACHINES;

/// What is known of a kernel on a machine.
#[derive(Debug)]
pub(super) enum Cell {
    /// It was booted.
    Run(Account),
    /// There is no such machine with this kernel, and why.
    Obstacle(String),
}

/// Whatever was looked at, in the order of the tables of machines and kernels.
#[derive(Debug)]
pub(super) struct Table {
    cells: Vec<(Guest, Cell)>,
}

impl Table {
    /// Of what comes in any order: what was kept of a run before stands before what was run now.
    pub(super) fn of(mut cells: Vec<(Guest, Cell)>) -> Self {
        cells.sort_by_key(|(guest, _)| {
            let machine = MACHINES.iter().position(|it| it.name == guest.machine.name);
            (machine, KERNELS.iter().position(|it| it.name == guest.kernel.name))
        });
        Self { cells }
    }

    /// What was found of the kernel on the machine, if it was looked at.
    fn cell(&self, kernel: &str, machine: &str) -> Option<&Cell> {
        let is_it = |guest: &Guest| guest.kernel.name == kernel && guest.machine.name == machine;
        self.cells.iter().find_map(|(guest, cell)| is_it(guest).then_some(cell))
    }

    /// The scenarios of the machine, as the kernels that got so far list them.
    fn scenarios(&self, machine: &str) -> Vec<&str> {
        let mut names = Vec::new();
        for (_, cell) in self.cells.iter().filter(|(guest, _)| guest.machine.name == machine) {
            if let Cell::Run(account) = cell {
                for (name, _) in &account.scenarios {
                    if !names.contains(&name.as_str()) {
                        names.push(name);
                    }
                }
            }
        }
        names
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = (&Guest, &Account)> {
        self.cells.iter().filter_map(|(guest, cell)| match cell {
            Cell::Run(account) => Some((guest, account)),
            Cell::Obstacle(_) => None,
        })
    }
}

/// A table as Markdown has it, and below it why what does not apply does not.
impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let among = |name: &str| self.cells.iter().any(|(guest, _)| guest.kernel.name == name);
        let kernels: Vec<_> = KERNELS.iter().map(|k| k.name).filter(|name| among(name)).collect();
        let mut notes = Notes::default();
        let head = ["machine", "scenario"].into_iter().chain(kernels.iter().copied());
        let mut rows: Vec<Vec<_>> = vec![head.map(str::to_owned).collect()];
        for machine in MACHINES.iter().map(|machine| machine.name) {
            let cells: Vec<_> = kernels.iter().map(|kernel| self.cell(kernel, machine)).collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            let mut names = self.scenarios(machine);
            if names.is_empty() {
                names.push(NOTHING);
            }
            for name in names {
                let words = cells.iter().map(|cell| word(*cell, name, &mut notes));
                rows.push([machine, name].map(str::to_owned).into_iter().chain(words).collect());
            }
        }
        f.write_str(&markdown(&rows))?;
        notes.fmt(f)
    }
}

/// Where there is no scenario, or no run.
const NOTHING: &str = "–";

fn word(cell: Option<&Cell>, scenario: &str, notes: &mut Notes) -> String {
    let account = match cell {
        None => return NOTHING.to_owned(),
        Some(Cell::Obstacle(reason)) => return notes.not_applicable(reason),
        Some(Cell::Run(account)) => account,
    };
    match account.scenarios.iter().find(|(name, _)| name == scenario) {
        Some((_, Verdict::Pass)) => "pass".to_owned(),
        Some((_, Verdict::NotApplicable(reason))) => notes.not_applicable(reason),
        Some((_, Verdict::Fail(_))) => "FAIL".to_owned(),
        // It did not get so far as to list any.
        None if account.scenarios.is_empty() => "FAIL".to_owned(),
        // It is not run there for every change.
        None => NOTHING.to_owned(),
    }
}

/// Rows, the first of them the head, in columns of equal width.
pub(super) fn markdown(rows: &[Vec<String>]) -> String {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for row in [Some(row), (index == 0).then_some(&rule)].into_iter().flatten() {
            for (cell, width) in row.iter().zip(&widths) {
                text.push_str(&format!("| {cell:<width$} "));
            }
            text.push_str("|\n");
        }
    }
    text
}

/// Reasons, each once.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn not_applicable(&mut self, reason: &str) -> String {
        let known = self.0.iter().position(|note| note == reason);
        let index = known.unwrap_or_else(|| {
            self.0.push(reason.to_owned());
            self.0.len() - 1
        });
        format!("n/a ({})", index + 1)
    }
}

impl Display for Notes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.0.is_empty() {
            writeln!(f)?;
        }
        let mut notes = self.0.iter().enumerate();
        notes.try_for_each(|(index, note)| writeln!(f, "{}. {note}", index + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernels::Kernel;
    use super::super::machines::Machine;
    use super::*;

    fn guest(kernel: &str, machine: &str) -> Guest {
        Guest { kernel: Kernel::named(kernel).unwrap(), machine: Machine::named(machine).unwrap() }
    }

    fn account(verdicts: &[(&str, Verdict)]) -> Cell {
        let scenarios =
            verdicts.iter().map(|(name, verdict)| ((*name).to_owned(), verdict.clone())).collect();
        Cell::Run(Account { scenarios, trouble: None })
    }

    #[test]
    fn kernels_are_columns_and_reasons_footnotes() {
        let none = || Verdict::NotApplicable("no such thing".to_owned());
        let cells = vec![
            (guest("6.12", "plain"), account(&[("a", Verdict::Pass), ("b", none())])),
            (guest("6.1", "plain"), account(&[("a", Verdict::Fail(String::new())), ("b", none())])),
            (guest("6.1", "swap"), account(&[("c", Verdict::Pass)])),
            (guest("6.12", "cgroup-v1"), Cell::Obstacle("no v1".to_owned())),
        ];
        let expected = "\
| machine   | scenario | 6.1     | 6.12    |
| --------- | -------- | ------- | ------- |
| plain     | a        | FAIL    | pass    |
| plain     | b        | n/a (1) | n/a (1) |
| swap      | c        | pass    | –       |
| cgroup-v1 | –        | –       | n/a (2) |

1. no such thing
2. no v1
";
        assert_eq!(Table::of(cells).to_string(), expected);
    }

    #[test]
    fn what_was_kept_of_a_run_before_stands_where_it_belongs() {
        let run = |kernel| (guest(kernel, "plain"), account(&[("a", Verdict::Pass)]));
        let table = Table::of(vec![run("6.12"), run("7.3"), run("5.10")]);
        let kernels: Vec<_> = table.accounts().map(|(guest, _)| guest.kernel.name).collect();
        assert_eq!(kernels, ["5.10", "6.12", "7.3"]);
    }

    #[test]
    fn a_kernel_that_did_not_get_to_a_scenario_failed_it() {
        let cells = vec![
            (guest("6.1", "plain"), Cell::Run(Account::default())),
            (guest("6.12", "plain"), account(&[("a", Verdict::Pass)])),
        ];
        let table = Table::of(cells).to_string();
        assert!(table.ends_with("| plain   | a        | FAIL | pass |\n"), "{table}");
    }

    #[test]
    fn a_scenario_that_a_kernel_leaves_to_others_is_no_failure() {
        let both = [("a", Verdict::Pass), ("b", Verdict::Pass)];
        let cells = vec![
            (guest("6.1", "plain"), account(&both[..1])),
            (guest("6.12", "plain"), account(&both)),
        ];
        let table = Table::of(cells).to_string();
        assert!(table.ends_with("| plain   | b        | –    | pass |\n"), "{table}");
    }
}
