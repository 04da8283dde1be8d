//! What to do about this kill.

mod allocation;
mod child;
mod choice;
mod huge_pages;
mod kernel;
mod limit;
mod log;
mod nodes;
mod overcommit;
mod shared;
mod sudden;
mod swap;
mod together;

use super::advice;
use crate::incident::model::OomKill;

/// A hint, if it fits.
type Rule = fn(&OomKill) -> Option<String>;

/// More would not be read.
const MOST: usize = 3;

/// What tells most about a kill that it fits stands first.
const RULES: &[Rule] = &[
    choice::by_hand,
    choice::allocating_task,
    child::sacrificed,
    limit::lowered,
    nodes::bound,
    allocation::fragmented,
    allocation::out_of_reach,
    choice::unkillable,
    choice::shielded,
    limit::node,
    kernel::charged,
    shared::victim,
    huge_pages::unused,
    shared::machine,
    together::crowd,
    shared::unmapped_limit,
    shared::unmapped_machine,
    advice::advice,
    sudden::filled,
    limit::most,
    limit::of_its_own,
    limit::of_its_own_by_share,
    limit::crowd,
    limit::above,
    kernel::objects,
    kernel::page_tables_of_victim,
    kernel::page_tables_of_machine,
    swap::full,
    swap::off,
    swap::forbidden,
    swap::limited,
    overcommit::unlimited,
    choice::offered,
    together::group,
    limit::throttle,
    limit::unnamed,
    together::sharers,
    limit::rest,
    log::dump,
    log::command,
];

pub(super) fn hints(kill: &OomKill) -> Vec<String> {
    if let Some(hint) = choice::to_test(kill) {
        return vec![hint];
    }
    RULES.iter().filter_map(|rule| rule(kill)).take(MOST).collect()
}
