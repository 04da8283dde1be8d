//! Shortages of something else than memory: it was free, but this allocation could not have it.

use std::fmt::{self, Display, Formatter};

use super::facts::{free_before, is_share, short_machine};
use super::nodes::Bound;
use super::zones;
use crate::incident::model::OomKill;
use crate::units::Size;

/// The kernel keeps some percent free (`vm.min_free_kbytes`, and what it reserves of one zone from
/// allocations that another could serve); so much more is no shortage.
const PLENTY_PERCENT: u64 = 10;

/// The same for a block of pages: single pages run out close to what is kept free.
const PLENTY_FOR_BLOCK_PERCENT: u64 = 3;

/// Single pages can be had while more than the watermark is free, blocks need not be.
const PLENTY_OF_MINS: u64 = 3;

/// What small machines keep free is a larger share of them.
const PLENTY_FOR_BLOCK_BYTES: u64 = 64 << 20;

/// An allocation that failed beside free memory.
pub(super) struct Stuck {
    pub(super) free: u64,
    pub(super) total: Option<u64>,
    /// Of one that needed more than a page.
    pub(super) block: Option<Block>,
}

impl Stuck {
    pub(super) fn of_the_machine(kill: &OomKill) -> Option<Self> {
        let system = short_machine(kill)?;
        let list = None;
        Self::new(kill, system.free_bytes?, system.total_bytes, zones::min(kill, list))
    }

    pub(super) fn of_nodes(kill: &OomKill, bound: &Bound<'_>) -> Option<Self> {
        Self::new(kill, bound.free?, bound.total, zones::min(kill, bound.list))
    }

    fn new(kill: &OomKill, free: u64, total: Option<u64>, min: Option<u64>) -> Option<Self> {
        let before = free_before(kill, free);
        let block = Block::new(kill);
        let is_plenty = match block {
            Some(Block { bytes, .. }) => {
                let is_share = |total| is_share(before, total, PLENTY_FOR_BLOCK_PERCENT);
                let is_much = min.is_some_and(|min| before >= min.saturating_mul(PLENTY_OF_MINS));
                before >= bytes.unwrap_or(0).max(PLENTY_FOR_BLOCK_BYTES)
                    && (total.is_some_and(is_share) || is_much)
            }
            None => is_share(before, total?, PLENTY_PERCENT),
        };
        is_plenty.then_some(Self { free, total, block })
    }
}

/// Pages that must lie side by side.
#[derive(Clone, Copy)]
pub(super) struct Block {
    order: i32,
    pages: u64,
    /// `None` if the size of a page is not known.
    bytes: Option<u64>,
}

impl Block {
    /// `None` if a page was enough.
    pub(super) fn new(kill: &OomKill) -> Option<Self> {
        let order = kill.shortage.trigger.as_ref()?.order.filter(|order| *order > 0)?;
        let pages = 1_u64.checked_shl(u32::try_from(order).ok()?)?;
        let bytes = kill.shortage.page_size_bytes.and_then(|size| pages.checked_mul(size));
        Some(Self { order, pages, bytes })
    }
}

/// `32.0 KiB (order 3)`
impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { order, pages, bytes } = self;
        match bytes {
            Some(bytes) => write!(f, "{} (order {order})", Size(*bytes)),
            None => write!(f, "{pages} pages (order {order})"),
        }
    }
}

/// `a GFP_KERNEL allocation`
pub(super) fn allocation(kill: &OomKill) -> String {
    let flags = kill.shortage.trigger.as_ref().and_then(|trigger| trigger.gfp_flags.as_deref());
    match flags.and_then(<[String]>::first) {
        Some(first) if first.starts_with("GFP_") => format!("a {first} allocation"),
        _ => "an allocation".to_owned(),
    }
}

/// Whether it must have memory that the kernel cannot move, which leaves out `ZONE_MOVABLE` and CMA
/// (`gfp_migratetype`, include/linux/gfp.h); `None` if its flags are not known.
pub(super) fn is_unmovable(kill: &OomKill) -> Option<bool> {
    let flags = kill.shortage.trigger.as_ref()?.gfp_flags.as_deref()?;
    let is_movable = |flag: &String| flag.contains("MOVABLE") || flag.starts_with("GFP_TRANSHUGE");
    (!flags.is_empty()).then(|| !flags.iter().any(is_movable))
}
