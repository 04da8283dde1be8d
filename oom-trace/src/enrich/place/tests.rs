use super::*;

const ID: &str = "4b8f1f6a3c9d2e7b5a0c4d8e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c";
const UID: &str = "5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10";

/// What is found, in brief: unit, slice, runtime and id, class and uid.
type Found = (Option<String>, Option<String>, Option<(String, String)>, Option<(String, String)>);

fn found(path: &str) -> Found {
    let reader = PlaceReader { logs: PathBuf::from("/nowhere") };
    let Place { unit, slice, container, pod, .. } = reader.place(path.as_bytes());
    (
        unit,
        slice,
        container.map(|it| (it.runtime.unwrap_or_default(), it.id)),
        pod.map(|it| (it.qos.unwrap_or_default(), it.uid)),
    )
}

#[test]
fn what_runtimes_and_managers_make_is_recognised() {
    let under = UID.replace('-', "_");
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    for (path, unit, slice, runtime, class) in [
        ("/", "", "", "", ""),
        ("/system.slice/nginx.service", "nginx.service", "system.slice", "", ""),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope",
            "app-firefox.scope",
            "app.slice",
            "",
            "",
        ),
        ("/system.slice/docker-ID.scope", "docker-ID.scope", "system.slice", "docker", ""),
        ("/docker/ID", "", "", "docker", ""),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope/init",
            "docker-ID.scope",
            "user.slice",
            "docker",
            "",
        ),
        (
            "/machine.slice/libpod-ID.scope/container",
            "libpod-ID.scope",
            "machine.slice",
            "podman",
            "",
        ),
        ("/libpod_parent/libpod-ID", "", "", "podman", ""),
        (
            "/system.slice/qweb.service/libpod-payload-ID",
            "qweb.service",
            "system.slice",
            "podman",
            "",
        ),
        (
            "/machine.slice/libpod-conmon-ID.scope",
            "libpod-conmon-ID.scope",
            "machine.slice",
            "",
            "",
        ),
        ("/system.slice/nerdctl-ID.scope", "nerdctl-ID.scope", "system.slice", "containerd", ""),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/\
             cri-containerd-ID.scope",
            "cri-containerd-ID.scope",
            "kubepods-burstable-podUID.slice",
            "containerd",
            "burstable",
        ),
        (
            "/kubepods.slice/kubepods-podUID.slice/crio-ID.scope",
            "crio-ID.scope",
            "kubepods-podUID.slice",
            "cri-o",
            "guaranteed",
        ),
        (
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
             kubelet-kubepods-besteffort-podUID.slice/cri-containerd-ID.scope",
            "cri-containerd-ID.scope",
            "kubelet-kubepods-besteffort-podUID.slice",
            "containerd",
            "besteffort",
        ),
        ("/kubepods/burstable/podDASH/ID", "", "", "?", "burstable"),
        ("/kubepods/podDASH/crio-ID", "", "", "cri-o", "guaranteed"),
        (
            "/system.slice/containerd.service/kubepods-besteffort-podUID.slice:cri-containerd:ID",
            "containerd.service",
            "system.slice",
            "containerd",
            "besteffort",
        ),
        ("/ecs/0123/ID", "", "", "?", ""),
    ] {
        let fill = |text: &str| text.replace("UID", &under).replace("DASH", UID).replace("ID", ID);
        let runtime = some(runtime).map(|name| name.replace('?', ""));
        let expected = (
            some(&fill(unit)),
            some(&fill(slice)),
            runtime.map(|runtime| (runtime, ID.to_owned())),
            some(class).map(|class| (class, UID.to_owned())),
        );
        assert_eq!(found(&fill(path)), expected, "{path}");
    }
}

#[test]
fn containers_that_have_names_are_known_by_them() {
    for (path, runtime, name, unit) in [
        ("/lxc.payload.web/system.slice/nginx.service", "lxc", "web", "nginx.service"),
        ("/lxc/web/init.scope", "lxc", "web", "init.scope"),
        ("/lxc.payload/web", "lxc", "web", ""),
        (
            "/machine.slice/systemd-nspawn@web.service/payload",
            "systemd-nspawn",
            "web",
            "systemd-nspawn@web.service",
        ),
        (
            "/machine.slice/machine-my\\x2dbox.scope/payload/init.scope",
            "systemd-nspawn",
            "my-box",
            "init.scope",
        ),
        (
            "/machine.slice/systemd-nspawn@my\\x2dbox.service/payload",
            "systemd-nspawn",
            "my-box",
            "systemd-nspawn@my\\x2dbox.service",
        ),
    ] {
        let (found_unit, _, container, pod) = found(path);
        assert_eq!(container, Some((runtime.to_owned(), name.to_owned())), "{path}");
        assert_eq!(found_unit.unwrap_or_default(), unit, "{path}");
        assert_eq!(pod, None);
    }
    assert_eq!(found("/lxc.monitor.web").2, None);
    assert_eq!(found("/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt").2, None);
}

#[test]
fn podmans_pods_have_an_id() {
    for path in [
        "/machine.slice/machine-libpod_pod_ID.slice/libpod-ID.scope/container",
        "/libpod_parent/ID/libpod-ID",
    ] {
        let place = Place::by_path(path.replace("ID", ID).as_bytes());
        let pod = place.pod.unwrap();
        assert_eq!((pod.uid.as_str(), pod.qos), (ID, None), "{path}");
    }
}

#[test]
fn nonsense_is_no_place() {
    for path in ["", "//", "/docker/abc", "/kubepods/pod", "/kubepods/podx", "/.service", "/a:b:c"]
    {
        assert_eq!(found(path), (None, None, None, None), "{path}");
    }
    let reader = PlaceReader::default();
    assert_eq!(reader.place(b"/\xff.service"), Place::default());
}

#[test]
fn kubelets_links_name_the_pod() {
    let logs = tempfile::tempdir().unwrap();
    std::fs::write(logs.path().join("other"), "").unwrap();
    std::fs::write(logs.path().join(format!("cart-0_shop_app-{ID}.log")), "").unwrap();
    let reader = PlaceReader { logs: logs.path().to_owned() };
    let place = reader.place(format!("/kubepods/burstable/pod{UID}/{ID}").as_bytes());
    let pod = place.pod.unwrap();
    assert_eq!(pod.namespace.as_deref(), Some("shop"));
    assert_eq!(pod.name.as_deref(), Some("cart-0"));
    assert_eq!(pod.container.as_deref(), Some("app"));
    assert_eq!(place.container.unwrap().name.as_deref(), Some("app"));
}
