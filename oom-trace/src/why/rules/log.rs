//! What a saved log lacks, and where it is to be had.

use super::super::facts::name;
use crate::incident::model::OomKill;

/// Programs whose name says nothing of what they run.
const INTERPRETERS: [&str; 9] =
    ["python", "java", "node", "perl", "ruby", "php", "bash", "sh", "dotnet"];

/// A kill of which the log has its own line, or what another said of it, and not how memory stood.
pub(super) fn dump(kill: &OomKill) -> Option<String> {
    let OomKill { shortage, victim, .. } = kill;
    let has_dump = shortage.limit.is_some() || kill.candidates.is_some() || kill.system.is_some();
    if !kill.source.is_kernel_log() || has_dump {
        return None;
    }
    // The kubelet tells of no sizes.
    let node = match victim.memory.resident() {
        Some(_) => "",
        None => {
            "; on a Kubernetes node: kubectl debug node/NODE -it --image=busybox -- chroot /host dmesg -T"
        }
    };
    Some(format!(
        "look at the lines before the kill in the full kernel log (dmesg -T, journalctl -k{node}): they say \
         what ran short and who held it, unless the kernel suppressed them (rate limit)"
    ))
}

/// A name that many programs share.
pub(super) fn command(kill: &OomKill) -> Option<String> {
    let victim = &kill.victim;
    let comm = victim.comm.as_ref().map(|comm| comm.to_utf8())?;
    let is_one = INTERPRETERS.iter().any(|it| {
        let rest = comm.strip_prefix(it);
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
    });
    let is_placed = victim.unit.is_some() || victim.container.is_some() || victim.pod.is_some();
    let is_unknown = victim.argv.is_none() && victim.exe.is_none() && !is_placed;
    (kill.source.is_kernel_log() && is_one && is_unknown).then(|| {
        let who = name(victim.comm.as_ref(), "the victim");
        format!(
            "keep oom-trace running to know which {who} it is next time: the kernel's log has no command line, but \
             an agent's record has it, with the unit and the parent processes"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testdata::{of_a_service, of_the_machine};
    use super::*;
    use crate::incident::model::Source;

    #[test]
    fn one_line_of_a_log_asks_for_the_others() {
        let mut kill = of_the_machine();
        kill.source = Source::KernelLog;
        assert_eq!(dump(&kill), None);
        kill.system = None;
        assert!(dump(&kill).unwrap().contains("(dmesg -T, journalctl -k)"));
        kill.victim.memory = crate::incident::model::Memory::default();
        assert!(dump(&kill).unwrap().contains("kubectl debug node/NODE"));
        kill.source = Source::Kprobe;
        assert_eq!(dump(&kill), None);
    }

    #[test]
    fn a_name_that_many_share_needs_a_command_line() {
        let mut kill = of_a_service();
        kill.source = Source::KernelLog;
        assert_eq!(command(&kill), None);
        kill.victim.unit = None;
        assert!(command(&kill).unwrap().contains("which python3 it is"));
        kill.victim.comm = Some("nodepad".into());
        assert_eq!(command(&kill), None);
        kill.victim.comm = Some("java".into());
        kill.source = Source::Kprobe;
        assert_eq!(command(&kill), None);
    }
}
