//! Where an object of the kernel is, and by what way its members are read.

use aya_ebpf::programs::FEntryContext;
use oom_trace_common::layout::ABSENT;

use super::{Got, Plain, load, read_bytes};
use crate::scratch::Word;

/// The place of an object. `offset` is a row of the layout, a constant to the verifier.
pub(crate) trait Place: Copy {
    /// Whether each read is the call of a helper.
    const TAKES_A_HELPER: bool;

    /// The member at an offset, which is there.
    fn load<T: Plain>(self, offset: u32) -> Got<T>;

    /// What a member points to, if it is there.
    fn follow(self, offset: u32) -> Self;

    /// Fills `target` from a member as long: 1 or 0.
    fn copy<const N: usize>(self, offset: u32, target: &mut [u8; N]) -> u64;

    fn is_null(self) -> bool;

    /// As a number to the verifier.
    fn address(self) -> u64;
}

/// An address that is a number to the verifier: a helper reads there, and nothing comes of a bad one.
impl Place for u64 {
    const TAKES_A_HELPER: bool = true;

    #[inline(always)]
    fn load<T: Plain>(self, offset: u32) -> Got<T> {
        load(self + offset as Self)
    }

    #[inline(always)]
    fn follow(self, offset: u32) -> Self {
        if offset == ABSENT { 0 } else { self.load(offset).value }
    }

    #[inline(always)]
    fn copy<const N: usize>(self, offset: u32, target: &mut [u8; N]) -> u64 {
        read_bytes(self, offset, N as u32, target)
    }

    #[inline(always)]
    fn is_null(self) -> bool {
        self == 0
    }

    #[inline(always)]
    fn address(self) -> u64 {
        self
    }
}

/// An address of which the verifier knows what is there: the program of a trampoline is given such, and
/// finds more of them in the members. It lets them be read without a helper; a bad address reads as 0.
#[derive(Clone, Copy)]
pub(crate) struct Typed(*const u8);

impl Typed {
    /// An argument of the program's function that is a pointer to a struct.
    #[inline(always)]
    pub(super) fn argument(context: &FEntryContext, place: usize) -> Self {
        Self(context.arg(place))
    }
}

/// An address on its way to where it is a number.
static ADDRESS: Word = Word::zero();

impl Place for Typed {
    const TAKES_A_HELPER: bool = false;

    #[inline(always)]
    fn load<T: Plain>(self, offset: u32) -> Got<T> {
        // SAFETY: the verifier takes no program in which it is not within the object.
        let member: *const T = unsafe { self.0.add(offset as usize) }.cast();
        // SAFETY: any bytes are a value, and of an object that is not there all are 0.
        Got { value: unsafe { member.read_volatile() }, ok: 1 }
    }

    #[inline(always)]
    fn follow(self, offset: u32) -> Self {
        if offset == ABSENT {
            return Self(core::ptr::null());
        }
        // SAFETY: as above.
        let member: *const *const u8 = unsafe { self.0.add(offset as usize) }.cast();
        // SAFETY: as above.
        Self(unsafe { member.read_volatile() })
    }

    #[inline(always)]
    fn copy<const N: usize>(self, offset: u32, target: &mut [u8; N]) -> u64 {
        let (words, _) = target.as_chunks_mut::<8>();
        for (place, word) in words.iter_mut().enumerate() {
            *word = self.load::<u64>(offset + 8 * place as u32).value.to_ne_bytes();
        }
        1
    }

    #[inline(always)]
    fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// Only for hooks that run under `oom_lock`: the verifier forgets what an address is where it is not in a
    /// register.
    #[inline(always)]
    fn address(self) -> u64 {
        ADDRESS.set(self.0 as u64);
        ADDRESS.get()
    }
}
