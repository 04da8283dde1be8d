//! Paths of cgroups: those that runtimes and managers make, and those that anyone can.

use fastrand::Rng;
use oom_trace::enrich::place::Place;
use oom_trace::incident::model::Record;
use oom_trace::report::{Collector, html};
use oom_trace::text::acts;

use crate::tries::fuzz;
use crate::{mutate, parse, ring};

/// Before and behind the id of a container, and whose it is.
const CONTAINERS: [(&str, &str, Option<&str>); 11] = [
    ("/system.slice/docker-", ".scope", Some("docker")),
    ("/docker/", "", Some("docker")),
    ("/system.slice/nerdctl-", ".scope", Some("containerd")),
    ("/kubepods/burstable/pod5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10/", "", None),
    (
        "/kubepods.slice/kubepods-pod5f0e6f3a_8f63_4f0c_8d3a_2f8d4a3c9b10.slice/crio-",
        ".scope",
        Some("cri-o"),
    ),
    ("/kubepods.slice/cri-containerd-", ".scope", Some("containerd")),
    ("/system.slice/x.slice:cri-containerd:", "", Some("containerd")),
    ("/machine.slice/libpod-", ".scope", Some("podman")),
    ("/libpod_parent/libpod-", "", Some("podman")),
    ("/system.slice/web.service/libpod-payload-", "", Some("podman")),
    ("/ecs/0123/", "", None),
];

/// Parts of a path that mean something, and that mean ill.
const PARTS: [&[u8]; 28] = [
    b"system.slice",
    b"user.slice",
    b"user@1000.service",
    b"app-firefox.scope",
    b"web.service",
    b".service",
    b"_cpu.service",
    b"lxc.payload.web",
    b"lxc",
    b"machine.slice",
    b"systemd-nspawn@my\\x2dbox.service",
    b"systemd-nspawn@\\x1b\\x5b31m\\x0a.service",
    b"machine-\\xe2\\x80\\xae.scope",
    b"payload",
    b"docker",
    b"kubepods",
    b"kubepods.slice",
    b"pod5f0e6f3a-8f63-4f0c-8d3a-2f8d4a3c9b10",
    b"..",
    b":",
    b"a:b:c",
    b"\x1b[31m\n",
    b"\xff\xfe.service",
    b"\xe2\x80\xae.scope",
    b"<script>x-mark</script>.service",
    b"a b=\"c\" d='e' $(f) `g`.scope",
    b"init.scope",
    b"libpod_parent",
];

/// Mostly parts that mean something.
fn path(rng: &mut Rng) -> Vec<u8> {
    let mut path = Vec::new();
    for _ in 0..rng.usize(..9) {
        path.extend(b"/");
        match rng.u8(..8) {
            0 => (0..rng.usize(..40)).for_each(|_| path.push(rng.u8(1..))),
            1 => path.extend(std::iter::repeat_n(b'a', rng.usize(..300))),
            2 => {
                let (before, after, _) = CONTAINERS[rng.usize(..CONTAINERS.len())];
                path.extend(
                    [&before.as_bytes()[1..], digest(rng).as_bytes(), after.as_bytes()].concat(),
                );
            }
            _ => path.extend_from_slice(PARTS[rng.usize(..PARTS.len())]),
        }
    }
    // A part of a path has no slash in it, and the kernel ends it with the first NUL.
    if rng.u8(..3) == 0 {
        (0..rng.usize(1..6)).for_each(|_| mutate::change(rng, &mut path));
        path.retain(|byte| *byte != 0);
    }
    path.truncate(2000);
    path
}

fn digest(rng: &mut Rng) -> String {
    (0..64).map(|_| b"0123456789abcdef"[rng.usize(..16)] as char).collect()
}

/// What a runtime made is known by its id, wherever it lies.
#[test]
fn a_container_is_known_in_any_path() {
    fuzz("a_container_is_known_in_any_path", |rng| {
        let (before, after, runtime) = CONTAINERS[rng.usize(..CONTAINERS.len())];
        let id = digest(rng);
        let outer = path(rng);
        let inner = ["", "/init.scope", "/container", "/a.slice/b.service"][rng.usize(..4)];
        let path = [&*outer, format!("{before}{id}{after}{inner}").as_bytes()].concat();
        let container = Place::by_path(&path).container.unwrap();
        assert_eq!(container.id, id, "{}", path.escape_ascii());
        assert_eq!(container.runtime.as_deref(), runtime, "{}", path.escape_ascii());
    });
}

/// Unit, slice and container are parts of the path.
fn assert_of(place: &Place, path: &[u8]) {
    let parts: Vec<_> = path.split(|byte| *byte == b'/').collect();
    for name in place.unit.iter().chain(&place.slice) {
        assert!(parts.contains(&name.as_bytes()), "{name:?} in {}", path.escape_ascii());
    }
    if let Some(container) = &place.container {
        let plain = |part: &&[u8]| String::from_utf8_lossy(part).contains(&container.id);
        let is_escaped = |part: &&[u8]| part.windows(2).any(|two| two == b"\\x");
        let is_part = parts.iter().any(|part| plain(part) || is_escaped(part));
        assert!(is_part && !container.id.is_empty(), "{container:?} in {}", path.escape_ascii());
    }
    if let Some(pod) = &place.pod {
        let digits = pod.uid.bytes().filter(u8::is_ascii_hexdigit).count();
        assert!(matches!(digits, 32 | 64), "{pod:?}");
        assert!(pod.uid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{pod:?}");
    }
}

/// From the ring and from a log, in every format and on the page.
#[test]
fn any_path_of_a_cgroup_can_be_told() {
    let way = ring::Way::here();
    let log = format!("{}/testdata/logs/6.12-memcg.log", env!("CARGO_MANIFEST_DIR"));
    let logged = parse(&std::fs::read(log).unwrap()).swap_remove(0);
    fuzz("any_path_of_a_cgroup_can_be_told", |rng| {
        let path = path(rng);
        assert_of(&Place::by_path(&path), &path);
        let mark = mutate::victim(rng, &path);
        let told = way.go(rng, &[mark]);
        assert_eq!((told.marks, told.kills), (1, 1));
        let Record::OomKill(mut kill) = logged.clone() else { panic!() };
        let place = Place::by_path(&path);
        kill.victim.unit.clone_from(&place.unit);
        kill.victim.container = place.container;
        kill.victim.pod = place.pod;
        if let Some(cgroup) = &mut kill.victim.cgroup {
            cgroup.path = (&*path).into();
        }
        let mut collector = Collector::new(1);
        collector.add(Record::OomKill(kill));
        let report = collector.report(jiff::tz::TimeZone::UTC);
        let mut page = Vec::new();
        html::render(&report, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(!page.contains("<script>x-mark"));
        assert!(!page.contains(|c| acts(c) && c != '\n'));
    });
}
