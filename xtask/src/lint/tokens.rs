//! Paths and keywords in a source file. Tokens rather than a syntax tree, so that what stands
//! inside a macro counts like the rest.

use proc_macro2::{TokenStream, TokenTree};

/// A path from the crate's root, or from another crate, with the line it stands on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) line: usize,
    /// `crate` first, or the other crate's name.
    pub(super) path: Vec<String>,
    /// The name under which a `pub use` hands it on.
    pub(super) handed_on_as: Option<String>,
    /// Whether it stands in a module of tests.
    pub(super) is_of_tests: bool,
}

/// All paths in a module that lead out of it: `crate::…`, `super::…`, `self::…`, and those that begin
/// with one of `crates`. A list in braces counts as one path each.
pub(super) fn imports(tokens: TokenStream, module: &[String], crates: &[&str]) -> Vec<Import> {
    let mut found = Vec::new();
    walk(tokens, &Place { module, is_of_tests: false }, crates, &mut found);
    found
}

/// Where tokens stand.
struct Place<'a> {
    module: &'a [String],
    is_of_tests: bool,
}

/// The lines on which the identifier stands.
pub(super) fn lines_of(tokens: TokenStream, word: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == word => lines.push(ident.span().start().line),
            TokenTree::Group(group) => lines.extend(lines_of(group.stream(), word)),
            _ => {}
        }
    }
    lines
}

fn walk(tokens: TokenStream, place: &Place<'_>, crates: &[&str], found: &mut Vec<Import>) {
    let Place { module, is_of_tests } = *place;
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    // How many colons stand before the token: after two, a name continues a path.
    let mut colons = 0;
    // Whether the tokens are those of a `pub use`.
    let (mut is_public, mut hands_on) = (false, false);
    while let [token, after @ ..] = rest {
        match token {
            TokenTree::Ident(word) if word == "mod" => {
                if let [TokenTree::Ident(name), TokenTree::Group(body), after @ ..] = after {
                    let inner = [module, &[name.to_string()]].concat();
                    let is_of_tests = is_of_tests || name == "tests";
                    let inner = Place { module: &inner, is_of_tests };
                    walk(body.stream(), &inner, crates, found);
                    rest = after;
                    continue;
                }
            }
            TokenTree::Ident(word) if colons < 2 => {
                let word = word.to_string();
                hands_on |= is_public && word == "use";
                is_public = word == "pub";
                let start = match word.as_str() {
                    // Of a visibility.
                    _ if !continues(after) => None,
                    "crate" => Some(vec![word]),
                    "super" => Some(parent(module)),
                    "self" => Some([&["crate".to_owned()], module].concat()),
                    name if crates.contains(&name) => Some(vec![word]),
                    _ => None,
                };
                if let Some(start) = start {
                    let first = found.len();
                    follow(start, token.span().start().line, after, found);
                    for import in found.iter_mut().skip(first) {
                        import.is_of_tests = is_of_tests;
                        import.handed_on_as.take_if(|_| !hands_on);
                    }
                }
            }
            TokenTree::Group(group) => walk(group.stream(), place, crates, found),
            TokenTree::Punct(punct) if punct.as_char() == ';' => hands_on = false,
            _ => {}
        }
        colons = if is_colon(token) { colons + 1 } else { 0 };
        rest = after;
    }
}

/// Follows a path, `path` so far, through `::name` and `::{…}`; `super` after `super` goes up.
fn follow(mut path: Vec<String>, line: usize, mut rest: &[TokenTree], found: &mut Vec<Import>) {
    while let [colon, second, next, after @ ..] = rest
        && is_colon(colon)
        && is_colon(second)
    {
        match next {
            TokenTree::Ident(word) if word == "super" => {
                path.pop();
            }
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Group(list) => {
                let list: Vec<_> = list.stream().into_iter().collect();
                for item in
                    list.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
                {
                    if let [TokenTree::Ident(first), after @ ..] = item {
                        let path = [path.as_slice(), &[first.to_string()]].concat();
                        follow(path, first.span().start().line, after, found);
                    }
                }
                return;
            }
            _ => break,
        }
        rest = after;
    }
    let alias = match rest {
        [TokenTree::Ident(word), TokenTree::Ident(alias), ..] if word == "as" => {
            Some(alias.to_string())
        }
        _ => path.last().cloned(),
    };
    found.push(Import { line, path, handed_on_as: alias, is_of_tests: false });
}

fn parent(module: &[String]) -> Vec<String> {
    let above = module.split_last().map(|(_, above)| above).unwrap_or_default();
    [&["crate".to_owned()], above].concat()
}

/// Whether a path goes on: a name alone may be a variable.
fn continues(after: &[TokenTree]) -> bool {
    matches!(after, [first, second, ..] if is_colon(first) && is_colon(second))
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<_> = module.iter().map(|&name| name.to_owned()).collect();
        let found = imports(source.parse().unwrap(), &module, &["aya"]);
        found.iter().map(|import| import.path.join("::")).collect()
    }

    #[test]
    fn lists_are_taken_apart() {
        let source = "use crate::{wire, incident::{model::Event, self}};";
        let expected = ["crate::wire", "crate::incident::model::Event", "crate::incident::self"];
        assert_eq!(paths(source, &["a"]), expected);
    }

    #[test]
    fn super_leads_to_the_parent() {
        assert_eq!(
            paths("use super::b; fn f() { super::super::c::d() }", &["x", "y"]),
            ["crate::x::b", "crate::c::d"]
        );
        assert_eq!(
            paths("mod tests { use super::super::b; use super::*; }", &["x"]),
            ["crate::b", "crate::x"]
        );
    }

    #[test]
    fn what_is_handed_on_is_known_by_its_new_name() {
        let source = "pub use crate::a::{B, C as D}; use crate::e; pub(crate) use self::f::G; \
                      pub fn h() { crate::i::J } mod tests { use crate::k; }";
        let found = imports(source.parse().unwrap(), &["x".to_owned()], &[]);
        let names: Vec<_> =
            found.iter().map(|it| (it.path.join("::"), it.handed_on_as.as_deref())).collect();
        let expected = [
            ("crate::a::B", Some("B")),
            ("crate::a::C", Some("D")),
            ("crate::e", None),
            ("crate::x::f::G", Some("G")),
            ("crate::i::J", None),
            ("crate::k", None),
        ];
        assert_eq!(names, expected.map(|(path, name)| (path.to_owned(), name)));
        assert!(
            found.iter().map(|it| it.is_of_tests).eq([false, false, false, false, false, true])
        );
    }

    #[test]
    fn macros_types_and_other_crates_count() {
        let source = "fn f(e: aya::Ebpf) { println!(\"{}\", crate::app::x()); let aya = 1; }";
        assert_eq!(paths(source, &["a"]), ["aya::Ebpf", "crate::app::x"]);
        assert_eq!(paths("use x::aya::Y; use aya;", &["a"]), Vec::<String>::new());
    }

    #[test]
    fn comments_and_strings_do_not_count() {
        assert_eq!(paths("/// crate::app\nfn f() { g(\"crate::app\") }", &["a"]).len(), 0);
        assert_eq!(lines_of("// unsafe\nfn f() {\n unsafe {} }".parse().unwrap(), "unsafe"), [3]);
    }
}
