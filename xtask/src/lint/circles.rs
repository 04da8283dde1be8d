//! Files that import each other in a circle: neither can be understood, or changed, without the other.
//!
//! A file imports the one that defines what it names. Who hands a name on by `pub use` is no part of
//! it, and neither are tests. What a folder's face defines is there for the files in that folder: that
//! these use it is no import.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};

use super::tokens::{self, Import};

/// A file of a crate, by its module.
struct Room {
    name: String,
    imports: Vec<Import>,
}

/// A crate's files, by module: `[]` is its root.
#[derive(Default)]
pub(super) struct House {
    rooms: BTreeMap<Vec<String>, Room>,
}

impl House {
    /// Takes a file of the crate, by its path below `src/`. Those of tests are left out.
    pub(super) fn take(&mut self, name: &str, below: &str, source: &str) -> Result<()> {
        const TESTS: &[&str] = &["tests", "testdata", "fixtures", "golden"];
        let module: Vec<String> = match below.trim_end_matches(".rs") {
            "main" | "lib" => Vec::new(),
            path => path.trim_end_matches("/mod").split('/').map(str::to_owned).collect(),
        };
        if module.iter().any(|part| TESTS.contains(&part.as_str())) {
            return Ok(());
        }
        let tokens: TokenStream =
            source.parse().map_err(|error: proc_macro2::LexError| anyhow!("not Rust: {error}"))?;
        let children = children(tokens.clone());
        let names: Vec<_> = children.iter().map(String::as_str).collect();
        let mut imports = tokens::imports(tokens, &module, &names);
        for import in &mut imports {
            if import.path.first().is_some_and(|first| children.contains(first)) {
                import.path = [&["crate".to_owned()], &module[..], &import.path[..]].concat();
            }
        }
        self.rooms.insert(module, Room { name: name.to_owned(), imports });
        Ok(())
    }

    /// Each circle, as the files in it with one way round.
    pub(super) fn circles(&self) -> Vec<String> {
        let edges: BTreeMap<_, _> =
            self.rooms.iter().map(|(module, room)| (module, self.targets(module, room))).collect();
        let mut told = BTreeSet::new();
        let mut circles = Vec::new();
        for start in self.rooms.keys() {
            let Some(way) = way_back(start, &edges) else { continue };
            let members: BTreeSet<_> = way.iter().copied().collect();
            if members.is_disjoint(&told) {
                let names: Vec<_> = way.iter().chain([&start]).map(|it| self.name(it)).collect();
                circles.push(format!("{} import each other", names.join(" → ")));
            }
            told.extend(members);
        }
        circles
    }

    fn name(&self, module: &[String]) -> &str {
        self.rooms.get(module).map_or("", |room| &room.name)
    }

    /// The modules that a room imports something of.
    fn targets<'a>(&'a self, module: &[String], room: &Room) -> BTreeSet<&'a Vec<String>> {
        let own = room.imports.iter();
        own.filter(|import| import.handed_on_as.is_none() && !import.is_of_tests)
            .filter_map(|import| self.definer(import.path.get(1..)?, 0))
            .filter(|target| !module.starts_with(target))
            .collect()
    }

    /// Who defines what this path names, as far as the rooms tell.
    fn definer(&self, path: &[String], depth: usize) -> Option<&Vec<String>> {
        /// Names are handed on a few times at the most.
        const DEEP: usize = 8;
        let prefixes = (0..=path.len()).rev().filter_map(|len| path.get(..len));
        let (module, room) = prefixes.filter_map(|it| self.rooms.get_key_value(it)).next()?;
        // Of a module that is named as a whole anything may be used.
        let Some((name, rest)) = path.get(module.len()..)?.split_first() else {
            return Some(module);
        };
        let handed_on = room.imports.iter().find(|it| it.handed_on_as.as_ref() == Some(name));
        match handed_on {
            Some(import) if depth < DEEP => {
                let path = [import.path.get(1..)?, rest].concat();
                self.definer(&path, depth + 1)
            }
            _ => Some(module),
        }
    }
}

/// The shortest way from a room back to it.
fn way_back<'a>(
    start: &'a Vec<String>,
    edges: &BTreeMap<&'a Vec<String>, BTreeSet<&'a Vec<String>>>,
) -> Option<Vec<&'a Vec<String>>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in way.last().and_then(|last| edges.get(last)).into_iter().flatten() {
                if next == start {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push([&way[..], &[next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

/// The modules that a file declares: `mod name;`.
fn children(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let declared = tokens.windows(3).filter_map(|three| match three {
        [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Punct(end)]
            if word == "mod" && end.as_char() == ';' =>
        {
            Some(name.to_string())
        }
        _ => None,
    });
    declared.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let mut house = House::default();
        for (below, source) in files {
            house.take(below, below, source).unwrap();
        }
        house.circles()
    }

    #[test]
    fn two_files_that_need_each_other_are_one_circle() {
        let found = circles(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::a::A; pub struct B;"),
            ("c.rs", "use crate::a::A;"),
        ]);
        assert_eq!(found, ["a.rs → b.rs → a.rs import each other"]);
    }

    #[test]
    fn who_hands_on_a_name_is_no_part_of_a_circle() {
        let files = |mod_rs| {
            circles(&[
                ("lib.rs", "mod a;"),
                ("a/mod.rs", mod_rs),
                ("a/b.rs", "use super::c::C; pub struct B;"),
                ("a/c.rs", "pub struct C; mod tests { use super::super::B; }"),
                ("a/d.rs", "use super::{B, One}; pub struct D;"),
            ])
        };
        let through_a_face = circles(&[
            ("a/mod.rs", "mod b; mod c; pub use c::C; pub use self::b::B;"),
            ("a/b.rs", "use super::C; pub struct B;"),
            ("a/c.rs", "use crate::a::B; pub struct C;"),
        ]);
        assert_eq!(through_a_face, ["a/b.rs → a/c.rs → a/b.rs import each other"]);
        assert_eq!(files("mod b; mod c; mod d; pub use b::B; pub use d::D;"), [""; 0]);
        // The face of the folder has something of its own, which its child needs.
        assert_eq!(files("mod b; mod c; mod d; pub struct One(self::d::D);"), [""; 0]);
    }

    #[test]
    fn a_long_circle_is_told_once() {
        let found = circles(&[
            ("main.rs", "mod a; mod b; mod c; fn main() { a::x() }"),
            ("a.rs", "fn x() { crate::b::y() }"),
            ("b.rs", "use crate::c; fn y() { c::z() }"),
            ("c.rs", "fn z() { super::a::x() }"),
        ]);
        assert_eq!(found, ["a.rs → b.rs → c.rs → a.rs import each other"]);
    }
}
