//! The names to look for in the one pass, of which nearly all that there are is none.

/// The names.
#[derive(Debug, Default)]
pub struct Wanted<'n> {
    /// Each with its [`beginning`], by which they are sorted.
    names: Vec<(u64, &'n [u8])>,
    /// A bit for each hash of a wanted name's beginning: nearly all other names fail here.
    filter: [u64; 32],
}

impl<'n> Wanted<'n> {
    /// Adds the name of a struct, typedef, function or enumerator.
    pub fn add(&mut self, name: &'n str) {
        let name = (beginning(name.as_bytes()), name.as_bytes());
        if let Err(place) = self.names.binary_search(&name) {
            self.names.insert(place, name);
        }
        let (word, bit) = Self::hash(name.0);
        if let Some(word) = self.filter.get_mut(word) {
            *word |= bit;
        }
    }

    /// The word of the filter, and the bit in it.
    const fn hash(beginning: u64) -> (usize, u64) {
        // The upper bits of the product depend on all bytes.
        let hash = beginning.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 53;
        (hash as usize / 64, 1 << (hash % 64))
    }

    /// The wanted name that the strings hold at `at`.
    #[inline]
    pub(super) fn find(&self, strings: &[u8], at: u32) -> Option<&'n [u8]> {
        let text = strings.get(at as usize..)?;
        let beginning = beginning(text);
        let (word, bit) = Self::hash(beginning);
        if self.filter.get(word)? & bit == 0 { None } else { self.one_of(text, beginning) }
    }

    /// Of those that begin like it, the one that `text` begins with as a whole.
    #[inline(never)]
    fn one_of(&self, text: &[u8], beginning: u64) -> Option<&'n [u8]> {
        let from = self.names.partition_point(|(other, _)| *other < beginning);
        let names = self.names.get(from..)?.iter().take_while(|(other, _)| *other == beginning);
        names.map(|(_, name)| *name).find(|name| is_whole(text, name))
    }
}

/// The first eight bytes of a name that ends with its text or with a zero, and zeros for what is behind that.
#[inline]
fn beginning(text: &[u8]) -> u64 {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    let word = match text.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => text.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    // The highest bit of the first byte that is zero, and higher ones.
    let ends = word.wrapping_sub(LOW) & !word & HIGH;
    let end = ends & ends.wrapping_neg();
    word & end.wrapping_sub(1)
}

/// Whether the name at the beginning of `text` is this one, and no longer.
pub(super) fn is_whole(text: &[u8], name: &[u8]) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.first() == Some(&0))
}
