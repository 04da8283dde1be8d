//! The memory nodes that an allocation was bound to.

use std::borrow::Cow;

use super::facts::{self, sum};
use crate::incident::model::{Node, OomKill, Scope, System};
use crate::quote::Quoted;
use crate::text::with_short_ids;

/// A shortage of some nodes.
pub(super) struct Bound<'a> {
    /// As the kernel lists them; `None` if that is not known.
    pub(super) list: Option<&'a str>,
    /// What of them is free, and what there is of them.
    pub(super) free: Option<u64>,
    pub(super) total: Option<u64>,
    /// What is free in the others.
    pub(super) free_elsewhere: Option<u64>,
    /// `cpuset batch`
    pub(super) by: String,
}

impl<'a> Bound<'a> {
    pub(super) fn new(kill: &'a OomKill) -> Option<Self> {
        let trigger = kill.shortage.trigger.as_ref();
        let (list, by) = match kill.shortage.scope? {
            Scope::Cpuset => {
                let name = trigger.and_then(|trigger| trigger.cpuset.as_ref());
                let by = name.map_or("its cpuset".to_owned(), |name| {
                    format!("cpuset {}", Quoted::from(with_short_ids(&name.to_utf8()).as_str()))
                });
                (trigger.and_then(|trigger| trigger.mems_allowed.as_deref()), by)
            }
            Scope::Mempolicy => {
                let name = facts::name(trigger.and_then(|it| it.comm.as_ref()), "its task");
                (kill.shortage.nodemask.as_deref(), format!("the memory policy of {name}"))
            }
            Scope::Global | Scope::Memcg | Scope::Sysrq => return None,
        };
        let list = list.filter(|list| is_list(list));
        let nodes = kill.system.as_deref().map(nodes).unwrap_or_default();
        let (own, others): (Vec<&Node>, Vec<&Node>) = match list {
            Some(list) => nodes.iter().partition(|node| holds(list, node.node)),
            None => (Vec::new(), Vec::new()),
        };
        let known = |nodes: &[&Node], part: fn(&Node) -> Option<u64>| {
            sum(nodes.iter().map(|node| part(node))).filter(|_| !nodes.is_empty())
        };
        Some(Self {
            free: known(&own, |node| node.free_bytes),
            total: known(&own, |node| node.total_bytes),
            free_elsewhere: known(&others, |node| node.free_bytes),
            list,
            by,
        })
    }

    /// `node 0`, `nodes 0-1`; `None` if it is not known which.
    pub(super) fn name(&self) -> Option<String> {
        let list = self.list?;
        let many = if list.parse::<u32>().is_ok() { "" } else { "s" };
        Some(format!("node{many} {list}"))
    }

    /// `node 0, the only node that cpuset batch allows`
    pub(super) fn only(&self) -> Option<String> {
        let name = self.name()?;
        let what = if name.starts_with("nodes") { "nodes" } else { "node" };
        Some(format!("{name}, the only {what} that {} allows", self.by))
    }
}

/// The nodes; a log tells of their zones.
fn nodes(system: &System) -> Cow<'_, [Node]> {
    if let Some(nodes) = &system.nodes {
        return Cow::Borrowed(nodes);
    }
    let mut nodes: Vec<Node> = Vec::new();
    for zone in system.zones.iter().flatten() {
        let Some(number) = zone.node else { continue };
        let (total, free) = (zone.managed_bytes, zone.free_bytes);
        match nodes.iter_mut().find(|node| node.node == number) {
            Some(node) => {
                node.total_bytes = sum([node.total_bytes, total]);
                node.free_bytes = sum([node.free_bytes, free]);
            }
            None => nodes.push(Node { node: number, total_bytes: total, free_bytes: free }),
        }
    }
    Cow::Owned(nodes)
}

/// A log may say anything.
fn is_list(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'-'))
}

/// Whether a list such as `0-2,5` has the node.
pub(super) fn holds(list: &str, node: u32) -> bool {
    list.split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse::<u32>(), last.parse::<u32>());
        first.is_ok_and(|first| first <= node) && last.is_ok_and(|last| node <= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::Zone;

    #[test]
    fn zones_add_up_to_nodes() {
        let zone = |node, mib: u64| Zone {
            node: Some(node),
            free_bytes: Some(mib),
            managed_bytes: Some(10 * mib),
            ..Zone::default()
        };
        let zones = Some(vec![zone(0, 1), zone(0, 2), zone(4, 7)]);
        let system = System { zones, ..System::default() };
        let told: Vec<_> =
            nodes(&system).iter().map(|it| (it.node, it.total_bytes, it.free_bytes)).collect();
        assert_eq!(told, [(0, Some(30), Some(3)), (4, Some(70), Some(7))]);
    }

    #[test]
    fn a_list_holds_its_ranges() {
        let held = |list| (0..7).filter(|node| holds(list, *node)).collect::<Vec<_>>();
        assert_eq!(held("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(held("6"), [6]);
        assert!(held("").is_empty() && held("x").is_empty() && held("3-").is_empty());
    }
}
