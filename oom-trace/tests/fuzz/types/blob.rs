//! A BTF taken apart (Documentation/bpf/btf.rst), so that it can be put together otherwise.

use std::collections::HashMap;

use fastrand::Rng;

pub(crate) const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
pub(crate) const STRUCT: u32 = 4;
pub(crate) const UNION: u32 = 5;
const ENUM: u32 = 6;
pub(crate) const TYPEDEF: u32 = 8;
pub(crate) const VOLATILE: u32 = 9;
pub(crate) const CONST: u32 = 10;
pub(crate) const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
pub(crate) const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// What a word behind a type's header is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Name(String),
    /// Its place in [`Blob`], from 1; 0 is void.
    Type(usize),
    Number(u32),
}

use Word::{Name, Number, Type as Of};

/// `struct btf_type` and what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) kind: u32,
    pub(crate) flag: bool,
    pub(crate) head: Word,
    pub(crate) words: Vec<Word>,
}

impl Type {
    /// What each part of it is, of how many words.
    fn shape(kind: u32) -> &'static [char] {
        match kind {
            STRUCT | UNION => &['n', 't', '.'],
            ENUM => &['n', '.'],
            ENUM64 => &['n', '.', '.'],
            FUNC_PROTO => &['n', 't'],
            DATASEC => &['t', '.', '.'],
            ARRAY => &['t', 't', '.'],
            INT | VAR | DECL_TAG => &['.'],
            _ => &[],
        }
    }

    fn is_of_type(kind: u32) -> bool {
        !matches!(kind, INT | STRUCT | UNION | ENUM | DATASEC | FLOAT | ENUM64)
    }

    fn refers(&mut self) -> impl Iterator<Item = &mut usize> {
        let words = self.words.iter_mut().chain([&mut self.head]);
        words.filter_map(|word| match word {
            Of(id) => Some(id),
            Name(_) | Number(_) => None,
        })
    }

    /// Words of a struct's member.
    pub(crate) fn members(&self) -> usize {
        self.words.len() / 3
    }
}

/// All types, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blob(pub(crate) Vec<Type>);

impl Blob {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        let [header, types, types_len, strings] = [4, 8, 12, 16].map(|at| word(at) as usize);
        let text = |at: u32| {
            let text = &bytes[header + strings + at as usize..];
            let end = text.iter().position(|byte| *byte == 0).unwrap();
            String::from_utf8(text[..end].to_vec()).unwrap()
        };
        let (mut at, mut blob) = (header + types, Self::default());
        let end = at + types_len;
        while at < end {
            let [name, info, head] = [0, 4, 8].map(|more| word(at + more));
            at += 12;
            let (kind, shape) = ((info >> 24) & 0x1f, Type::shape((info >> 24) & 0x1f));
            let parts = match kind {
                ARRAY | INT | VAR | DECL_TAG => 1,
                _ => (info & 0xffff) as usize,
            };
            let mut words = Vec::new();
            for shape in shape.iter().cycle().take(shape.len() * parts) {
                words.push(match shape {
                    'n' => Name(text(word(at))),
                    't' => Of(word(at) as usize),
                    _ => Number(word(at)),
                });
                at += 4;
            }
            let head = if Type::is_of_type(kind) { Of(head as usize) } else { Number(head) };
            blob.0.push(Type { name: text(name), kind, flag: info >> 31 != 0, head, words });
        }
        blob
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let (mut types, mut strings) = (Vec::new(), vec![0]);
        let mut known = HashMap::from([(String::new(), 0)]);
        let mut place = |name: &String| {
            *known.entry(name.clone()).or_insert_with(|| {
                let at = u32::try_from(strings.len()).unwrap();
                strings.extend(name.bytes().chain([0]));
                at
            })
        };
        let mut put = |word: u32| types.extend(word.to_ne_bytes());
        for Type { name, kind, flag, head, words } in &self.0 {
            let parts = match *kind {
                ARRAY | INT | VAR | DECL_TAG => 0,
                kind => words.len() / Type::shape(kind).len().max(1),
            };
            let parts = u32::try_from(parts).unwrap();
            put(place(name));
            put(u32::from(*flag) << 31 | kind << 24 | parts);
            for word in std::iter::once(head).chain(words) {
                put(match word {
                    Name(name) => place(name),
                    Of(id) => u32::try_from(*id).unwrap(),
                    Number(number) => *number,
                });
            }
        }
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let header = [0x0001_eb9f, 24, 0, len(&types), len(&types), len(&strings)];
        let header = header.iter().flat_map(|word| word.to_ne_bytes());
        header.chain(types.iter().copied()).chain(strings.iter().copied()).collect()
    }

    /// Those of these names, and what they are made of; where a pointer leads does not matter, but to
    /// what may be called.
    pub(crate) fn only(mut self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let (mut named, mut left) = (Vec::new(), Vec::new());
        for (index, it) in self.0.iter_mut().enumerate() {
            let enumerators = it.words.iter().filter_map(|word| match word {
                Name(name) if it.kind == ENUM => Some(name),
                _ => None,
            });
            let has_name = matches!(it.kind, STRUCT | TYPEDEF | FUNC) && is_wanted(&it.name);
            if has_name && named.contains(&(it.kind == FUNC, it.name.clone())) {
                // The first of a name is meant.
                it.name.clear();
            } else if has_name {
                named.push((it.kind == FUNC, it.name.clone()));
                left.push(index + 1);
            } else if enumerators.into_iter().any(|name| is_wanted(name)) {
                it.words = it
                    .words
                    .chunks(2)
                    .filter(|part| matches!(&part[0], Name(name) if is_wanted(name)))
                    .flatten()
                    .cloned()
                    .collect();
                left.push(index + 1);
            }
        }
        let protos: Vec<_> = self.0.iter().map(|it| it.kind == FUNC_PROTO).collect();
        let mut kept = vec![0];
        while let Some(id) = left.pop() {
            if kept.contains(&id) {
                continue;
            }
            kept.push(id);
            let it = &mut self.0[id - 1];
            if it.kind == PTR
                && let Of(to) = &mut it.head
                && !(*to > 0 && protos[*to - 1])
            {
                *to = 0;
            }
            left.extend(it.refers().map(|id| *id));
        }
        kept.sort_unstable();
        let types = kept[1..].iter().map(|id| self.0[id - 1].clone()).collect();
        let mut small = Self(types);
        small.renumber(|id| kept.binary_search(&id).unwrap());
        small
    }

    fn renumber(&mut self, number: impl Fn(usize) -> usize) {
        self.0.iter_mut().flat_map(Type::refers).for_each(|id| *id = number(*id));
    }

    /// In any order: no two of a name are left.
    pub(crate) fn shuffle(&mut self, rng: &mut Rng) {
        let mut order: Vec<_> = (0..self.0.len()).collect();
        rng.shuffle(&mut order);
        let mut numbers = vec![0; self.0.len() + 1];
        order.iter().enumerate().for_each(|(to, from)| numbers[from + 1] = to + 1);
        self.0 = order.iter().map(|from| self.0[*from].clone()).collect();
        self.renumber(|id| numbers[id]);
    }

    pub(crate) fn name_of(&self, id: u32) -> &str {
        &self.0[id as usize - 1].name
    }

    /// Adds one; answers its number.
    pub(crate) fn add(&mut self, it: Type) -> usize {
        self.0.push(it);
        self.0.len()
    }
}
