//! The kernel's build and the machine, as the head of a kernel dump names them
//! (`dump_stack_print_info`, lib/dump_stack.c).

use std::fs;

use crate::incident::model::Build;

const TAINTED: &str = "/proc/sys/kernel/tainted";
const PREEMPT: &str = "/sys/kernel/debug/sched/preempt";
const DMI: &str = "/sys/class/dmi/id";
const DEVICE_TREE_MODEL: &str = "/sys/firmware/devicetree/base/model";

/// Letters of the flags in `/proc/sys/kernel/tainted`, from bit 0, and what a flag that is not set
/// shows (`taint_flags`, kernel/panic.c).
const TAINTS: [(char, char); 20] = [
    ('P', 'G'),
    ('F', ' '),
    ('S', ' '),
    ('R', ' '),
    ('M', ' '),
    ('B', ' '),
    ('U', ' '),
    ('D', ' '),
    ('A', ' '),
    ('W', ' '),
    ('C', ' '),
    ('I', ' '),
    ('O', ' '),
    ('E', ' '),
    ('L', ' '),
    ('K', ' '),
    ('X', ' '),
    ('T', ' '),
    ('N', ' '),
    ('J', ' '),
];

/// The flags that a version has: each shows, set or not.
const TAINT_COUNTS: [((u32, u32), usize); 3] = [((6, 15), 20), ((6, 0), 19), ((0, 0), 18)];

/// From this version on a dump names the preemption model (`preempt_model_str`).
const SHOWS_PREEMPT: (u32, u32) = (6, 15);

/// `dump_stack_arch_desc_str` has 128 bytes, with its NUL.
const HARDWARE_LEN: usize = 127;

/// Knows what does not change, and looks up what does.
#[derive(Debug, Default)]
pub struct BuildReader {
    kernel_version: String,
    preempt: Option<String>,
    hardware: Option<String>,
    taint_count: usize,
}

impl BuildReader {
    /// Asks a kernel of this version.
    #[must_use]
    pub fn here(version: (u32, u32)) -> Self {
        let kernel_version = rustix::system::uname().version().to_string_lossy().into_owned();
        let shown = version >= SHOWS_PREEMPT;
        let preempt = if shown && kernel_version.contains("PREEMPT_DYNAMIC") {
            fs::read_to_string(PREEMPT).ok().and_then(|modes| preempt(&modes))
        } else {
            None
        };
        let taint_count = TAINT_COUNTS.iter().find(|(since, _)| version >= *since);
        Self {
            preempt,
            hardware: hardware(),
            taint_count: taint_count.map_or(TAINTS.len(), |(_, count)| *count),
            kernel_version,
        }
    }

    /// How it stands now.
    pub(super) fn build(&self) -> Build {
        let tainted = fs::read_to_string(TAINTED).ok().and_then(|text| text.trim().parse().ok());
        Build {
            kernel_version: Some(self.kernel_version.clone()),
            preempt: self.preempt.clone(),
            taint: tainted.map(|flags| taint(flags, self.taint_count)),
            hardware: self.hardware.clone(),
        }
    }
}

fn taint(flags: u64, count: usize) -> String {
    if flags == 0 {
        return "Not tainted".to_owned();
    }
    let letters = TAINTS.iter().take(count).enumerate();
    let letters =
        letters.map(|(bit, &(set, unset))| if flags >> bit & 1 != 0 { set } else { unset });
    format!("Tainted: {}", letters.collect::<String>())
}

/// `none voluntary full (lazy)`: the one in parentheses.
fn preempt(modes: &str) -> Option<String> {
    let (_, rest) = modes.split_once('(')?;
    let (mode, _) = rest.split_once(')')?;
    Some(format!("PREEMPT({mode})"))
}

/// Of the firmware's tables (`dmi_format_ids`, drivers/firmware/dmi_scan.c), else of the device
/// tree (`setup_machine_fdt`, arch/arm64/kernel/setup.c).
fn hardware() -> Option<String> {
    let field = |name| {
        let text = fs::read_to_string(format!("{DMI}/{name}")).ok()?;
        Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    };
    if let Some(vendor) = field("sys_vendor") {
        let or_nothing = |name| field(name).unwrap_or_default();
        let board = field("board_name").map(|name| format!("/{name}")).unwrap_or_default();
        let mut text = format!(
            "{vendor} {}{board}, BIOS {} {}",
            or_nothing("product_name"),
            or_nothing("bios_version"),
            or_nothing("bios_date"),
        );
        text.truncate(text.floor_char_boundary(HARDWARE_LEN));
        return Some(text);
    }
    let model = fs::read_to_string(DEVICE_TREE_MODEL).ok()?;
    Some(format!("{} (DT)", model.trim_end_matches('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_has_its_place() {
        assert_eq!(taint(0, 18), "Not tainted");
        assert_eq!(taint(1 << 9, 18), "Tainted: G        W        ");
        assert_eq!(taint(1 | 1 << 12, 19), "Tainted: P           O      ");
    }

    #[test]
    fn the_mode_in_force_is_in_parentheses() {
        assert_eq!(preempt("none voluntary full (lazy)\n").as_deref(), Some("PREEMPT(lazy)"));
        assert_eq!(preempt("none voluntary\n"), None);
    }
}
