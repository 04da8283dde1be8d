//! The kernel's type information, read in place.
//!
//! One pass over the types finds the few dozen that are asked for; nothing else is kept but where
//! every so many types start. Format: Documentation/bpf/btf.rst.

mod wanted;

use std::collections::HashMap;

pub use self::wanted::Wanted;
use self::wanted::is_whole;

/// Why a file is no BTF that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BtfError {
    /// Too short, or of another byte order.
    #[error("it has no BTF header in this machine's byte order")]
    Header,
    /// A type of a kind that is newer than this program.
    #[error("type {id} is of kind {kind}, which this version of oom-trace does not know")]
    Kind {
        /// Its number.
        id: u32,
        /// Its kind.
        kind: u32,
    },
    /// It ends within a type.
    #[error("it ends within type {id}")]
    Truncated {
        /// Its number.
        id: u32,
    },
}

const MAGIC: u16 = 0xeb9f;
const TYPE_SIZE: usize = 12;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

/// How deep typedefs, arrays and anonymous members may nest; a bound for bad input.
const DEPTH: u32 = 32;

/// A type's header: `struct btf_type` (include/uapi/linux/btf.h).
#[derive(Debug, Clone, Copy)]
struct Type {
    at: usize,
    name: u32,
    info: u32,
    size_or_type: u32,
}

impl Type {
    const fn kind(self) -> u32 {
        (self.info >> 24) & 0x1f
    }

    const fn count(self) -> usize {
        (self.info & 0xffff) as usize
    }

    const fn kind_flag(self) -> bool {
        self.info >> 31 != 0
    }

    /// Bytes behind the header, `None` for an unknown kind.
    #[inline]
    const fn rest(self) -> Option<usize> {
        Some(match self.kind() {
            INT | VAR | DECL_TAG => 4,
            ARRAY => 12,
            STRUCT | UNION | DATASEC | ENUM64 => 12 * self.count(),
            ENUM | FUNC_PROTO => 8 * self.count(),
            PTR | FWD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNC | FLOAT | TYPE_TAG => 0,
            _ => return None,
        })
    }
}

/// A member of a struct, found by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Bytes from the start of the outermost struct.
    pub offset: u32,
    /// Bytes of the member; of one element if it is an array.
    pub size: u32,
}

/// Types from one whose start is kept to the next: those between are stepped over when one is asked for.
const STRIDE: usize = 64;

/// What the pass found, over the bytes it was found in.
#[derive(Debug)]
pub struct Btf<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Where every [`STRIDE`]th type starts.
    starts: Vec<u32>,
    named: HashMap<Vec<u8>, u32>,
    functions: HashMap<Vec<u8>, u32>,
    enumerators: HashMap<Vec<u8>, u32>,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    word.try_into().ok().map(u32::from_ne_bytes)
}

impl<'a> Btf<'a> {
    /// Reads a whole BTF file and keeps what is wanted of it.
    ///
    /// # Errors
    /// The bytes are no BTF, or end too early, or hold a kind of type that is not known.
    pub fn parse(bytes: &'a [u8], wanted: &Wanted<'_>) -> Result<Self, BtfError> {
        let (types, strings) = sections(bytes).ok_or(BtfError::Header)?;
        let mut btf = Self {
            types,
            strings,
            starts: Vec::new(),
            named: HashMap::new(),
            functions: HashMap::new(),
            enumerators: HashMap::new(),
        };
        let mut at = 0;
        let mut id = 1;
        while at < types.len() {
            let found = btf.type_at(at).ok_or(BtfError::Truncated { id })?;
            let rest = found.rest().ok_or(BtfError::Kind { id, kind: found.kind() })?;
            if (id as usize - 1).is_multiple_of(STRIDE) {
                btf.starts.push(u32::try_from(at).map_err(|_| BtfError::Header)?);
            }
            at += TYPE_SIZE + rest;
            if at > types.len() {
                return Err(BtfError::Truncated { id });
            }
            btf.keep(id, found, wanted);
            id += 1;
        }
        Ok(btf)
    }

    #[inline]
    fn keep(&mut self, id: u32, found: Type, wanted: &Wanted<'_>) {
        match found.kind() {
            STRUCT | TYPEDEF if found.name != 0 => {
                if let Some(name) = wanted.find(self.strings, found.name) {
                    self.named.entry(name.to_vec()).or_insert(id);
                }
            }
            FUNC => {
                if let Some(name) = wanted.find(self.strings, found.name) {
                    self.functions.entry(name.to_vec()).or_insert(id);
                }
            }
            ENUM => {
                for index in 0..found.count() {
                    let at = found.at + TYPE_SIZE + index * 8;
                    let (Some(name), Some(value)) =
                        (u32_at(self.types, at), u32_at(self.types, at + 4))
                    else {
                        return;
                    };
                    if let Some(name) = wanted.find(self.strings, name) {
                        self.enumerators.insert(name.to_vec(), value);
                    }
                }
            }
            _ => {}
        }
    }

    #[inline]
    fn type_at(&self, at: usize) -> Option<Type> {
        let (words, _) = self.types.get(at..)?.as_chunks();
        let [name, info, size_or_type] = words.first_chunk()?.map(u32::from_ne_bytes);
        Some(Type { at, name, info, size_or_type })
    }

    fn get(&self, id: u32) -> Option<Type> {
        let before = id.checked_sub(1)? as usize;
        let mut at = *self.starts.get(before / STRIDE)? as usize;
        for _ in 0..before % STRIDE {
            at += TYPE_SIZE + self.type_at(at)?.rest()?;
        }
        self.type_at(at)
    }

    /// The number of the function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<u32> {
        self.functions.get(name.as_bytes()).copied()
    }

    /// The value of an enumerator.
    #[must_use]
    pub fn enumerator(&self, name: &str) -> Option<u32> {
        self.enumerators.get(name.as_bytes()).copied()
    }

    /// Bytes of a type.
    #[must_use]
    pub fn size_of(&self, name: &str) -> Option<u32> {
        self.size(*self.named.get(name.as_bytes())?, DEPTH)
    }

    /// The member at `struct.member[.member…]`, if it begins within that struct. An array stands for its
    /// first element.
    #[must_use]
    pub fn member(&self, path: &str) -> Option<Found> {
        let mut parts = path.split('.');
        let mut id = *self.named.get(parts.next()?.as_bytes())?;
        let (mut offset, end) = (0_u32, self.size(id, DEPTH)?);
        for part in parts {
            let (member, at) = self.find_member(id, part.as_bytes(), DEPTH, &mut Vec::new())?;
            // An array without a length begins where its struct ends.
            offset = offset.checked_add(at).filter(|offset| *offset <= end)?;
            id = member;
        }
        let (_, element) = self.resolve(id, true)?;
        Some(Found { offset, size: self.size(element, DEPTH)? })
    }

    /// The parameters of the function that a typedef points to, each as "is it a pointer".
    #[must_use]
    pub fn callback_parameters(&self, typedef: &str) -> Option<Vec<bool>> {
        let (pointer, _) = self.resolve(*self.named.get(typedef.as_bytes())?, false)?;
        let proto = self.get(pointer.size_or_type).filter(|proto| proto.kind() == FUNC_PROTO)?;
        (0..proto.count())
            .map(|index| {
                let id = u32_at(self.types, proto.at + TYPE_SIZE + index * 8 + 4)?;
                Some(self.resolve(id, false).is_some_and(|(kind, _)| kind.kind() == PTR))
            })
            .collect()
    }

    /// The type behind typedefs and qualifiers, and behind arrays if asked, with its number.
    fn resolve(&self, mut id: u32, through_arrays: bool) -> Option<(Type, u32)> {
        for _ in 0..DEPTH {
            let found = self.get(id)?;
            id = match found.kind() {
                TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => found.size_or_type,
                ARRAY if through_arrays => u32_at(self.types, found.at + TYPE_SIZE)?,
                _ => return Some((found, id)),
            };
        }
        None
    }

    fn size(&self, id: u32, depth: u32) -> Option<u32> {
        let (found, _) = self.resolve(id, false)?;
        match found.kind() {
            INT | STRUCT | UNION | ENUM | FLOAT | ENUM64 => Some(found.size_or_type),
            PTR => Some(8),
            ARRAY => {
                let element = u32_at(self.types, found.at + TYPE_SIZE)?;
                let count = u32_at(self.types, found.at + TYPE_SIZE + 8)?;
                self.size(element, depth.checked_sub(1)?)?.checked_mul(count)
            }
            _ => None,
        }
    }

    /// A member by name, looked for in anonymous members too: its type and its offset in bytes. Of those
    /// that were `seen` none has it; types of bad input may be in each other many times.
    fn find_member(
        &self,
        id: u32,
        name: &[u8],
        depth: u32,
        seen: &mut Vec<u32>,
    ) -> Option<(u32, u32)> {
        let (found, id) = self.resolve(id, true)?;
        if !matches!(found.kind(), STRUCT | UNION) || seen.contains(&id) {
            return None;
        }
        seen.push(id);
        let mut anonymous = Vec::new();
        for index in 0..found.count() {
            let at = found.at + TYPE_SIZE + index * 12;
            let member_name = u32_at(self.types, at)?;
            let member = u32_at(self.types, at + 4)?;
            let bits = u32_at(self.types, at + 8)?;
            // With the flag the upper byte is a bit field's width.
            let (bits, width) =
                if found.kind_flag() { (bits & 0x00ff_ffff, bits >> 24) } else { (bits, 0) };
            if width != 0 || bits % 8 != 0 {
                continue;
            }
            if self.is_name(member_name, name) {
                return Some((member, bits / 8));
            }
            if member_name == 0 {
                anonymous.push((member, bits / 8));
            }
        }
        let depth = depth.checked_sub(1)?;
        anonymous.into_iter().find_map(|(member, base)| {
            let (inner, offset) = self.find_member(member, name, depth, seen)?;
            Some((inner, base.checked_add(offset)?))
        })
    }

    fn is_name(&self, at: u32, name: &[u8]) -> bool {
        self.strings.get(at as usize..).is_some_and(|text| is_whole(text, name))
    }
}

/// The sections of types and strings, by `struct btf_header`.
fn sections(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let magic = bytes.get(..2)?.try_into().ok().map(u16::from_ne_bytes)?;
    if magic != MAGIC {
        return None;
    }
    let body = bytes.get(u32_at(bytes, 4)? as usize..)?;
    let section = |offset_at, len_at| {
        let offset = u32_at(bytes, offset_at)? as usize;
        body.get(offset..offset.checked_add(u32_at(bytes, len_at)? as usize)?)
    };
    Some((section(8, 12)?, section(16, 20)?))
}

#[cfg(test)]
mod tests;
