use std::fs;

use super::*;

const ID: &str = "4b8f1f6a3c9d2e7b5a0c4d8e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c";

/// A node with these files; what a victim at the path is found to be, below a process of this name and
/// these arguments.
fn found(files: &[(&str, &str)], path: &str, shim: (&str, &str)) -> Option<Place> {
    let root = tempfile::tempdir().unwrap();
    let fill = |text: &str| text.replace("ID", ID);
    let cmdline = ("proc/7/cmdline", &*shim.1.replace(' ', "\0"));
    for (path, text) in files.iter().copied().chain([cmdline]) {
        let path = root.path().join(fill(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            None => fs::write(path, fill(text)).unwrap(),
        }
    }
    let path = fill(path);
    let place = Place::by_path(path.as_bytes());
    let comm = KernelText::from(shim.0);
    let asked = Asked::new(path.as_bytes(), place, [(7, &comm)].into_iter());
    asked.map(|it| it.look_up(root.path()))
}

/// Runtime, id, name, image.
fn container(place: Option<Place>) -> Option<(String, String, String, String)> {
    let Container { id, runtime, name, image } = place?.container?;
    Some((
        runtime.unwrap_or_default(),
        id.replace(ID, "ID"),
        name.unwrap_or_default(),
        image.unwrap_or_default(),
    ))
}

fn some(parts: [&str; 4]) -> Option<(String, String, String, String)> {
    let [runtime, id, name, image] = parts.map(str::to_owned);
    Some((runtime, id, name, image))
}

const LIST: &str = r#"[{"id":"x"},{"id":"ID","names":["web"],"metadata":"{\"image-name\":\"localhost/shop:1\"}"}]"#;

#[test]
fn podmans_list_has_name_and_image_and_its_monitor_the_name() {
    let conmon =
        ("conmon", "/usr/bin/conmon -c ID -b /home/a/overlay-containers/ID/userdata -n web");
    let conmon = (conmon.0, &*conmon.1.replace("ID", ID));
    for (files, image) in [
        (vec![("home/a/overlay-containers/containers.json", LIST)], "localhost/shop:1"),
        (vec![("home/a/overlay-containers/volatile-containers.json", LIST)], "localhost/shop:1"),
        (vec![], ""),
    ] {
        for path in [
            "/machine.slice/libpod-ID.scope/container",
            "/system.slice/web.service/libpod-payload-ID",
        ] {
            let place = found(&files, path, conmon);
            assert_eq!(container(place), some(["podman", "ID", "web", image]), "{path}");
        }
    }
    // A monitor of another container says nothing of this one.
    let other = ("conmon", "conmon -c other -n evil");
    let place = found(&[], "/machine.slice/libpod-ID.scope", other);
    assert_eq!(container(place), some(["podman", "ID", "", ""]));
}

#[test]
fn a_name_made_of_a_pods_names_is_taken_apart() {
    const NAME: &str = "k8s_app_cart-0_shop_5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10_1";
    let list = LIST.replace("\"web\"", &format!("\"{NAME}\""));
    let crio = [("var/lib/containers/storage/overlay-containers/containers.json", list.as_str())];
    let config = format!(r#"{{"Name":"/{NAME}","Config":{{"Image":"shop:1"}}}}"#);
    let dockerd = [("var/lib/docker/containers/ID/config.v2.json", config.as_str())];
    let args = "/usr/bin/conmon -b /run/containers/storage/overlay-containers/ID/userdata -c ID -n";
    let args = format!("{} {NAME}", args.replace("ID", ID));
    const POD: &str = "/kubepods.slice/kubepods-pod5f0e6f3a_8f63_4f0c_8d3a_2f8d4a3c9b10.slice";
    for (files, scope, shim, expected) in [
        (crio, "crio-ID.scope", ("conmon", &*args), ["cri-o", "ID", "app", "localhost/shop:1"]),
        (dockerd, "docker-ID.scope", ("containerd-shim", ""), ["docker", "ID", "app", "shop:1"]),
    ] {
        let place = found(&files, &format!("{POD}/{scope}"), shim).unwrap();
        let pod = place.pod.clone().unwrap();
        let names = [pod.namespace, pod.name, pod.container].map(Option::unwrap_or_default);
        assert_eq!(names, ["shop", "cart-0", "app"], "{scope}");
        assert_eq!(container(Some(place)), some(expected), "{scope}");
    }
}

#[test]
fn dockers_file_has_name_image_and_that_it_is_dockers() {
    let files = [(
        "var/lib/docker/containers/ID/config.v2.json",
        r#"{"ID":"ID","Name":"/web","Config":{"Image":"shop:1"}}"#,
    )];
    let shim = ("containerd-shim", "/usr/bin/containerd-shim-runc-v2 -namespace moby -id ID");
    for path in ["/system.slice/docker-ID.scope", "/shop/batch/ID"] {
        assert_eq!(
            container(found(&files, path, shim)),
            some(["docker", "ID", "web", "shop:1"]),
            "{path}"
        );
    }
}

#[test]
fn dockers_file_has_the_labels_of_a_job() {
    let path = "/system.slice/docker-ID.scope";
    let job = |labels: &str, name: &str| {
        let config = format!(r#"{{"Name":"/{name}","Config":{{"Labels":{labels}}}}}"#);
        let files = [("var/lib/docker/containers/ID/config.v2.json", config.as_str())];
        found(&files, path, ("containerd-shim", "")).and_then(|place| place.job)
    };
    let labelled = r#"{"com.gitlab.gitlab-runner.job.id":"99"}"#;
    assert_eq!(job(labelled, "web").unwrap().id.as_deref(), Some("99"));
    // A container may have none, which Docker writes as null.
    let by_name = job("null", "runner-ab-project-42-concurrent-0-build").unwrap();
    assert_eq!((by_name.id, by_name.project.as_deref()), (None, Some("42")));
    assert_eq!(job("{}", "web"), None);
}

#[test]
fn containerds_shim_says_what_a_name_in_the_path_is() {
    let shim = ("containerd-shim", "containerd-shim-runc-v2 -namespace prod -id web -address /x");
    for path in ["/prod/web", "/system.slice/ctr-web.scope"] {
        assert_eq!(
            container(found(&[], path, shim)),
            some(["containerd", "web", "web", ""]),
            "{path}"
        );
    }
    assert_eq!(container(found(&[], "/prod/other", shim)), None);
}

#[test]
fn containerds_configuration_names_the_pod() {
    let files = [(
        "run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json",
        r#"{"annotations":{"io.kubernetes.cri.container-name":"app",
            "io.kubernetes.cri.sandbox-name":"cart-0","io.kubernetes.cri.sandbox-namespace":"shop",
            "io.kubernetes.cri.image-name":"registry.example/shop:1"}}"#,
    )];
    let shim = ("containerd-shim", "containerd-shim-runc-v2 -namespace k8s.io -id sandbox");
    let path = "/kubepods/burstable/pod5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10/ID";
    let place = found(&files, path, shim).unwrap();
    let pod = place.pod.clone().unwrap();
    assert_eq!((pod.namespace.as_deref(), pod.name.as_deref()), (Some("shop"), Some("cart-0")));
    assert_eq!(
        container(Some(place)),
        some(["containerd", "ID", "app", "registry.example/shop:1"])
    );
}

#[test]
fn machined_knows_a_container_in_its_own_unit() {
    let files = [("run/systemd/machines/unit:x.service", "-> box")];
    let shim = ("systemd-nspawn", "systemd-nspawn -D /srv/box");
    for path in ["/system.slice/x.service/payload", "/system.slice/x.service/payload/a.service"] {
        let place = found(&files, path, shim);
        assert_eq!(container(place), some(["systemd-nspawn", "box", "box", ""]), "{path}");
    }
    assert_eq!(container(found(&[], "/system.slice/x.service/payload", shim)), None);
    // It has forgotten one that is gone.
    for flag in ["-M box", "--machine box", "--machine=box"] {
        let args = format!("systemd-nspawn --keep-unit {flag}");
        let place = found(&[], "/system.slice/x.service/payload", ("systemd-nspawn", &args));
        assert_eq!(container(place), some(["systemd-nspawn", "box", "box", ""]), "{flag}");
    }
}

#[test]
fn nothing_is_asked_where_no_container_is() {
    assert!(found(&[], "/system.slice/web.service", ("sh", "")).is_none());
    assert!(found(&[], "/lxc.payload.web", ("lxc-start", "")).is_none());
    // An id that leads elsewhere is no folder.
    assert_eq!(folder(PathBuf::from("/a"), "../b"), None);
    assert_eq!(folder(PathBuf::from("/a"), ".."), None);
}

/// Whoever runs containers of their own says where the list is.
#[test]
fn a_pipe_in_the_place_of_a_list_is_not_waited_for() {
    let root = tempfile::tempdir().unwrap();
    let pipe = root.path().join("containers.json");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(read(&pipe), None);
    assert_eq!(read(root.path()), None);
}
