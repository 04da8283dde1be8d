//! A record without its details.

use super::{OomKill, Record, Shared};

/// The keys that [`Record::shrunk`] lets go of, as `docs/events.md` names them.
const CANDIDATES: &str = "candidates";
const CENSUS: &str = "census";
const SYSTEM: &str = "system";
const STACK: &str = "stack";
const ANCESTORS: &str = "limit.ancestors";
const ARGV: &str = "victim.argv";

impl Record {
    /// The same kill with less of what else is told of it: for where there is no room for more. `None`
    /// if there is nothing to let go of. `before` is the record that was made before it; one of the
    /// same incident lends what they share.
    #[must_use]
    pub fn shrunk(&self, before: Option<&Self>) -> Option<Self> {
        let before = before.and_then(Self::kill);
        self.kill()?.shrunk(before).map(|kill| Self::OomKill(Box::new(kill)))
    }
}

impl OomKill {
    fn shrunk(&self, before: Option<&Self>) -> Option<Self> {
        let limit = self.shortage.limit.as_ref();
        let has = [
            (CANDIDATES, self.candidates.is_some()),
            (CENSUS, self.census.is_some()),
            (SYSTEM, self.system.is_some()),
            (STACK, self.shortage.stack.is_some()),
            (ANCESTORS, limit.is_some_and(|limit| limit.ancestors.is_some())),
            (ARGV, self.victim.argv.is_some()),
        ];
        let lost = || has.iter().filter(|(_, has)| *has).map(|(key, _)| *key);
        lost().next()?;
        let mut less = self.clone();
        less.shrunk.extend(lost().map(Into::into));
        less.candidates = None;
        less.census = None;
        less.system = None;
        less.victim.argv = None;
        let lender =
            before.filter(|before| before.incident == self.incident && !before.shrunk.is_empty());
        less.shortage = match lender {
            Some(before) => before.shortage.clone(),
            None => {
                let mut shortage = self.shortage.clone().into_inner();
                shortage.stack = None;
                if let Some(limit) = &mut shortage.limit {
                    limit.ancestors = None;
                }
                Shared::from(shortage)
            }
        };
        Some(less)
    }
}
