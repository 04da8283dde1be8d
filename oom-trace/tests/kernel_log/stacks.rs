//! Stacks that do not go straight from the program to the shortage.

use serde_json::json;

use crate::cases::parse;
use crate::log;

/// As a read into memory that is not there yet leaves it: the kernel's own fault has registers in the stack's middle.
const FAULT: &str = "\
RIP: 0010:rep_stos_alternative+0x57/0x80
Code: c0 08 83 f9 08 73 ef 85 c9 75 f1 31 c0 c3 cc cc cc cc 48 89 07 48 89 47 08
RSP: 0018:ff29b1b9804efd98 EFLAGS: 00010206
RAX: 0000000000000000 RBX: 0000000000001000 RCX: 0000000000000fc0
 read_zero+0x78/0xd0
 ? __pte_offset_map+0x1b/0x180
 ksys_read+0x6d/0xf0
 entry_SYSCALL_64_after_hwframe+0x76/0x7e
";

#[test]
fn a_stack_goes_on_behind_a_fault_of_the_kernels_own() {
    let log = String::from_utf8(log("6.12", "memcg", "log")).unwrap();
    let (plain, _) = parse(log.as_bytes());
    let (before, after) = log.split_once(" RIP: 0033:").unwrap();
    let (before, stamp) = before.rsplit_once('\n').unwrap();
    let fault = FAULT.lines().map(|line| format!("{stamp} {line}\n")).collect::<String>();
    let (records, _) = parse(format!("{before}\n{fault}{stamp} RIP: 0033:{after}").as_bytes());
    let mut expected = plain[0].clone();
    let stack = expected["stack"].as_array_mut().unwrap();
    for frame in
        ["read_zero+0x78/0xd0", "ksys_read+0x6d/0xf0", "entry_SYSCALL_64_after_hwframe+0x76/0x7e"]
    {
        stack.push(json!(frame));
    }
    assert!(expected["trigger"]["user_pc"].is_string(), "{expected:#}");
    assert_eq!(records, [expected]);
}
