//! What a guest's scenarios came to, by the files that came home and the way it ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::machines::End;
use super::qemu::{Ending, PANIC};

/// The names of the machine's scenarios, as the test program lists them before it runs any.
pub(super) const LIST: &str = "scenarios.list";
/// A line of JSON for each scenario that was run.
const LINES: &str = "scenarios.jsonl";
/// What the agent says of a kernel that is about to panic.
const RECORD: &str = r#""type":"oom_panic""#;

/// What a scenario came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Verdict {
    Pass,
    /// With what it said.
    Fail(String),
    /// The kernel cannot come into this, and why.
    NotApplicable(String),
}

/// The account of a guest.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    /// In the order of the list.
    pub(super) scenarios: Vec<(String, Verdict)>,
    /// What is wrong beside failed scenarios.
    pub(super) trouble: Option<String>,
}

/// Takes the account of a guest that ended so and left this folder.
pub(super) fn take(end: End, ending: Result<Ending>, out: &Path) -> Account {
    let list = fs::read_to_string(out.join(LIST)).unwrap_or_default();
    let lines = fs::read_to_string(out.join(LINES)).unwrap_or_default();
    judge(end, ending, &names(&list), &lines)
        .unwrap_or_else(|err| Account { trouble: Some(format!("{err:#}")), ..Account::default() })
}

fn judge(end: End, ending: Result<Ending>, names: &[&str], lines: &str) -> Result<Account> {
    let reported = parse(lines)?;
    if let Some(name) = reported.keys().find(|name| !names.contains(&name.as_str())) {
        bail!("it reported the scenario {name}, which it does not list");
    }
    let panicked = match (end, &ending) {
        (End::Panic, Ok(Ending::Panic(console))) => Some(last_words(console)),
        _ => None,
    };
    let verdict = |name: &str| match (&panicked, reported.get(name)) {
        (Some(verdict), _) => verdict.clone(),
        // Its word that it is about to pass comes home only if nothing came of it.
        (None, None | Some(Verdict::Pass)) if end == End::Panic => {
            Verdict::Fail("the kernel did not panic".to_owned())
        }
        (None, Some(told)) => told.clone(),
        (None, None) => Verdict::Fail("it did not report".to_owned()),
    };
    let scenarios = names.iter().map(|name| ((*name).to_owned(), verdict(name))).collect();
    let mut account = Account { scenarios, trouble: None };
    account.trouble = match ending {
        Err(err) => Some(format!("{err:#}")),
        Ok(ending) if names.is_empty() => Some(format!("it lists no scenario; {ending}")),
        Ok(Ending::Panic(_)) if panicked.is_some() => None,
        Ok(Ending::Exit(code)) if code == 0 || account.failed() > 0 => None,
        Ok(ending) => Some(ending.to_string()),
    };
    Ok(account)
}

impl Account {
    /// The last that was kept there, if it can be read.
    pub(super) fn kept(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    pub(super) fn keep(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        // A guest that did not come to a boot has no folder.
        path.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(path, text))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn passed(&self) -> usize {
        self.scenarios.iter().filter(|(_, verdict)| *verdict == Verdict::Pass).count()
    }

    pub(super) fn failed(&self) -> usize {
        self.scenarios.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Fail(_))).count()
    }

    /// Whether this one did.
    pub(super) fn has_passed(&self, scenario: &str) -> bool {
        self.scenarios.iter().any(|(name, verdict)| name == scenario && *verdict == Verdict::Pass)
    }

    pub(super) fn is_good(&self) -> bool {
        self.failed() == 0 && self.trouble.is_none()
    }
}

/// Whether the console shows the agent's record, and then the panic.
fn last_words(console: &str) -> Verdict {
    let before = console.split(PANIC).next().unwrap_or_default();
    if before.contains(RECORD) || without_kernel(before).contains(RECORD) {
        Verdict::Pass
    } else {
        Verdict::Fail(format!("the console shows no {RECORD} before the panic"))
    }
}

/// The console without the kernel's own lines, which it may put into the midst of another's.
fn without_kernel(console: &str) -> String {
    let is_stamp = |text: &str| {
        let stamp = text.split(']').next().and_then(|stamp| stamp.strip_prefix('['));
        stamp.is_some_and(|stamp| stamp.trim().parse::<f64>().is_ok())
    };
    let mut kept = String::new();
    for line in console.split_inclusive('\n') {
        let rest = |at: usize| line.get(at..).unwrap_or_default();
        let stamp = line.match_indices('[').map(|(at, _)| at).find(|at| is_stamp(rest(*at)));
        kept.push_str(stamp.and_then(|at| line.get(..at)).unwrap_or(line));
    }
    kept
}

/// The names in a list of tests: `NAME: test`.
fn names(list: &str) -> Vec<&str> {
    list.lines().filter_map(|line| line.strip_suffix(": test")).collect()
}

#[derive(Deserialize)]
struct Line {
    scenario: String,
    result: Outcome,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Pass,
    Fail,
    NotApplicable,
}

fn parse(lines: &str) -> Result<BTreeMap<String, Verdict>> {
    let mut verdicts = BTreeMap::new();
    for line in lines.lines() {
        let Line { scenario, result, reason } =
            serde_json::from_str(line).with_context(|| format!("{LINES} has the line {line:?}"))?;
        let verdict = match (result, reason) {
            (Outcome::Pass, _) => Verdict::Pass,
            (Outcome::Fail, reason) => Verdict::Fail(reason.unwrap_or_default()),
            (Outcome::NotApplicable, Some(reason)) => Verdict::NotApplicable(reason),
            (Outcome::NotApplicable, None) => {
                Verdict::Fail("it says that it does not apply, and not why".to_owned())
            }
        };
        if verdicts.insert(scenario.clone(), verdict).is_some() {
            bail!("{LINES} has two lines for {scenario}");
        }
    }
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn line(scenario: &str, result: &str, reason: &str) -> String {
        format!(r#"{{"scenario":"{scenario}","result":"{result}","reason":{reason}}}"#) + "\n"
    }

    fn verdicts(account: &Account) -> Vec<&Verdict> {
        account.scenarios.iter().map(|(_, verdict)| verdict).collect()
    }

    #[test]
    fn what_did_not_report_failed() {
        let lines = line("b", "not_applicable", "\"no swap\"") + &line("a", "pass", "null");
        let account = judge(End::Account, Ok(Ending::Exit(0)), &["a", "b", "c"], &lines).unwrap();
        let [a, b, c] = verdicts(&account)[..] else { panic!("{account:?}") };
        assert_eq!((a, b), (&Verdict::Pass, &Verdict::NotApplicable("no swap".to_owned())));
        assert_eq!(c, &Verdict::Fail("it did not report".to_owned()));
        assert_eq!((account.passed(), account.failed(), account.is_good()), (1, 1, false));
    }

    #[test]
    fn a_guest_without_a_verdict_is_trouble() {
        let told = line("a", "pass", "null");
        let endings = [
            Err(anyhow!("it hangs")),
            Ok(Ending::Panic("Kernel panic - not syncing: x".to_owned())),
            Ok(Ending::Exit(101)),
        ];
        for ending in endings {
            let account = judge(End::Account, ending, &["a"], &told).unwrap();
            assert_eq!((account.failed(), account.is_good()), (0, false), "{account:?}");
        }
        assert!(!judge(End::Account, Ok(Ending::Exit(0)), &[], "").unwrap().is_good());
    }

    #[test]
    fn an_account_that_makes_no_sense_is_refused() {
        let twice = line("a", "pass", "null").repeat(2);
        let bad = ["pass\n", &twice, &line("b", "pass", "null"), &line("a", "perhaps", "null")];
        for lines in bad {
            judge(End::Account, Ok(Ending::Exit(0)), &["a"], lines).unwrap_err();
        }
        let silent = line("a", "not_applicable", "null");
        let account = judge(End::Account, Ok(Ending::Exit(0)), &["a"], &silent).unwrap();
        assert!(!account.is_good());
    }

    #[test]
    fn a_panic_passes_after_its_record_only() {
        let record = "x\n{\"schema\":1,\"type\":\"oom_panic\"}\n";
        let panic = "[    9.1] Kernel panic - not syncing: Out of memory\n";
        let good = |ending| {
            let account = judge(End::Panic, ending, &["panics"], "").unwrap();
            account.is_good()
        };
        assert!(good(Ok(Ending::Panic(format!("{record}{panic}")))));
        let torn = record.replace("type", "ty[   35.912345] 177 pages [free]\r\npe");
        assert!(good(Ok(Ending::Panic(format!("{torn}{panic}")))));
        assert!(!good(Ok(Ending::Panic(format!("{panic}{record}")))));
        assert!(!good(Ok(Ending::Panic(panic.to_owned()))));
        assert!(!good(Ok(Ending::Exit(0))));
        assert!(!good(Err(anyhow!("it hangs"))));
        let nothing = judge(End::Panic, Ok(Ending::Panic(format!("{record}{panic}"))), &[], "");
        assert!(!nothing.unwrap().is_good());
        let told = line("panics", "pass", "null");
        let account = judge(End::Panic, Ok(Ending::Exit(0)), &["panics"], &told).unwrap();
        assert!(!account.is_good(), "its word that it will panic is not a panic");
    }

    #[test]
    fn the_list_is_what_the_test_program_prints() {
        assert_eq!(names("a: test\nb: test\n\n2 tests, 0 benchmarks\n"), ["a", "b"]);
    }
}
