use super::*;
use crate::incident::model::Pod;
use crate::render::fixtures;
use crate::text::KernelText;

fn passed(filter: &str) -> Vec<&'static str> {
    let mut filter = FilterState::new(toml::from_str(filter).unwrap());
    let all = fixtures::all().into_iter();
    all.filter(|(_, record)| filter.takes(record)).map(|(name, _)| name).collect()
}

#[test]
fn an_empty_filter_takes_all() {
    assert_eq!(passed("").len(), fixtures::all().len());
}

#[test]
fn what_fits_no_pattern_is_left_out_and_its_end_too() {
    let (_, Record::OomKill(kill)) = &fixtures::all()[0] else { panic!() };
    let comm = kill.victim.comm.as_ref().unwrap().to_utf8().into_owned();
    let path = kill.victim.cgroup.as_ref().unwrap().path.to_utf8().into_owned();
    let first = fixtures::all()[0].0;
    let start: String = comm.chars().take(3).collect();
    for filter in [
        format!("comm = [\"{start}*\"]"),
        format!("cgroup = [{path:?}]"),
        "cgroup = [\"/**\"]".to_owned(),
        format!("uid = [{}]", kill.victim.uid.unwrap()),
        format!("scope = [\"{}\"]", kill.shortage.scope.unwrap().name()),
    ] {
        assert!(passed(&filter).contains(&first), "{filter}");
    }
    for filter in ["comm = [\"nobody\"]", "cgroup = [\"/nowhere/*\"]", "uid = [4242]"] {
        let passed = passed(filter);
        assert!(!passed.contains(&first), "{filter}: {passed:?}");
    }
    let mut filter = FilterState::new(toml::from_str("comm = [\"nobody\"]").unwrap());
    let exit = fixtures::all().into_iter().find_map(|(_, record)| match record {
        Record::OomExit(exit) => Some(*exit),
        _ => None,
    });
    let mut kill = kill.clone();
    let exit = exit.unwrap();
    (kill.incident, kill.victim.tid) = (exit.incident.clone(), exit.tid);
    let exit = Record::OomExit(Box::new(exit));
    assert!(filter.takes(&exit));
    assert!(!filter.takes(&Record::OomKill(kill)));
    assert!(!filter.takes(&exit));
}

fn kill() -> OomKill {
    let [(_, Record::OomKill(kill)), ..] = fixtures::all() else { panic!() };
    *kill
}

fn fits(filter: &str, kill: &OomKill) -> Option<bool> {
    toml::from_str::<Filter>(filter).unwrap().fits(kill)
}

/// Else who asks whether there was none is told a no that nobody knows.
#[test]
fn what_a_record_does_not_tell_is_neither_yes_nor_no() {
    let mut kill = kill();
    (kill.victim.cgroup, kill.victim.unit, kill.victim.pod) = (None, None, None);
    (kill.victim.container, kill.victim.slice, kill.victim.comm) = (None, None, None);
    kill.shortage = crate::incident::model::Shared::default();
    for filter in [
        "cgroup = [\"/a\"]",
        "unit = [\"a\"]",
        "pod = [\"a\"]",
        "namespace = [\"a\"]",
        "container = [\"a\"]",
        "comm = [\"a\"]",
        "scope = [\"memcg\"]",
    ] {
        assert_eq!(fits(filter, &kill), None, "{filter}");
    }
    // What is known decides.
    let other = "comm = [\"a\"]\ntype = [\"agent\"]";
    assert_eq!(fits(other, &kill), Some(false));
}

#[test]
fn where_the_cgroup_is_known_so_is_that_there_is_no_unit_and_no_pod() {
    let mut kill = kill();
    let path = KernelText::from("/a");
    kill.victim.cgroup = Some(crate::incident::model::Cgroup { path, id: None });
    (kill.victim.unit, kill.victim.slice) = (None, None);
    (kill.victim.pod, kill.victim.container) = (None, None);
    for filter in ["unit = [\"a\"]", "pod = [\"a\"]", "container = [\"a\"]"] {
        assert_eq!(fits(filter, &kill), Some(false), "{filter}");
    }
    kill.victim.unit = Some("web.service".into());
    assert_eq!(fits("unit = [\"web\"]", &kill), Some(true));
    let (uid, namespace, name) = ("u-1".to_owned(), Some("shop".to_owned()), None);
    let pod = Pod { uid, namespace, name, container: None, qos: None };
    kill.victim.pod = Some(pod);
    // Of a pod whose name nobody knows.
    assert_eq!(fits("pod = [\"web-1\"]", &kill), None);
    assert_eq!(fits("pod = [\"u-1\"]", &kill), Some(true));
    assert_eq!(fits("namespace = [\"sh*\"]", &kill), Some(true));
    kill.victim.pod.as_mut().unwrap().name = Some("web-1".into());
    assert_eq!(fits("pod = [\"shop/web-*\"]", &kill), Some(true));
    assert_eq!(fits("pod = [\"web-1\"]", &kill), Some(true));
    assert_eq!(fits("pod = [\"other/web-1\"]", &kill), Some(false));
}

#[test]
fn tests_can_be_left_out_and_their_ends_too() {
    let mut filter = FilterState::new(toml::from_str("test = [false]").unwrap());
    let mut kill = kill();
    let end = fixtures::all().into_iter().find_map(|(_, record)| match record {
        Record::OomExit(exit) => Some(exit),
        _ => None,
    });
    let mut end = end.unwrap();
    (end.incident, end.tid) = (kill.incident.clone(), kill.victim.tid);
    let (ours, end) = (kill.clone(), Record::OomExit(end));
    let path = KernelText::from("/oom-trace-trigger-7/child");
    kill.victim.cgroup = Some(crate::incident::model::Cgroup { path, id: None });
    assert!(filter.takes(&Record::OomKill(Box::new(ours.clone()))) && filter.takes(&end));
    assert!(!filter.takes(&Record::OomKill(Box::new(kill.clone()))) && !filter.takes(&end));
    let all = "test = [true, false]";
    for (filter, of_test, of_other) in
        [("test = [true]", true, false), ("test = []", true, true), (all, true, true)]
    {
        let found = (fits(filter, &kill), fits(filter, &ours));
        assert_eq!(found, (Some(of_test), Some(of_other)), "{filter}");
    }
    assert!(passed("test = [true]").iter().all(|name| !name.contains("user_kill")));
}

#[test]
fn types_that_are_listed_are_all_that_passes() {
    let all = fixtures::all();
    for kind in RecordType::ALL {
        let passed = passed(&format!("type = [\"{}\"]", kind.name()));
        let of_it = all.iter().filter(|(_, record)| record.kind() == kind.name());
        assert_eq!(passed.len(), of_it.count(), "{}", kind.name());
    }
}

/// Who asks for a user's manager, or for a slice, means all that runs below it.
#[test]
fn a_unit_is_found_at_any_level() {
    let path = "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope/_cpu.service/y";
    let mut kill = kill();
    let cgroup = crate::incident::model::Cgroup { path: path.into(), id: None };
    kill.victim.cgroup = Some(cgroup);
    (kill.victim.unit, kill.victim.slice) = (Some("x.scope".into()), Some("app.slice".into()));
    let unnamed = {
        let mut kill = kill.clone();
        (kill.victim.unit, kill.victim.slice) = (None, None);
        kill
    };
    let mut user_kill = fixtures::all().into_iter().find_map(|(_, record)| match record {
        Record::UserKill(kill) => Some(kill),
        _ => None,
    });
    let by_user = user_kill.as_mut().unwrap();
    by_user.cgroup = Some(path.into());
    for (unit, is) in [
        ("user@*.service", true),
        ("user.slice", true),
        ("app.slice", true),
        ("x.scope", true),
        ("cpu", true),
        ("user@1001", false),
        ("y", false),
    ] {
        let filter = format!("unit = [\"{unit}\"]");
        assert_eq!(fits(&filter, &kill), Some(is), "{unit}");
        assert_eq!(fits(&filter, &unnamed), Some(is), "{unit}");
        let filter: Filter = toml::from_str(&filter).unwrap();
        assert_eq!(filter.takes_user_kill(by_user), is, "{unit}");
    }
}
