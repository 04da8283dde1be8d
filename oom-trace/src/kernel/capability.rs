//! The capabilities that hooking needs.

use rustix::thread::CapabilitySet;

/// Those that are missing to load and attach tracing programs, by name. `CAP_SYS_ADMIN` gives all that the
/// newer two give.
#[must_use]
pub fn missing_to_trace(effective: CapabilitySet) -> Vec<&'static str> {
    if effective.contains(CapabilitySet::SYS_ADMIN) {
        return Vec::new();
    }
    [("CAP_BPF", CapabilitySet::BPF), ("CAP_PERFMON", CapabilitySet::PERFMON)]
        .into_iter()
        .filter_map(|(name, capability)| (!effective.contains(capability)).then_some(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_capabilities_or_the_old_one_suffice() {
        assert_eq!(missing_to_trace(CapabilitySet::empty()), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing_to_trace(CapabilitySet::BPF), ["CAP_PERFMON"]);
        assert!(missing_to_trace(CapabilitySet::BPF | CapabilitySet::PERFMON).is_empty());
        assert!(missing_to_trace(CapabilitySet::SYS_ADMIN).is_empty());
    }
}
