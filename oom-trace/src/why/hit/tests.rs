use super::super::testdata::{MIB, at, in_pod, limit_at, of_a_service};
use super::*;

fn told(kill: &OomKill) -> (String, Level, String) {
    let hit = Hit::new(kill).unwrap();
    (hit.name(), hit.level, hit.knob())
}

#[test]
fn a_service_has_a_limit_or_is_below_one() {
    let mut kill = of_a_service();
    let app = "app.service".to_owned();
    assert_eq!(told(&kill), (app.clone(), Level::Own, format!("MemoryMax= of {app}")));
    at(&mut kill, "/system.slice/app.service/worker");
    assert_eq!(told(&kill).1, Level::Own);
    limit_at(&mut kill, "/system.slice");
    let slice = "system.slice".to_owned();
    assert_eq!(told(&kill), (slice, Level::Above, "MemoryMax= of system.slice".into()));
    kill.victim.cgroup = None;
    assert_eq!(told(&kill).1, Level::Unknown);
}

#[test]
fn a_job_asks_for_its_limit() {
    let mut kill = of_a_service();
    let job = |system: &str, id: &str| Job {
        system: system.to_owned(),
        id: Some(id.to_owned()),
        ..Job::default()
    };
    kill.victim.unit = Some("slurmstepd.scope".into());
    kill.victim.job = Some(job("slurm", "4711"));
    let scope = "/system.slice/slurmstepd.scope";
    at(&mut kill, &format!("{scope}/job_4711/step_0/user/task_0"));
    limit_at(&mut kill, &format!("{scope}/job_4711/step_0/user"));
    let name = "Slurm job 4711".to_owned();
    let knob = "--mem of Slurm job 4711 (sbatch, srun)".to_owned();
    assert_eq!(told(&kill), (name, Level::Own, knob));
    limit_at(&mut kill, &format!("{scope}/job_47"));
    assert_eq!(told(&kill).0, "cgroup /system.slice/slurmstepd.scope/job_47");

    let allocation = "416baca9-bc05-d4c4-29f0-d0feec4e355c";
    kill.victim.job = Some(Job { task: Some("web".into()), ..job("nomad", allocation) });
    let path = format!("/nomad.slice/share.slice/{allocation}.web.scope");
    at(&mut kill, &path);
    limit_at(&mut kill, &path);
    let knob = "memory or memory_max in the resources of task web of Nomad allocation 416baca9";
    assert_eq!(told(&kill).2, knob);

    // The administrator's, as of any unit.
    kill.victim.job = Some(job("github", "9"));
    kill.victim.unit = Some("actions.runner.acme.build.service".into());
    at(&mut kill, "/system.slice/actions.runner.acme.build.service");
    limit_at(&mut kill, "/system.slice/actions.runner.acme.build.service");
    assert_eq!(told(&kill).2, "MemoryMax= of actions.runner.acme.build.service");
}

#[test]
fn a_container_a_pod_and_all_pods_have_limits() {
    let mut kill = in_pod();
    let web = "container web in pod shop/cart-0";
    assert_eq!(
        told(&kill),
        (web.to_owned(), Level::Own, format!("resources.limits.memory of {web}"))
    );
    limit_at(&mut kill, "/kubepods/burstable/pod5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10");
    let (name, level, knob) = told(&kill);
    assert_eq!((name.as_str(), level), ("pod shop/cart-0", Level::Own));
    assert_eq!(knob, "resources.limits.memory in pod shop/cart-0");
    limit_at(&mut kill, "/kubepods");
    let (name, level, knob) = told(&kill);
    assert_eq!(name, "kubepods, the cgroup of all pods on this node,");
    assert_eq!(level, Level::Above);
    assert!(knob.contains("system-reserved"), "{knob}");
    limit_at(&mut kill, "/kubepods.slice/kubepods-besteffort.slice");
    let (name, _, knob) = told(&kill);
    let besteffort = "kubepods-besteffort.slice, the cgroup of all besteffort pods on this node,";
    assert_eq!(name, besteffort);
    assert!(knob.contains("system-reserved"), "{knob}");
}

#[test]
fn a_container_alone_has_an_option_of_its_runtime() {
    let mut kill = in_pod();
    kill.victim.pod = None;
    kill.victim.container.as_mut().unwrap().runtime = Some("docker".into());
    assert_eq!(told(&kill).2, "docker's --memory of container web");
    kill.victim.container.as_mut().unwrap().runtime = None;
    assert_eq!(told(&kill).2, "the memory limit of container web");
}

#[test]
fn what_nobody_named_is_a_cgroup() {
    let mut kill = of_a_service();
    kill.victim.unit = None;
    for (own, limit, level) in [
        ("/web/a", "/web", Level::Above),
        ("/web", "/web", Level::Own),
        ("/web2", "/web", Level::Unknown),
        ("/web", "/", Level::Above),
    ] {
        at(&mut kill, own);
        limit_at(&mut kill, limit);
        let expected = (format!("cgroup {limit}"), level, format!("memory.max of {limit}"));
        assert_eq!(told(&kill), expected, "{own}");
    }
    kill.shortage.limit.as_mut().unwrap().cgroup = None;
    assert_eq!(told(&kill), ("a memory cgroup".into(), Level::Unknown, "memory.max".into()));
}

#[test]
fn all_pods_have_a_limit_whether_or_not_the_victims_is_known() {
    let mut kill = of_a_service();
    for (folder, is) in [
        ("/kubepods.slice", true),
        ("/kubelet.slice/kubelet-kubepods.slice", true),
        ("/kubepods/burstable", true),
        ("/mykubepods.slice", false),
    ] {
        limit_at(&mut kill, folder);
        assert_eq!(matches!(Hit::new(&kill).unwrap().of, Of::Pods(_)), is, "{folder}");
    }
}

#[test]
fn a_pod_is_one_though_only_its_folder_tells() {
    let mut kill = of_a_service();
    let pod = "/kubepods.slice/kubepods-burstable.slice/\
               kubepods-burstable-pod1f1f2a2a_3b3b_4c4c_5d5d_6e6e7f7f8a8a.slice";
    limit_at(&mut kill, pod);
    let name = "pod 1f1f2a2a-3b3b-4c4c-5d5d-6e6e7f7f8a8a";
    let knob = format!("resources.limits.memory in {name}");
    assert_eq!(told(&kill), (name.to_owned(), Level::Own, knob));
    limit_at(&mut kill, "/kubepods/besteffort/pod1f1f2a2a-3b3b-4c4c-5d5d-6e6e7f7f8a8a");
    assert_eq!(told(&kill).0, name);
    limit_at(&mut kill, "/kubepods.slice/podruntime.slice");
    assert_eq!(told(&kill).2, "MemoryMax= of podruntime.slice");
}

#[test]
fn a_digest_in_a_name_is_cut() {
    let digest = "91699c4e43f2b1b3691c25ce4920a8d9675e6e4d4d49855a2f1e2d3c4b5a6978";
    let mut kill = of_a_service();
    limit_at(&mut kill, &format!("/machine.slice/machine-libpod_pod_{digest}.slice"));
    let (name, _, knob) = told(&kill);
    assert_eq!(name, "'machine-libpod_pod_91699c4e43f2….slice'");
    assert!(knob.contains(digest), "{knob}");
}

#[test]
fn a_users_unit_is_set_by_the_users_manager() {
    let mut kill = of_a_service();
    limit_at(&mut kill, "/user.slice/user-7.slice/user@7.service/app.slice/web.service");
    assert_eq!(told(&kill).2, "MemoryMax= of web.service (systemctl --user)");
    limit_at(&mut kill, "/user.slice/user-7.slice/user@7.service");
    assert_eq!(told(&kill).2, "MemoryMax= of user@7.service");
}

#[test]
fn a_name_that_systemd_escaped_can_be_pasted() {
    let mut kill = of_a_service();
    limit_at(&mut kill, r"/machine.slice/machine-my\x2dbox.scope");
    assert_eq!(told(&kill).2, r"MemoryMax= of 'machine-my\x2dbox.scope'");
}

#[test]
fn a_name_in_another_is_no_container() {
    assert!(is_container("lxc.payload.web", "web") && is_container("web", "web"));
    assert!(is_container("systemd-nspawn@web.service", "web"));
    assert!(!is_container("webserver", "web") && !is_container("", "web"));
}

#[test]
fn of_two_limits_the_nearer_was_hit() {
    let mut kill = of_a_service();
    let limit = kill.shortage.limit.as_mut().unwrap();
    limit.max_bytes = Some(1024 * MIB);
    limit.memsw_usage_bytes = Some(600 * MIB);
    limit.memsw_max_bytes = Some(600 * MIB);
    kill.victim.memory.swap_bytes = Some(50 * MIB);
    let hit = Hit::new(&kill).unwrap();
    assert_eq!(amount(&hit).unwrap(), "600.0 MiB of memory and swap");
    assert_eq!((hit.held(), hit.charged()), (Some(542 * MIB), Some(542 * MIB)));
    let file = "memory.memsw.limit_in_bytes of /system.slice/app.service";
    assert_eq!(hit.knob(), file);
    kill.shortage.limit.as_mut().unwrap().memsw_max_bytes = Some(2048 * MIB);
    assert!(!Hit::new(&kill).unwrap().with_swap);
}

/// As Docker sets them: twice as much of both as of memory.
#[test]
fn of_two_limits_that_are_full_the_upper_one_was_hit() {
    let mut kill = of_a_service();
    let limit = kill.shortage.limit.as_mut().unwrap();
    limit.usage_bytes = limit.max_bytes;
    let both = limit.max_bytes.map(|max| 2 * max);
    (limit.memsw_usage_bytes, limit.memsw_max_bytes) = (both, both);
    assert!(Hit::new(&kill).unwrap().with_swap);
}

/// The kernel refuses to raise memory's limit above that of memory and swap.
#[test]
fn of_two_limits_that_are_the_same_both_are_raised_in_the_order_that_the_kernel_takes() {
    let mut kill = of_a_service();
    let limit = kill.shortage.limit.as_mut().unwrap();
    limit.memsw_usage_bytes = limit.usage_bytes;
    limit.memsw_max_bytes = limit.max_bytes;
    let app = "/system.slice/app.service";
    let knob = format!("memory.memsw.limit_in_bytes of {app} and then MemoryMax= of app.service");
    assert_eq!(Hit::new(&kill).unwrap().knob(), knob);
    kill.shortage.limit.as_mut().unwrap().cgroup = Some("/app".into());
    let knob = "memory.memsw.limit_in_bytes and then memory.limit_in_bytes of /app";
    assert_eq!(Hit::new(&kill).unwrap().knob(), knob);
    kill.shortage.limit.as_mut().unwrap().memsw_max_bytes = Some(1 << 40);
    assert_eq!(Hit::new(&kill).unwrap().knob(), "memory.limit_in_bytes of /app");
}
