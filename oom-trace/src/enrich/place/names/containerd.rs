//! containerd: its shim's arguments (`containerd-shim-runc-v2 -namespace NS -id ID`), and the OCI
//! configuration of the task, whose annotations its plugin for Kubernetes writes (`pkg/cri/annotations`).

use std::path::Path;

use super::{Shim, folder, is_of, read_json, text};
use crate::incident::model::{Container, Pod};

const TASKS: &str = "run/containerd/io.containerd.runtime.v2.task";
/// What docker calls its own.
const DOCKERS: &str = "moby";

/// A container whose path has a name in place of an id: `/NAMESPACE/NAME`, or a scope that ends in it.
pub(super) fn find(shims: &[Shim], path: &str) -> Option<Container> {
    let id = shims.iter().find_map(|shim| shim.flag(&["-namespace"]).and(shim.flag(&["-id"])))?;
    let is_it = |part: &str| {
        let name = part.strip_suffix(".scope").unwrap_or(part);
        name == id || name.strip_suffix(id).is_some_and(|before| before.ends_with('-'))
    };
    let runtime = Some("containerd".to_owned());
    path.split('/').any(is_it).then(|| Container {
        id: id.to_owned(),
        runtime,
        name: None,
        image: None,
    })
}

pub(super) fn name(root: &Path, shims: &[Shim], container: &mut Container, pod: &mut Option<Pod>) {
    if !is_of(container, "containerd") {
        return;
    }
    let namespace = shims.iter().find_map(|shim| shim.flag(&["-namespace"]));
    let Some(namespace) = namespace.filter(|it| *it != DOCKERS) else { return };
    container.runtime.get_or_insert_with(|| "containerd".to_owned());
    let tasks = folder(root.join(TASKS), namespace).and_then(|it| folder(it, &container.id));
    let config = tasks.and_then(|it| read_json(&it.join("config.json"))).unwrap_or_default();
    let annotation = |key: &str| text(&config, &["annotations", key]);
    let of_cri = |key: &str| annotation(&format!("io.kubernetes.cri.{key}"));
    container.image = container.image.take().or_else(|| of_cri("image-name"));
    if let Some(pod) = pod {
        pod.namespace = pod.namespace.take().or_else(|| of_cri("sandbox-namespace"));
        pod.name = pod.name.take().or_else(|| of_cri("sandbox-name"));
        pod.container = pod.container.take().or_else(|| of_cri("container-name"));
    }
    let name = of_cri("container-name").or_else(|| annotation("nerdctl/name"));
    // Who calls it by no other name made the id of one.
    let is_name = !super::super::container::is_digest(&container.id);
    let name = name.or_else(|| is_name.then(|| container.id.clone()));
    container.name = container.name.take().or(name);
}
