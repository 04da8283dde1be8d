use super::*;
use crate::incident::model::Cgroup;

fn meant(filter: &str) -> Meant {
    Meant::of(&toml::from_str(filter).unwrap())
}

fn unknown(meant: &Meant) -> Vec<&str> {
    meant.0.iter().filter(|it| !it.is_known).map(|it| it.name.as_str()).collect()
}

fn killed_in(path: &str) -> OomKill {
    let mut kill = crate::render::fixtures::unknown();
    kill.victim.cgroup = Some(Cgroup { path: path.into(), id: None });
    kill
}

#[test]
fn what_has_a_cgroup_or_a_units_file_is_known() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("system.slice/web.service/worker")).unwrap();
    let mut asked = meant(
        "unit = ['web', 'wep', 'system.slice', 'old']\ncgroup = ['worker', '/system.slice', '/web']",
    );
    asked.cgroups(root.path(), Path::new("/"));
    assert_eq!(unknown(&asked), ["cgroup /web", "unit wep.service", "unit old.service"]);
    fs::write(root.path().join("old.service"), "").unwrap();
    asked.units(root.path());
    assert_eq!(unknown(&asked), ["cgroup /web", "unit wep.service"]);
    fs::write(root.path().join("getty@.service"), "").unwrap();
    let mut asked = meant("unit = ['getty@tty1', 'getti@tty1', 'getty', 'getty@tty1.timer']");
    asked.units(root.path());
    let strangers = ["unit getti@tty1.service", "unit getty.service", "unit getty@tty1.timer"];
    assert_eq!(unknown(&asked), strangers);
    let mut asked = meant("cgroup = ['old.service', 'odl.service', '/system.slice/old.service']");
    asked.units(root.path());
    let strangers = ["cgroup odl.service", "cgroup /system.slice/old.service"];
    assert_eq!(unknown(&asked), strangers);
    let mut asked = meant("unit = ['worker']");
    asked.cgroups(root.path(), Path::new("/"));
    let named = asked.unfound().next().unwrap().as_cgroup.as_ref().map(ToString::to_string);
    assert_eq!(named.as_deref(), Some("/system.slice/web.service/worker"));
    for (pid, comm) in [("1", "init\n"), ("17", "shop-api\n")] {
        fs::create_dir(root.path().join(pid)).unwrap();
        fs::write(root.path().join(pid).join("comm"), comm).unwrap();
    }
    let mut asked = meant("comm = ['shop-*', 'shop_api']");
    asked.processes(root.path());
    assert_eq!(unknown(&asked), ["process shop_api"]);
}

#[test]
fn a_unit_that_nothing_here_has_heard_of_makes_no_no() {
    let mut asked = meant(
        "unit = ['no-such-unit', 'no-such.scope', 'no-such.slice']\n\
         cgroup = ['/no-such', '/system.slice/no-such.service', 'no-such.service']\ncomm = ['no-such']",
    );
    assert!(asked.is_sure());
    asked.look_around();
    let unheard_of: Vec<_> = asked.unheard_of().map(|it| it.name.as_str()).collect();
    assert_eq!(unheard_of, ["cgroup no-such.service", "unit no-such-unit.service"]);
    assert!(!asked.is_sure() && asked.unfound().count() == 7);
    let mut kill = killed_in("/system.slice/no-such-unit.service");
    kill.victim.unit = Some("no-such-unit.service".into());
    asked.hear(&kill);
    kill.victim.cgroup.as_mut().unwrap().path = "/system.slice/no-such.service".into();
    asked.hear(&kill);
    assert!(asked.is_sure() && asked.unfound().count() == 4);
}

#[test]
fn units_of_users_are_looked_for_too() {
    let root = tempfile::tempdir().unwrap();
    for user in ["ann", "bob"] {
        fs::create_dir_all(root.path().join(user).join("units")).unwrap();
    }
    let mut found = folders(root.path().join("*/units").to_str().unwrap());
    found.sort();
    assert_eq!(found, ["ann", "bob"].map(|user| root.path().join(user).join("units")));
    assert_eq!(folders("/no/*/units"), [""; 0].map(PathBuf::from));
}

/// A "no" of a name that nothing has would be taken for one of the process that was killed.
#[test]
fn a_process_is_meant_by_a_name_that_is_like_its_own() {
    let mut kill = killed_in("/system.slice/shop.service");
    kill.victim.comm = Some("shop-api".into());
    for (filter, is_meant) in
        [("shop_api", true), ("shop", true), ("nginx", false), ("slop", false), ("api", false)]
    {
        let filter = format!("comm = ['{filter}']");
        let mut asked = meant(&filter);
        asked.count(&kill);
        let meant: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
        let expected = is_meant.then_some((By::Comm, "shop-api", 1));
        assert_eq!(meant, Vec::from_iter(expected), "{filter}");
        asked.hear(&kill);
        assert_eq!(asked.unfound().count(), 1);
        asked.runs(asked.0[0].text().to_owned().as_str());
        assert_eq!((asked.unsure().count(), asked.unfound().count()), (0, 0));
    }
    kill.victim.comm = Some("hog".into());
    let mut asked = meant("comm = ['dog', 'log', 'hot', 'sho']");
    asked.count(&kill);
    assert_eq!(asked.unsure().count(), 0);
    // Or by that of where it ran.
    let mut asked = meant("comm = ['build-8812']");
    asked.count(&killed_in("/runner.slice/build-8812"));
    let kills: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
    assert_eq!(kills, [(By::Cgroup, "/runner.slice/build-8812", 1)]);
}

#[test]
fn what_a_record_tells_of_is_known() {
    let mut asked = meant("cgroup = ['job-1', 'job-2']");
    asked.hear(&killed_in("/jobs/job-1"));
    asked.hear(&crate::render::fixtures::unknown());
    assert_eq!(unknown(&asked), ["cgroup job-2"]);
}

#[test]
fn a_kill_is_meant_where_a_name_is_like_its_place_or_a_pattern_fits_above_it() {
    let kill = killed_in("/system.slice/jenkins.service/job-4711");
    for filter in [
        "unit = ['job-4711']",
        "unit = ['enkins']",
        "unit = ['jenkisn']",
        "cgroup = ['/job-4711']",
        "cgroup = ['/system.slice/Jenkins.service']",
        "cgroup = ['/system.slice/*']",
    ] {
        let mut asked = meant(filter);
        asked.count(&kill);
        let meant: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
        let path = "/system.slice/jenkins.service/job-4711";
        assert_eq!(meant, [(By::Cgroup, path, 1)], "{filter}");
    }
    for filter in ["unit = ['job-4712']", "unit = ['nginx']", "cgroup = ['/user.slice/*']"] {
        let mut asked = meant(filter);
        asked.count(&kill);
        assert_eq!(asked.unsure().count(), 0, "{filter}");
    }
}

#[test]
fn a_unit_is_meant_by_its_name_and_else_by_its_cgroup() {
    let mut kill = killed_in("/system.slice/mailer.service/worker");
    kill.victim.unit = Some("mailer.service".into());
    for (filter, by, name) in [
        ("unit = ['mailserver']", By::Unit, "mailer.service"),
        ("unit = ['maler']", By::Unit, "mailer.service"),
        ("unit = ['orker']", By::Cgroup, "/system.slice/mailer.service/worker"),
        ("cgroup = ['/mailr.service']", By::Cgroup, "/system.slice/mailer.service/worker"),
    ] {
        let mut asked = meant(filter);
        asked.count(&kill);
        let meant: Vec<_> = asked.unsure().flat_map(Asked::kills).collect();
        assert_eq!(meant, [(by, name, 1)], "{filter}");
    }
    let mut asked = meant("unit = ['nginx']");
    let mut other = killed_in("/system.slice/backup.service");
    other.victim.unit = Some("backup.service".into());
    let nowhere = killed_in("/jobs/job-1");
    [&other, &kill, &kill, &nowhere].into_iter().for_each(|kill| asked.count(kill));
    let expected = [(By::Unit, "mailer.service", 2), (By::Unit, "backup.service", 1)];
    assert_eq!(asked.0[0].elsewhere(), expected);
}

/// Numbers tell jobs apart: the "no" stands, and what is beside it is told.
#[test]
fn beside_a_cgroup_that_is_nowhere_those_with_kills_are_told() {
    let mut asked = meant("cgroup = ['/jobs/job-4712', '/job-4712', 'job-4712', 'task-4712']");
    for path in ["/jobs/job-9", "/jobs/job-4711", "/jobs/job-4711", "/jobs/job-4711/worker"] {
        asked.count(&killed_in(path));
    }
    assert!(asked.is_sure());
    let expected = [(By::Cgroup, "/jobs/job-4711", 2), (By::Cgroup, "/jobs/job-9", 1)];
    let beside: Vec<_> = asked.0.iter().map(Asked::elsewhere).collect();
    assert_eq!(beside, [&expected[..], &[], &expected, &[]]);
}

/// But for a digit that was left out, or is one too many.
#[test]
fn a_number_of_a_digit_less_is_a_slip() {
    let of = |filter| {
        let mut asked = meant(filter);
        asked.count(&killed_in("/jobs/job-4711"));
        asked.is_sure()
    };
    for filter in ["cgroup = ['/jobs/job-471']", "cgroup = ['job-47111']"] {
        assert!(!of(filter), "{filter}");
    }
    assert!(of("cgroup = ['/jobs/job-47']"));
}

#[test]
fn a_script_is_meant_by_its_name_and_pods_are_looked_for_in_records_alone() {
    let mut kill = killed_in("/jobs/job-1");
    kill.victim.comm = Some("python3".into());
    kill.victim.argv = Some(["python3", "-u", "/srv/hog.py", "80"].map(Into::into).to_vec());
    let mut asked = meant("comm = ['hog.py', '80', 'srv']\npod = ['cart']");
    asked.count(&kill);
    let meant: Vec<_> = asked.0.iter().map(|it| it.kills().collect::<Vec<_>>()).collect();
    let python = vec![(By::Runner, "python3", 1)];
    assert_eq!(meant, [vec![], python.clone(), python, vec![]]);
    let [pod, script, ..] = asked.0.as_slice() else { panic!() };
    assert!(!pod.is_findable() && script.is_findable());
    assert_eq!(asked.unfound().count(), 4);
}

#[test]
fn who_has_a_name_of_its_own_is_not_taken_for_another() {
    let mut asked = meant("unit = ['web']");
    asked.count(&killed_in("/system.slice/web-cache.service"));
    assert_eq!(asked.unsure().count(), 1);
    asked.0[0].is_known = true;
    assert_eq!(asked.unsure().count(), 0);
}
