//! A limit that is filled as soon as a program starts.

use super::super::advice::advice;
use super::super::facts::{at_once, who};
use super::super::hit::Hit;
use super::limit::raisable;
use crate::incident::model::OomKill;
use crate::units::Age;

/// Nothing leaks that fast. Of some programs it is known what to set.
pub(super) fn filled(kill: &OomKill) -> Option<String> {
    let hit = raisable(kill).filter(Hit::is_most)?;
    let ms = at_once(kill).filter(|_| advice(kill).is_none())?;
    Some(format!(
        "raise {}, or find out what {} allocates when it starts: the limit was reached after {}",
        hit.knob(),
        who(&kill.victim),
        Age(ms)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::of_a_service;
    use super::super::limit;
    use super::*;

    #[test]
    fn who_fills_a_limit_at_once_does_not_leak() {
        let mut kill = of_a_service();
        assert_eq!(filled(&kill), None);
        kill.victim.age_ms = Some(26);
        assert_eq!(
            filled(&kill).unwrap(),
            "raise MemoryMax= of app.service, or find out what python3 allocates when it starts: the limit \
             was reached after 26 ms"
        );
        assert_eq!(limit::most(&kill), None);
        kill.victim.age_ms = Some(1000);
        assert_eq!(filled(&kill), None);
        assert!(limit::most(&kill).unwrap().contains("suspect a leak"));
    }
}
