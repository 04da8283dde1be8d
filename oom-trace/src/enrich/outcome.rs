//! Tells a kill from a mark by the kernel's stack, where no probe saw `__oom_kill_process`.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;

use crate::incident::model::Outcome;
use crate::kernel::kallsyms;

const KALLSYMS: &str = "/proc/kallsyms";

/// The addresses of `__oom_kill_process`, looked up when first needed.
#[derive(Debug, Default)]
pub struct KillFunction(Option<Option<Range<u64>>>);

impl KillFunction {
    /// Looks them up now, so that the first kill need not wait.
    pub fn prepare(&mut self) -> Option<&Range<u64>> {
        self.0
            .get_or_insert_with(|| {
                let kallsyms = BufReader::new(File::open(KALLSYMS).ok()?);
                kallsyms::function(kallsyms, "__oom_kill_process").ok()?
            })
            .as_ref()
    }

    /// What the stack inside `mark_oom_victim` says; `None` if there is no stack or no address.
    pub fn outcome(&mut self, stack: &[u64]) -> Option<Outcome> {
        if stack.is_empty() {
            return None;
        }
        let range = self.prepare()?;
        Some(if stack.iter().any(|address| range.contains(address)) {
            Outcome::Killed
        } else {
            Outcome::AlreadyExiting
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_tells() {
        let mut function = KillFunction(Some(Some(100..200)));
        assert_eq!(function.outcome(&[50, 150, 300]), Some(Outcome::Killed));
        assert_eq!(function.outcome(&[50, 200]), Some(Outcome::AlreadyExiting));
        assert_eq!(function.outcome(&[]), None);
        assert_eq!(KillFunction(Some(None)).outcome(&[150]), None);
    }
}
