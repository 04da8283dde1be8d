//! Promises of memory.

use super::super::facts::short_machine;
use crate::incident::model::OomKill;
use crate::units::Size;

/// `OVERCOMMIT_ALWAYS` (include/uapi/linux/mman.h)
const ALWAYS: u32 = 1;

pub(super) fn unlimited(kill: &OomKill) -> Option<String> {
    let system = short_machine(kill).filter(|it| it.overcommit_memory == Some(ALWAYS))?;
    let (committed, total) = (Size(system.committed_bytes?), Size(system.total_bytes?));
    Some(format!(
        "set vm.overcommit_memory to 0 or 2, so that excessive allocations fail: it is 1, and \
         {committed} was committed on a machine of {total}"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, of_the_machine};
    use super::*;

    #[test]
    fn all_is_promised_at_1_only() {
        let mut kill = of_the_machine();
        let system = kill.system.as_mut().unwrap();
        system.committed_bytes = Some(40 * GIB);
        system.overcommit_memory = Some(1);
        assert!(
            unlimited(&kill).unwrap().contains("40.0 GiB was committed on a machine of 16.0 GiB")
        );
        kill.system.as_mut().unwrap().overcommit_memory = Some(0);
        assert_eq!(unlimited(&kill), None);
    }
}
