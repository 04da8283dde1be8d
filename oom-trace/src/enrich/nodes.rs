//! Bitmaps of NUMA nodes.

use std::fmt::Write as _;

/// The kernel's list format (`%*pbl`, lib/vsprintf.c): `0-2,5`, empty for no node.
///
/// The bitmap is an array of `unsigned long`s in the machine's byte order.
pub(super) fn list(bitmap: &[u8]) -> String {
    let (words, _) = bitmap.as_chunks::<8>();
    let is_set = |node: usize| {
        words.get(node / 64).is_some_and(|word| u64::from_ne_bytes(*word) >> (node % 64) & 1 != 0)
    };
    let mut text = String::new();
    let mut node = 0;
    while node < words.len() * 64 {
        if !is_set(node) {
            node += 1;
            continue;
        }
        let first = node;
        while is_set(node) {
            node += 1;
        }
        let comma = if text.is_empty() { "" } else { "," };
        let last = node - 1;
        // Writing to a String cannot fail.
        let _ = if first == last {
            write!(text, "{comma}{first}")
        } else {
            write!(text, "{comma}{first}-{last}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn ranges_are_joined_over_words() {
        let bitmap = |words: &[u64]| words.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<_>>();
        for (words, text) in [
            (vec![0], ""),
            (vec![1], "0"),
            (vec![0b10_0111], "0-2,5"),
            (vec![1 << 63, 0b11], "63-65"),
            (vec![u64::MAX, u64::MAX], "0-127"),
        ] {
            assert_eq!(list(&bitmap(&words)), text);
        }
        assert_eq!(list(&[]), "");
    }
}
