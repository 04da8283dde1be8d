//! A record without its details.

use super::{OomKill, Record, Shared};

/// The keys that [`Record::shrunk`] lets go of, as `docs/events.md` names them.
const CANDIDATES: &str = "candidates";
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::fixtures;

    #[test]
    fn what_is_let_go_of_is_named_and_siblings_go_on_sharing() {
        let all = fixtures::all();
        let (_, full) = all.iter().find(|(name, _)| *name == "everything").unwrap();
        let shrunk = full.shrunk(None).unwrap();
        let kill = shrunk.kill().unwrap();
        assert_eq!(kill.shrunk, [CANDIDATES, SYSTEM, STACK, ANCESTORS, ARGV]);
        let json = serde_json::to_value(&shrunk).unwrap();
        for key in &kill.shrunk {
            let pointer = format!("/{}", key.replace('.', "/"));
            assert!(json.pointer(&pointer).unwrap().is_null(), "{key}");
        }
        assert_eq!((shrunk.id(), &kill.why), (full.id(), &full.kill().unwrap().why));
        assert!(shrunk.weight().shared < full.weight().shared);
        assert_eq!(shrunk.shrunk(None), None);
        let sibling = full.shrunk(Some(&shrunk)).unwrap();
        assert!(sibling.shares_with(&shrunk));
        assert_eq!(sibling, shrunk);
    }
}
