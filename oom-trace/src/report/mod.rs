//! Many kills summed up and drawn: from records alone, wherever they come from.
//!
//! [`Collector`] takes records one at a time and keeps a line of each incident, and the newest ones
//! whole; [`Report`] is what they come to. It has two renderings: [`text`] for a terminal, [`html`]
//! for one page that stands by itself.

mod account;
mod back;
mod collect;
mod coverage;
mod gap;
mod group;
mod headline;
pub mod html;
mod incident;
mod kept;
mod place;
mod repeat;
mod summary;
pub mod text;
mod timeline;
mod when;

#[cfg(test)]
mod testdata;
#[cfg(test)]
mod tests;

pub use account::{Account, Missing, Watch};
pub use collect::Collector;
pub use summary::Report;
