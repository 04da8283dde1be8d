//! Which cgroups are listed, and in what order: flat or as a tree, folded and filtered.

use std::collections::{HashMap, HashSet};

use super::order::{Sort, Standing};
use super::sample::parent;
use crate::sink::PathPattern;
use crate::text::KernelText;

/// How cgroups are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) sort: Sort,
    pub(super) is_reversed: bool,
    pub(super) is_tree: bool,
    /// Those whose children are not shown.
    pub(super) folded: HashSet<KernelText>,
    /// A part of the path, in whatever case.
    pub(super) filter: String,
    /// All others are left out.
    pub(super) patterns: Vec<PathPattern>,
}

/// A cgroup in the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) standing: Standing,
    /// In the tree; 0 in a flat list.
    pub(super) depth: usize,
    /// How many below it are folded away.
    pub(super) folded: usize,
    pub(super) has_children: bool,
}

impl Listing {
    /// The rows, first to last.
    pub(super) fn rows(&self, all: Vec<Standing>) -> Vec<Row> {
        if self.is_tree { self.tree(all) } else { self.flat(all) }
    }

    fn flat(&self, all: Vec<Standing>) -> Vec<Row> {
        let mut found: Vec<_> = all.into_iter().filter(|it| self.fits(it)).collect();
        self.sort(&mut found);
        let row = |standing| Row { standing, depth: 0, folded: 0, has_children: false };
        found.into_iter().map(row).collect()
    }

    /// Each below the one that it is in. One that does not fit is there for those below it that do. Siblings
    /// stand in the order of what is first in them.
    fn tree(&self, all: Vec<Standing>) -> Vec<Row> {
        let mut all = all;
        self.sort(&mut all);
        let mut wanted: HashSet<KernelText> = HashSet::new();
        for standing in all.iter().filter(|it| self.fits(it)) {
            let mut at = Some(standing.cgroup.path.as_bytes());
            while let Some(path) = at {
                if !wanted.insert(path.into()) {
                    break;
                }
                at = parent(path);
            }
        }
        // A child stands before its siblings as soon as anything in it does.
        let mut children: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
        let mut placed: HashSet<Vec<u8>> = HashSet::new();
        for standing in all.iter().filter(|it| wanted.contains(&it.cgroup.path)) {
            let mut at = standing.cgroup.path.as_bytes();
            while placed.insert(at.to_vec()) {
                let Some(above) = parent(at) else { break };
                children.entry(above.to_vec()).or_default().push(at.to_vec());
                at = above;
            }
        }
        let known = all.into_iter().map(|it| (it.cgroup.path.as_bytes().to_vec(), it));
        let mut grown = Grown { known: known.collect(), children, rows: Vec::new() };
        grown.add(b"/", 0, &self.folded);
        grown.rows
    }

    fn sort(&self, all: &mut [Standing]) {
        all.sort_by(|one, other| {
            let order = self.sort.compare(one, other);
            if self.is_reversed { order.reverse() } else { order }
        });
    }

    /// The root is where the machine itself is told of; that of a container may have a limit.
    fn fits(&self, standing: &Standing) -> bool {
        let path = &standing.cgroup.path;
        let is_asked_for =
            self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.fits(path));
        let is_found = || {
            let text = path.to_string().to_lowercase();
            text.contains(&self.filter.to_lowercase())
        };
        let is_machine = path.as_bytes() == b"/" && standing.cgroup.max.is_none();
        !is_machine && is_asked_for && (self.filter.is_empty() || is_found())
    }
}

/// The rows of the tree as they come about.
struct Grown {
    known: HashMap<Vec<u8>, Standing>,
    children: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    rows: Vec<Row>,
}

impl Grown {
    fn add(&mut self, path: &[u8], depth: usize, folded: &HashSet<KernelText>) {
        let children = self.children.remove(path).unwrap_or_default();
        let is_folded = folded.contains(&KernelText::from(path));
        if let Some(standing) = self.known.remove(path) {
            let hidden = if is_folded { self.count(&children) } else { 0 };
            let has_children = !children.is_empty();
            self.rows.push(Row { standing, depth, folded: hidden, has_children });
        }
        if !is_folded {
            for child in children {
                self.add(&child, depth + 1, folded);
            }
        }
    }

    fn count(&self, children: &[Vec<u8>]) -> usize {
        let below = |child: &Vec<u8>| self.children.get(child).map_or(0, |them| self.count(them));
        children.iter().map(|child| 1 + below(child)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::sample::Cgroup;

    fn all() -> Vec<Standing> {
        let cgroups = [
            ("/", 0, None),
            ("/system.slice", 70, None),
            ("/system.slice/a.service", 10, Some(100)),
            ("/system.slice/b.service", 60, Some(100)),
            ("/system.slice/b.service/inner", 50, None),
            ("/user.slice", 20, Some(50)),
        ];
        let standing = |(path, used, max): (&str, u64, Option<u64>)| Standing {
            cgroup: Cgroup { path: path.into(), used: Some(used), max, ..Cgroup::default() },
            ..Standing::default()
        };
        cgroups.map(standing).to_vec()
    }

    fn shown(listing: &Listing) -> Vec<String> {
        let row = |row: Row| {
            let path = row.standing.cgroup.path.to_string();
            let folded = if row.folded > 0 { format!(" +{}", row.folded) } else { String::new() };
            format!("{}{path}{folded}", " ".repeat(row.depth))
        };
        listing.rows(all()).into_iter().map(row).collect()
    }

    #[test]
    fn a_flat_list_has_the_nearest_first() {
        let mut listing = Listing::default();
        let flat = shown(&listing);
        assert_eq!(flat.first().map(String::as_str), Some("/system.slice/b.service"));
        assert_eq!(flat.len(), 5);
        listing.is_reversed = true;
        assert_eq!(shown(&listing).last().map(String::as_str), Some("/system.slice/b.service"));
        listing.filter = "SERV".into();
        assert_eq!(shown(&listing).len(), 3);
        listing.patterns = vec!["/system.slice/*".parse().unwrap()];
        assert_eq!(shown(&listing).len(), 2);
        listing =
            Listing { patterns: vec!["/system.slice".parse().unwrap()], ..Listing::default() };
        assert_eq!(shown(&listing).len(), 4);
    }

    #[test]
    fn a_tree_goes_where_the_nearest_is_and_folds() {
        let mut listing = Listing { is_tree: true, ..Listing::default() };
        let tree = [
            "/",
            " /system.slice",
            "  /system.slice/b.service",
            "   /system.slice/b.service/inner",
            "  /system.slice/a.service",
            " /user.slice",
        ];
        assert_eq!(shown(&listing), tree);
        listing.folded.insert("/system.slice".into());
        assert_eq!(shown(&listing), ["/", " /system.slice +3", " /user.slice"]);
        listing.folded.clear();
        listing.filter = "inner".into();
        let found = [
            "/",
            " /system.slice",
            "  /system.slice/b.service",
            "   /system.slice/b.service/inner",
        ];
        assert_eq!(shown(&listing), found);
    }
}
