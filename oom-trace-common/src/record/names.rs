//! Which symbols of stack frames were told.
//!
//! To name an address takes the kernel's side a while, and the stacks that lead to the OOM killer are few.
//! So it names each address once. Both sides keep as many of them as there are places, and the one that
//! was told last stands in the place of the one before: what the one side takes for told, the other has,
//! as long as it sees all records in their order. One that found no room in the ring told nothing.

/// How many are remembered; a power of two.
pub const NAMES: usize = 256;

/// The place of an address among them.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "no more bits are left than a place has")]
pub const fn name_place(address: u64) -> usize {
    // Fibonacci hashing: the highest bits of the product.
    (address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - NAMES.ilog2())) as usize
}

/// Whether a symbol is remembered: a module, whose name ends it in brackets, may leave, and another come to
/// the same address.
#[must_use]
pub const fn is_kept(symbol: &[u8]) -> bool {
    !matches!(symbol.last(), Some(b']'))
}
