//! Paths and keywords in a source file. Tokens rather than a syntax tree, so that what stands
//! inside a macro counts like the rest.

use proc_macro2::{TokenStream, TokenTree};

/// A path from the crate's root, or from another crate, with the line it stands on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) line: usize,
    /// `crate` first, or the other crate's name.
    pub(super) path: Vec<String>,
}

/// All paths in a module that lead out of it: `crate::…`, `super::…`, and those that begin with
/// one of `crates`. A list in braces counts as one path each.
pub(super) fn imports(tokens: TokenStream, module: &[String], crates: &[&str]) -> Vec<Import> {
    let mut found = Vec::new();
    walk(tokens, module, crates, &mut found);
    found
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

fn walk(tokens: TokenStream, module: &[String], crates: &[&str], found: &mut Vec<Import>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut rest = tokens.as_slice();
    // How many colons stand before the token: after two, a name continues a path.
    let mut colons = 0;
    while let [token, after @ ..] = rest {
        match token {
            TokenTree::Ident(word) if word == "mod" => {
                if let [TokenTree::Ident(name), TokenTree::Group(body), after @ ..] = after {
                    let inner = [module, &[name.to_string()]].concat();
                    walk(body.stream(), &inner, crates, found);
                    rest = after;
                    continue;
                }
            }
            TokenTree::Ident(word) if colons < 2 => {
                let word = word.to_string();
                let start = match word.as_str() {
                    "crate" => Some(vec![word]),
                    "super" => Some(parent(module)),
                    name if crates.contains(&name) && continues(after) => Some(vec![word]),
                    _ => None,
                };
                if let Some(start) = start {
                    follow(start, token.span().start().line, after, found);
                }
            }
            TokenTree::Group(group) => walk(group.stream(), module, crates, found),
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
    found.push(Import { line, path });
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
