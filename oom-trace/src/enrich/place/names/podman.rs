//! Podman: its monitor's arguments (`conmon -c ID -n NAME -b FOLDER`), and the list of containers beside the
//! folder that they name, `overlay-containers/containers.json` of containers/storage. CRI-O has the same; its
//! monitor names a folder below `/run`, where no list is.

use std::path::Path;

use serde::Deserialize;

use super::{Shim, is_of, read_json};
use crate::incident::model::Container;

/// Root's containers.
const STORAGE: &str = "var/lib/containers/storage/overlay-containers";

pub(super) fn name(root: &Path, shims: &[Shim], container: &mut Container) {
    if !is_of(container, "podman") && !is_of(container, "cri-o") {
        return;
    }
    let is_ours = |shim: &&Shim| shim.flag(&["-c", "--cid"]) == Some(container.id.as_str());
    let conmon = shims.iter().find(is_ours);
    let bundle = conmon.and_then(|it| it.flag(&["-b", "--bundle"])).map(Path::new);
    // FOLDER/ID/userdata
    let beside = bundle.and_then(|it| it.ancestors().nth(2));
    let beside = beside.map(|it| root.join(it.strip_prefix("/").unwrap_or(it)));
    let mut folders = beside.into_iter().chain([root.join(STORAGE)]);
    if let Some((name, image)) = folders.find_map(|it| listed(&it, &container.id)) {
        container.image = container.image.take().or(image);
        container.name = container.name.take().or(name);
        container.runtime.get_or_insert_with(|| "podman".to_owned());
    }
    if let Some(name) = conmon.and_then(|it| it.flag(&["-n", "--name"])) {
        container.name.get_or_insert_with(|| name.to_owned());
        container.runtime.get_or_insert_with(|| "podman".to_owned());
    }
}

#[derive(Deserialize)]
struct Listed {
    id: String,
    names: Option<Vec<String>>,
    /// JSON in a string.
    #[serde(default)]
    metadata: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    image_name: Option<String>,
}

/// Its name and its image's.
fn listed(folder: &Path, id: &str) -> Option<(Option<String>, Option<String>)> {
    // One that lives as short as `--rm` has it is in the other list.
    ["containers.json", "volatile-containers.json"].iter().find_map(|list| {
        let list: Vec<Listed> = read_json(&folder.join(list))?;
        let ours = list.into_iter().find(|it| it.id == id)?;
        let more: Metadata = serde_json::from_str(&ours.metadata).unwrap_or_default();
        Some((ours.names.into_iter().flatten().next(), more.image_name))
    })
}
