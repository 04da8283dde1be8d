//! Containers, by the folder that their runtime makes for them.

use crate::incident::model::Container;
use crate::systemd::unescaped;

/// How a runtime names a container's folder.
struct Form {
    runtime: Option<&'static str>,
    /// The folder it stands in, `""` for any.
    parent: &'static str,
    before: &'static str,
    after: &'static str,
    id: Id,
}

/// What names a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Id {
    /// 64 hexadecimal digits.
    Digest,
    /// A name that its owner chose.
    Name,
    /// The same, as systemd writes it into a unit's name.
    Escaped,
}

const fn digest(
    runtime: &'static str,
    parent: &'static str,
    before: &'static str,
    after: &'static str,
) -> Form {
    Form { runtime: Some(runtime), parent, before, after, id: Id::Digest }
}

const fn name(
    runtime: &'static str,
    parent: &'static str,
    before: &'static str,
    after: &'static str,
) -> Form {
    Form { runtime: Some(runtime), parent, before, after, id: Id::Name }
}

/// The systemd driver makes a scope, `cgroupfs` a plain folder. The first that fits is taken.
const FORMS: &[Form] = &[
    digest("docker", "", "docker-", ".scope"),
    digest("docker", "docker", "", ""),
    digest("containerd", "", "cri-containerd-", ".scope"),
    digest("containerd", "", "nerdctl-", ".scope"),
    digest("cri-o", "", "crio-", ".scope"),
    digest("cri-o", "", "crio-", ""),
    digest("podman", "", "libpod-", ".scope"),
    digest("podman", "", "libpod-", ""),
    // `--cgroups=split`, as Quadlet has it, below the container's unit.
    digest("podman", "", "libpod-payload-", ""),
    name("lxc", "", "lxc.payload.", ""),
    name("lxc", "lxc.payload", "", ""),
    name("lxc", "lxc", "", ""),
    Form {
        runtime: Some("systemd-nspawn"),
        parent: "machine.slice",
        before: "systemd-nspawn@",
        after: ".service",
        id: Id::Escaped,
    },
    // `cgroupfs` below kubepods, ECS and others: a bare id, and no word of who made it.
    Form { runtime: None, parent: "", before: "", after: "", id: Id::Digest },
];

/// The innermost container.
pub(super) fn find(parts: &[&str]) -> Option<Container> {
    let parents = std::iter::once(&"").chain(parts);
    let places: Vec<_> = parents.zip(parts).collect();
    places.into_iter().rev().find_map(|(parent, part)| {
        // systemd's driver asked to use `cgroupfs`: `SLICE:RUNTIME:ID` is one folder.
        if let [_, runtime, id] = *part.split(':').collect::<Vec<_>>()
            && Id::Digest.is(id)
        {
            return Some(container(id, Some(runtime_of(runtime)), Id::Digest));
        }
        // What a booted container and machined have in one scope; a virtual machine has no such folder.
        if *part == "payload"
            && let Some(name) =
                parent.strip_prefix("machine-").and_then(|it| it.strip_suffix(".scope"))
        {
            let runtime = Some("systemd-nspawn".to_owned());
            return Some(container(name, runtime, Id::Escaped));
        }
        FORMS.iter().find_map(|form| {
            let Form { runtime, parent: within, before, after, id: kind } = *form;
            let id = part.strip_prefix(before)?.strip_suffix(after)?;
            let here = within.is_empty() || within == *parent;
            (here && kind.is(id)).then(|| container(id, runtime.map(str::to_owned), kind))
        })
    })
}

fn container(id: &str, runtime: Option<String>, kind: Id) -> Container {
    let id = if kind == Id::Escaped { unescaped(id) } else { id.to_owned() };
    let name = (kind != Id::Digest).then(|| id.clone());
    Container { id, runtime, name, image: None }
}

/// `cri-containerd` is what containerd's plugin for Kubernetes calls itself, `crio` is CRI-O.
fn runtime_of(prefix: &str) -> String {
    match prefix {
        "cri-containerd" => "containerd",
        "crio" => "cri-o",
        "libpod" => "podman",
        other => other,
    }
    .to_owned()
}

/// Whether it is what runtimes make for an id.
pub(super) fn is_digest(text: &str) -> bool {
    Id::Digest.is(text)
}

impl Id {
    fn is(self, text: &str) -> bool {
        match self {
            Self::Digest => {
                text.len() == 64
                    && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
            Self::Name | Self::Escaped => !text.is_empty(),
        }
    }
}
