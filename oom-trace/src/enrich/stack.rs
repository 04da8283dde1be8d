//! What the kernel's stack inside `mark_oom_victim` tells where no probe saw what led there.

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;

use crate::incident::model::{Outcome, Scope};
use crate::kernel::kallsyms;

const KALLSYMS: &str = "/proc/kallsyms";

/// The functions that tell, all of mm/ and the same from 5.10 to 7.3.
const FUNCTIONS: [&str; 2] = ["__oom_kill_process", "mem_cgroup_out_of_memory"];

/// The addresses of functions, looked up when first needed.
#[derive(Debug, Default)]
pub struct StackReader(Option<[Option<Range<u64>>; 2]>);

impl StackReader {
    /// Looks them up now, so that the first kill need not wait; whether the kernel tells them.
    pub fn prepare(&mut self) -> bool {
        self.functions().iter().all(Option::is_some)
    }

    fn functions(&mut self) -> &[Option<Range<u64>>; 2] {
        self.0.get_or_insert_with(|| {
            let Ok(file) = File::open(KALLSYMS) else { return [None, None] };
            kallsyms::functions(BufReader::new(file), FUNCTIONS).unwrap_or_default()
        })
    }

    /// Whether the kernel killed the task; `None` if there is no stack or no address.
    pub fn outcome(&mut self, stack: &[u64]) -> Option<Outcome> {
        let [kill, _] = self.functions();
        let killed = contains(stack, kill.as_ref()?)?;
        Some(if killed { Outcome::Killed } else { Outcome::AlreadyExiting })
    }

    /// Whether it was a cgroup's memory that ran out; of another shortage it does not tell which.
    pub fn scope(&mut self, stack: &[u64]) -> Option<Scope> {
        let [_, memcg] = self.functions();
        contains(stack, memcg.as_ref()?)?.then_some(Scope::Memcg)
    }
}

fn contains(stack: &[u64], function: &Range<u64>) -> Option<bool> {
    (!stack.is_empty()).then(|| stack.iter().any(|address| function.contains(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_tells() {
        let mut reader = StackReader(Some([Some(100..200), Some(300..400)]));
        assert_eq!(reader.outcome(&[50, 150, 250]), Some(Outcome::Killed));
        assert_eq!(reader.outcome(&[50, 200]), Some(Outcome::AlreadyExiting));
        assert_eq!(reader.scope(&[50, 150, 300]), Some(Scope::Memcg));
        assert_eq!(reader.scope(&[50, 150]), None);
        assert_eq!(reader.outcome(&[]), None);
        assert_eq!(StackReader(Some([None, None])).outcome(&[150]), None);
    }
}
