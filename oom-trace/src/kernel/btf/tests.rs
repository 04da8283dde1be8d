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
fn another_byte_order_is_refused() {
    let mut bytes = testdata::btf("5.10");
    bytes.swap(0, 1);
    assert_eq!(Btf::parse(&bytes, &wanted()).unwrap_err(), BtfError::Header);
}
