//! Drops from type information (BTF) the strings that no type is called by.
//!
//! The linker leaves the names and lines of the source files there, for the verifier's log. They are
//! most of it, nobody reads them, and they differ by the folder that the source was built in.

use std::collections::HashMap;

use anyhow::{Context as _, Result, ensure};

/// `struct btf_header` (include/uapi/linux/btf.h): where types and strings begin, behind it.
const HEADER: usize = 24;

/// The same types with no more strings than they need.
pub(crate) fn prune(btf: &[u8]) -> Result<Vec<u8>> {
    ensure!(word(btf, 4)? as usize == HEADER && word(btf, 8)? == 0, "a header of another form");
    let types_end = HEADER + word(btf, 12)? as usize;
    let old = btf.get(HEADER + word(btf, 16)? as usize..).context("no strings")?;
    let mut types = btf.get(HEADER..types_end).context("types cut short")?.to_vec();
    let mut strings = vec![0];
    let mut moved = HashMap::from([(0, 0)]);
    for name in names(&types)? {
        let at = word(&types, name)?;
        let new = match moved.get(&at) {
            Some(new) => *new,
            None => {
                let rest = old.get(at as usize..).context("a name outside of the strings")?;
                let end = rest.iter().position(|byte| *byte == 0).context("an open string")?;
                let new = u32::try_from(strings.len())?;
                strings.extend(rest.iter().take(end + 1));
                *moved.entry(at).or_insert(new)
            }
        };
        types.get_mut(name..name + 4).context("cut short")?.copy_from_slice(&new.to_le_bytes());
    }
    let mut pruned = btf.get(..HEADER).context("no header")?.to_vec();
    let (types_len, strings_len) = (u32::try_from(types.len())?, u32::try_from(strings.len())?);
    for (at, value) in [(12, types_len), (16, types_len), (20, strings_len)] {
        pruned.get_mut(at..at + 4).context("no header")?.copy_from_slice(&value.to_le_bytes());
    }
    pruned.extend(types);
    pruned.extend(strings);
    Ok(pruned)
}

/// Where in the types the place of a name stands.
fn names(types: &[u8]) -> Result<Vec<usize>> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < types.len() {
        names.push(at);
        let info = word(types, at + 4)?;
        let count = (info & 0xffff) as usize;
        at += 12;
        // How long what follows is, and each of its members, if those have names (`BTF_KIND_…`).
        let (follows, member) = match info >> 24 & 0x1f {
            // Pointers, forward declarations, type definitions, qualifiers, functions, floats, tags.
            2 | 7..=12 | 16 | 18 => (0, None),
            // Integers, variables, tags of declarations.
            1 | 14 | 17 => (4, None),
            // Arrays.
            3 => (12, None),
            // Structures, unions, enumerations of 64 bits.
            4 | 5 | 19 => (12 * count, Some(12)),
            // Enumerations, prototypes.
            6 | 13 => (8 * count, Some(8)),
            // Sections.
            15 => (12 * count, None),
            kind => anyhow::bail!("a kind of type that is not known: {kind}"),
        };
        if let Some(member) = member {
            names.extend((at..at + follows).step_by(member));
        }
        at += follows;
    }
    ensure!(at == types.len(), "types cut short");
    Ok(names)
}

fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..at + 4).context("cut short")?;
    Ok(u32::from_le_bytes(bytes.try_into()?))
}
