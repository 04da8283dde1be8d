//! The capabilities that hooking needs (include/uapi/linux/capability.h).

/// A capability, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// Reopen files in folders of others.
    DacOverride = 1,
    /// Everything the newer two give, and perf kprobes whatever `perf_event_paranoid` says.
    SysAdmin = 21,
    /// See the addresses in `/proc/kallsyms`.
    Syslog = 34,
    /// Load tracing programs.
    Perfmon = 38,
    /// Make maps and load programs.
    Bpf = 39,
}

/// A set, as `/proc/PID/status` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u64);

impl Capabilities {
    /// `CapEff` of a `/proc/PID/status`; empty if the text has none.
    #[must_use]
    pub fn effective(status: &str) -> Self {
        let hex = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        Self(hex.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0))
    }

    /// Whether it holds `capability`.
    #[must_use]
    pub const fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }

    /// Which are missing to load and attach tracing programs, by name.
    #[must_use]
    pub fn missing_to_trace(self) -> Vec<&'static str> {
        if self.has(Capability::SysAdmin) {
            return Vec::new();
        }
        [("CAP_BPF", Capability::Bpf), ("CAP_PERFMON", Capability::Perfmon)]
            .into_iter()
            .filter_map(|(name, capability)| (!self.has(capability)).then_some(name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_capabilities_or_the_old_one_suffice() {
        let of =
            |hex: &str| Capabilities::effective(&format!("Name:\tx\nCapEff:\t{hex}\nCapBnd:\t0\n"));
        assert_eq!(of("0000000000000000").missing_to_trace(), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(of("0000008000000000").missing_to_trace(), ["CAP_PERFMON"]);
        assert!(of("000000c000000000").missing_to_trace().is_empty());
        assert!(of("0000000000200000").missing_to_trace().is_empty());
    }
}
