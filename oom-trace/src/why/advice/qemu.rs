//! Virtual machines.

use super::program::Program;
use super::size::bytes;
use crate::quote::Quoted;
use crate::units::Size;

pub(super) const NAMES: &[&str] = &["qemu-system-*", "qemu-kvm", "kvm"];

pub(super) fn advice(program: &Program<'_>) -> Option<String> {
    let own = program.own().filter(|_| program.is_most())?;
    let name = program.value("-name").map(|name| {
        let parts = || name.split(',');
        parts()
            .find_map(|part| part.strip_prefix("guest="))
            .or_else(|| parts().next())
            .unwrap_or(name)
    });
    let vm = name.map_or("the VM".to_owned(), |name| format!("VM {}", Quoted::from(name)));
    let memory = program.value("-m").and_then(|memory| {
        let mut parts = memory.split(',');
        let size =
            parts.find_map(|part| part.strip_prefix("size=")).or_else(|| memory.split(',').next());
        bytes(size?, 1 << 20)
    });
    let given = memory.map(|memory| format!(" (its -m is {})", Size(memory))).unwrap_or_default();
    Some(format!(
        "give {vm} less memory{given}, or the host more: it held {} of {}, and QEMU needs some on \
         top of the guest's",
        Size(own),
        program.ceiling
    ))
}
