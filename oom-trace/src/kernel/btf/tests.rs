use super::super::testdata;
use super::*;

fn wanted() -> Wanted<'static> {
    let mut wanted = Wanted::default();
    for name in ["task_struct", "mark_oom_victim", "MM_ANONPAGES", "btf_trace_mark_victim"] {
        wanted.add(name);
    }
    wanted
}

#[test]
fn every_cut_of_a_real_file_is_an_error_or_less_but_no_panic() {
    let bytes = testdata::btf("5.10");
    for len in (0..bytes.len()).step_by(bytes.len() / 97).chain(0..64) {
        let parsed = Btf::parse(&bytes[..len], &wanted());
        assert!(parsed.is_err(), "{len}");
    }
}

#[test]
fn damage_is_no_panic() {
    let bytes = testdata::btf("7.3");
    // A fixed sequence: a failure can be had again.
    let mut state = 1_u64;
    for _ in 0..24 {
        let mut bytes = bytes.clone();
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap() % bytes.len();
            bytes[at] ^= 0x55;
        }
        if let Ok(btf) = Btf::parse(&bytes, &wanted()) {
            let _ = btf.member("task_struct.thread_info.flags");
            let _ = btf.callback_parameters("btf_trace_mark_victim");
            let _ = btf.size_of("task_struct");
        }
    }
}

#[test]
fn names_are_found_whole() {
    let bytes = testdata::btf("6.12");
    let mut wanted = wanted();
    wanted.add("mark_oom");
    let btf = Btf::parse(&bytes, &wanted).unwrap();
    assert!(btf.function("mark_oom_victim").is_some());
    assert_eq!(btf.function("mark_oom"), None);
    assert_eq!(btf.enumerator("MM_ANONPAGES"), Some(1));
    assert_eq!(btf.member("task_struct.no_such_member"), None);
    assert!(btf.callback_parameters("btf_trace_mark_victim").unwrap()[1]);
}

#[test]
fn a_name_is_known_by_its_beginning_and_its_end() {
    let mut wanted = Wanted::default();
    for name in ["pid", "task_str", "task_struct", "u64"] {
        wanted.add(name);
    }
    // Whatever stands behind a short one, and nothing behind the last.
    let strings =
        b"\0pid\0namespace\0pid\0pid_t\0task_str\0task_struct\0task_structs\0task\0u64\0u64";
    let names = [1, 5, 15, 19, 25, 34, 46, 59, 64, 68].map(|at| wanted.find(strings, at));
    let found = |name: &'static str| Some(name.as_bytes());
    let (pid, task) = (found("pid"), found("task_struct"));
    let expected = [pid, None, pid, None, found("task_str"), task, None, None, found("u64"), None];
    assert_eq!(names, expected);
}

#[test]
fn another_byte_order_is_refused() {
    let mut bytes = testdata::btf("5.10");
    bytes.swap(0, 1);
    assert_eq!(Btf::parse(&bytes, &wanted()).unwrap_err(), BtfError::Header);
}

/// A BTF of this struct alone, type 1: its size, and its members by the place of their names in
/// `\0s\0a\0`, their types and their offsets in bits.
fn one_struct(size: u32, members: &[[u32; 3]]) -> Vec<u8> {
    let strings = b"\0s\0a\0";
    let info = STRUCT << 24 | u32::try_from(members.len()).unwrap();
    let types = [&[1, info, size], members.as_flattened()].concat();
    let bytes = u32::try_from(types.len() * 4).unwrap();
    let header = [u32::from(MAGIC) | 1 << 16, 24, 0, bytes, bytes, 5];
    let words = header.iter().chain(&types);
    words.flat_map(|word| word.to_ne_bytes()).chain(*strings).collect()
}

fn offset(size: u32, members: &[[u32; 3]]) -> Option<u32> {
    let bytes = one_struct(size, members);
    let mut wanted = Wanted::default();
    wanted.add("s");
    Btf::parse(&bytes, &wanted).unwrap().member("s.a").map(|found| found.offset)
}

#[test]
fn a_member_begins_within_its_struct_or_is_none() {
    assert_eq!(offset(8, &[[3, 1, 32]]), Some(4));
    assert_eq!(offset(8, &[[3, 1, 64]]), Some(8));
    assert_eq!(offset(8, &[[3, 1, 72]]), None);
    // Within itself, behind its end.
    let deep = one_struct(u32::MAX, &[[3, 1, u32::MAX - 7]]);
    let mut wanted = Wanted::default();
    wanted.add("s");
    let path = ["s", &".a".repeat(20)].concat();
    assert_eq!(Btf::parse(&deep, &wanted).unwrap().member(&path), None);
}

/// Else each of these would be looked into as often as all before it together.
#[test]
fn a_struct_that_is_in_itself_many_times_is_looked_into_once() {
    assert_eq!(offset(8, &[[0, 1, 0]; 40]), None);
}
