//! What this machine offers.

use std::fs;
use std::io;
use std::ops::Deref;
use std::path::Path;

use oom_trace_common::layout::{Layout, MEMBERS};
use rustix::thread::CapabilitySet;

use super::btf::{Btf, BtfError, Wanted};
use super::gfp::GfpNames;
use super::hooks::functions;
use super::kallsyms;
use super::layout::{self, Absent};
use crate::cause::more_files;
use crate::release::Release;

/// Where the running kernel's BTF is.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// The helper that names addresses.
const SNPRINTF: &str = "BPF_FUNC_snprintf";

const KALLSYMS: &str = "/proc/kallsyms";

/// Names of allocation flags whose numbers depend on the kernel's configuration.
const GFP_BITS: [&str; 1] = ["___GFP_NO_OBJ_EXT_BIT"];

const MARK_VICTIM: &str = "btf_trace_mark_victim";

/// Why nothing can be said of a machine.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// A file could not be read.
    #[error("cannot read {path}: {error}{advice}")]
    Read {
        /// Which.
        path: String,
        /// What the kernel said.
        error: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// The BTF is none.
    #[error("{path} is not BTF that oom-trace can read: {error}")]
    Btf {
        /// Which.
        path: String,
        /// Why.
        error: BtfError,
    },
}

/// What `oom/mark_victim` passes to a raw tracepoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkVictim {
    /// The task.
    Task,
    /// A thread id only.
    ThreadId,
    /// This kernel has no such tracepoint.
    Absent,
}

/// What this machine offers.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The kernel's release.
    pub release: Release,
    /// What its BTF tells.
    pub known: Known,
    /// Whether the frames of a stack can be named: by that helper or by `/proc/kallsyms`.
    pub names_frames: bool,
    /// Whether it has kprobes for perf events.
    pub kprobes: bool,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: i32,
    /// The mode in `/sys/kernel/security/lockdown`, if that is in use.
    pub lockdown: Option<String>,
    /// What this process may do.
    pub capabilities: CapabilitySet,
    /// CPUs the kernel may ever have.
    pub possible_cpus: u32,
    /// Memory nodes the kernel may ever have.
    pub possible_nodes: u32,
}

impl Facts {
    /// Reads them, all but the BTF, whose bytes these are: of [`BTF_PATH`], or of the file at `btf_path`.
    /// They are not needed any more afterwards.
    ///
    /// # Errors
    /// The BTF is none, or it or a file of `/proc` cannot be read.
    pub fn gather(
        btf: io::Result<impl Deref<Target = [u8]>>,
        btf_path: Option<&Path>,
    ) -> Result<Self, FactsError> {
        let path = btf_path.unwrap_or(Path::new(BTF_PATH));
        let bytes = btf.map_err(|error| FactsError::Read {
            path: path.display().to_string(),
            advice: match error.kind() {
                io::ErrorKind::NotFound => "; oom-trace needs a kernel built with CONFIG_DEBUG_INFO_BTF=y (most distributions' \
                     kernels are), or its BTF in a file named with --btf; --attach log needs neither",
                _ => more_files(&error),
            },
            error,
        })?;
        let release = release()?;
        let known = Known::find(&bytes, release.version())
            .map_err(|error| FactsError::Btf { path: path.display().to_string(), error })?;
        drop(bytes);
        Ok(Self {
            names_frames: known.has_snprintf || shows_addresses(),
            known,
            release,
            kprobes: Path::new("/sys/bus/event_source/devices/kprobe/type").exists(),
            perf_event_paranoid: read("/proc/sys/kernel/perf_event_paranoid")
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
            lockdown: read("/sys/kernel/security/lockdown").ok().and_then(|text| lockdown(&text)),
            capabilities: capabilities()?,
            possible_cpus: count(&read("/sys/devices/system/cpu/possible")?),
            // A kernel built for one node has no such file.
            possible_nodes: read("/sys/devices/system/node/possible")
                .map_or(1, |list| count(&list)),
        })
    }
}

/// What a BTF alone tells.
#[derive(Debug, Clone)]
pub struct Known {
    /// Where the kernel keeps its members.
    pub layout: Layout,
    /// The members it does not have.
    pub absent: Vec<Absent>,
    /// The functions to hook that it has, and their numbers in the BTF.
    pub functions: Vec<(&'static str, u32)>,
    /// Its tracepoint.
    pub mark_victim: MarkVictim,
    /// Whether it has the helper `bpf_snprintf`.
    pub has_snprintf: bool,
    /// Its names of allocation flags.
    pub gfp_names: GfpNames,
}

impl Known {
    /// Looks everything up in the BTF of a kernel of this version.
    ///
    /// # Errors
    /// The bytes are no BTF.
    pub fn find(bytes: &[u8], version: (u32, u32)) -> Result<Self, BtfError> {
        let mut wanted = Wanted::default();
        layout::want(&mut wanted, MEMBERS);
        let functions = functions();
        for name in functions.iter().copied().chain(GFP_BITS).chain([MARK_VICTIM, SNPRINTF]) {
            wanted.add(name);
        }
        let btf = Btf::parse(bytes, &wanted)?;
        let (layout, absent) = layout::resolve(&btf);
        Ok(Self {
            layout,
            absent,
            functions: functions
                .into_iter()
                .filter_map(|name| Some((name, btf.function(name)?)))
                .collect(),
            // The first parameter is the probe's own data.
            mark_victim: match btf.callback_parameters(MARK_VICTIM).as_deref() {
                Some([_, true, ..]) => MarkVictim::Task,
                Some([_, false, ..]) => MarkVictim::ThreadId,
                _ => MarkVictim::Absent,
            },
            has_snprintf: btf.enumerator(SNPRINTF).is_some(),
            gfp_names: GfpNames::new(version, |name| btf.enumerator(name)),
        })
    }
}

/// The running kernel's.
pub(crate) fn release() -> Result<Release, FactsError> {
    read("/proc/sys/kernel/osrelease").map(|text| Release::new(text.trim()))
}

/// The effective ones.
fn capabilities() -> Result<CapabilitySet, FactsError> {
    match rustix::thread::capabilities(None) {
        Ok(sets) => Ok(sets.effective),
        Err(error) => Err(FactsError::Read {
            path: "this process's capabilities (capget)".to_owned(),
            error: error.into(),
            advice: "",
        }),
    }
}

fn shows_addresses() -> bool {
    let list = fs::File::open(KALLSYMS).map(io::BufReader::new);
    list.and_then(kallsyms::shows_addresses).unwrap_or(false)
}

fn read(path: &str) -> Result<String, FactsError> {
    fs::read_to_string(path).map_err(|error| FactsError::Read {
        path: path.to_owned(),
        error,
        advice: "",
    })
}

/// `none [integrity] confidentiality`: the one in brackets.
fn lockdown(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('[')?;
    let (mode, _) = rest.split_once(']')?;
    (mode != "none").then(|| mode.to_owned())
}

/// The last of `0-3` or `0,2-5`, plus one.
fn count(list: &str) -> u32 {
    let last = list.trim().rsplit([',', '-']).next();
    last.and_then(|last| last.parse::<u32>().ok()).map_or(1, |last| last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_btf_it_says_what_the_kernel_lacks_and_what_goes_on_without() {
        let missing = Err::<Vec<u8>, _>(io::Error::from(io::ErrorKind::NotFound));
        let said = Facts::gather(missing, None).unwrap_err().to_string();
        assert!(said.starts_with("cannot read /sys/kernel/btf/vmlinux: "), "{said}");
        assert!(
            said.contains("CONFIG_DEBUG_INFO_BTF=y (most distributions' kernels are)"),
            "{said}"
        );
        assert!(said.contains("--attach log") && !said.contains("5.10"), "{said}");
    }

    #[test]
    fn lists_of_cpus_and_the_mode_of_lockdown() {
        assert_eq!(count("0\n"), 1);
        assert_eq!(count("0-3\n"), 4);
        assert_eq!(count("0,2-5\n"), 6);
        assert_eq!(lockdown("none [integrity] confidentiality\n").as_deref(), Some("integrity"));
        assert_eq!(lockdown("[none] integrity confidentiality\n"), None);
    }
}
