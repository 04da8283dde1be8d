//! Work that is bound to some memory nodes.

use super::super::facts::{is_share, later};
use super::super::nodes::Bound;
use crate::incident::model::{OomKill, Scope};
use crate::units::Size;

/// Where less than this share of the full nodes is free elsewhere, there is no more to be had there.
const WORTHWHILE_PERCENT: u64 = 5;

pub(super) fn bound(kill: &OomKill) -> Option<String> {
    let bound = Bound::new(kill)?;
    let nodes = bound.name()?;
    let others = match (bound.free_elsewhere, bound.total) {
        (Some(free), Some(total)) if !is_share(free, total, WORTHWHILE_PERCENT) => return None,
        (Some(free), _) => {
            let later = kill.system.as_deref().map(later).unwrap_or_default();
            format!(": other nodes had {} free{later}", Size(free))
        }
        (None, _) => String::new(),
    };
    Some(match kill.shortage.scope {
        Some(Scope::Cpuset) => {
            format!("add nodes to cpuset.mems of {}, which allows only {nodes}{others}", bound.by)
        }
        _ => format!(
            "bind it to more nodes, or use a preferred policy (numactl --preferred): {} allows only \
             {nodes}{others}",
            bound.by
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{GIB, of_nodes, of_the_machine};
    use super::*;

    #[test]
    fn other_nodes_may_have_memory() {
        let mut kill = of_nodes(Scope::Cpuset);
        assert_eq!(
            bound(&kill).unwrap(),
            "add nodes to cpuset.mems of cpuset batch, which allows only node 0: other nodes had \
             6.0 GiB free"
        );
        kill.system = None;
        let without = "add nodes to cpuset.mems of cpuset batch, which allows only node 0";
        assert_eq!(bound(&kill).unwrap(), without);
        let kill = of_nodes(Scope::Mempolicy);
        let policy = bound(&kill).unwrap();
        assert!(policy.contains("the memory policy of java allows only node 0"), "{policy}");
    }

    #[test]
    fn full_ones_do_not_help() {
        let mut kill = of_nodes(Scope::Cpuset);
        for node in kill.system.as_mut().unwrap().nodes.iter_mut().flatten() {
            node.free_bytes = Some(GIB / 8);
        }
        assert_eq!(bound(&kill), None);
        assert_eq!(bound(&of_the_machine()), None);
    }
}
