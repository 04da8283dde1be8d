//! Types written in other words, and in words that mean nothing.

use fastrand::Rng;

use super::blob::{
    Blob, CONST, INT, RESTRICT, STRUCT, TYPE_TAG, TYPEDEF, Type, UNION, VOLATILE, Word,
};

/// Says the same otherwise.
pub(crate) fn change(rng: &mut Rng, blob: &mut Blob) {
    match rng.u8(..4) {
        0 => add_others(rng, blob),
        1 => wrap(rng, blob),
        2 => group(rng, blob),
        _ => flag(rng, blob),
    }
}

/// Types that nobody asks for, some of them with members of names that are asked for.
fn add_others(rng: &mut Rng, blob: &mut Blob) {
    for _ in 0..rng.usize(1..150) {
        let of = rng.usize(1..=blob.0.len());
        let it = match blob.0[of - 1].kind {
            kind if rng.bool() && matches!(kind, STRUCT | UNION | INT) => blob.0[of - 1].clone(),
            _ => Type {
                name: String::new(),
                kind: TYPEDEF,
                flag: false,
                head: Word::Type(of),
                words: Vec::new(),
            },
        };
        blob.add(Type { name: format!("other_{}", rng.u32(..)), ..it });
    }
}

/// A member's type gets further names and qualifiers.
fn wrap(rng: &mut Rng, blob: &mut Blob) {
    let Some(at) = some_struct(rng, blob) else { return };
    let member = rng.usize(..blob.0[at].members());
    let Word::Type(mut of) = blob.0[at].words[member * 3 + 1] else { return };
    for _ in 0..rng.usize(1..5) {
        let kind = [TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG][rng.usize(..5)];
        let name = if matches!(kind, TYPEDEF | TYPE_TAG) { "wrapped" } else { "" };
        let head = Word::Type(of);
        of = blob.add(Type { name: name.to_owned(), kind, flag: false, head, words: Vec::new() });
    }
    blob.0[at].words[member * 3 + 1] = Word::Type(of);
}

/// Some members go into a struct or union without a name, in their place.
fn group(rng: &mut Rng, blob: &mut Blob) {
    let Some(at) = some_struct(rng, blob) else { return };
    if blob.0[at].flag {
        return;
    }
    let count = blob.0[at].members();
    let first = rng.usize(..count);
    let last = rng.usize(first..count);
    let mut inner = blob.0[at].words[first * 3..=last * 3 + 2].to_vec();
    let offsets = inner.iter().skip(2).step_by(3);
    let base = offsets.map(number).min().unwrap_or(0);
    // No bit field begins such a struct.
    let base = base - base % 8;
    inner.iter_mut().skip(2).step_by(3).for_each(|it| *it = Word::Number(number(it) - base));
    let kind = if rng.bool() { STRUCT } else { UNION };
    let size = blob.0[at].head.clone();
    let id = blob.add(Type { name: String::new(), kind, flag: false, head: size, words: inner });
    let outer = [Word::Name(String::new()), Word::Type(id), Word::Number(base)];
    blob.0[at].words.splice(first * 3..=last * 3 + 2, outer);
}

/// The same offsets where the upper byte is a width.
fn flag(rng: &mut Rng, blob: &mut Blob) {
    let Some(at) = some_struct(rng, blob) else { return };
    let fits = blob.0[at].words.iter().skip(2).step_by(3).all(|it| number(it) < 1 << 24);
    blob.0[at].flag |= fits;
}

fn some_struct(rng: &mut Rng, blob: &Blob) -> Option<usize> {
    let is_one = |it: &&Type| matches!(it.kind, STRUCT | UNION) && !it.words.is_empty();
    let count = blob.0.iter().filter(is_one).count();
    let which = (count > 0).then(|| rng.usize(..count))?;
    let mut all = blob.0.iter().enumerate().filter(|(_, it)| is_one(it));
    all.nth(which).map(|(at, _)| at)
}

fn number(word: &Word) -> u32 {
    if let Word::Number(number) = word { *number } else { 0 }
}

/// Says something else: types in circles, members without names, sizes that are none.
pub(crate) fn spoil(rng: &mut Rng, blob: &mut Blob) {
    let other = rng.usize(..=blob.0.len());
    let Some(at) = some_struct(rng, blob) else { return };
    let target = match rng.u8(..4) {
        0 => at + 1,
        1 => some_struct(rng, blob).map_or(0, |at| at + 1),
        _ => other,
    };
    let member = rng.usize(..blob.0[at].members());
    let words = &mut blob.0[at].words;
    match rng.u8(..8) {
        0 => words[member * 3] = Word::Name(String::new()),
        1 => words[member * 3 + 1] = Word::Type(target),
        2 => words[member * 3 + 2] = Word::Number(rng.u32(..)),
        // All of it again and again.
        3 => {
            for part in words.chunks_mut(3) {
                part.clone_from_slice(&[
                    Word::Name(String::new()),
                    Word::Type(target),
                    part[2].clone(),
                ]);
            }
        }
        4 => words[member * 3 + 2] = Word::Number(!7),
        5 => blob.0[at].head = Word::Number(rng.u32(..) >> rng.u32(..32)),
        6 => blob.0[at].kind = if rng.bool() { TYPEDEF } else { UNION },
        _ => {
            let at = rng.usize(..blob.0.len());
            blob.0[at].head = match blob.0[at].head {
                Word::Type(_) => Word::Type(target),
                _ => Word::Number(rng.u32(..)),
            };
        }
    }
}
