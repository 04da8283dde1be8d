//! Podman: its monitor's arguments (`conmon -c ID -n NAME -b FOLDER`), and the list of containers beside the
//! folder that they name, `overlay-containers/containers.json` of containers/storage.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Shim, is_of, read_json, text};
use crate::incident::model::Container;

/// Root's containers.
const STORAGE: &str = "var/lib/containers/storage/overlay-containers";

pub(super) fn name(root: &Path, shims: &[Shim], container: &mut Container) {
    // CRI-O has the same monitor and the same list.
    if !is_of(container, "podman") && !is_of(container, "cri-o") {
        return;
    }
    let is_ours = |shim: &&Shim| shim.flag(&["-c", "--cid"]) == Some(container.id.as_str());
    let conmon = shims.iter().find(is_ours);
    let bundle = conmon.and_then(|it| it.flag(&["-b", "--bundle"])).map(Path::new);
    // FOLDER/ID/userdata
    let list = bundle.and_then(|it| it.ancestors().nth(2));
    let list = list.map(|it| root.join(it.strip_prefix("/").unwrap_or(it)));
    let list = list.unwrap_or_else(|| root.join(STORAGE));
    if let Some((name, image)) = listed(list, &container.id) {
        container.image = container.image.take().or(image);
        container.name = container.name.take().or(name);
        container.runtime.get_or_insert_with(|| "podman".to_owned());
    }
    if let Some(name) = conmon.and_then(|it| it.flag(&["-n", "--name"])) {
        container.name.get_or_insert_with(|| name.to_owned());
        container.runtime.get_or_insert_with(|| "podman".to_owned());
    }
}

/// Its name and its image's.
fn listed(folder: PathBuf, id: &str) -> Option<(Option<String>, Option<String>)> {
    // One that lives as short as `--rm` has it is in the other list.
    ["containers.json", "volatile-containers.json"].iter().find_map(|list| {
        let list = read_json(&folder.join(list))?;
        let ours = list.as_array()?.iter().find(|it| text(it, &["id"]).as_deref() == Some(id))?;
        let name = ours.get("names").and_then(|names| names.get(0)?.as_str());
        // JSON in a string.
        let more = text(ours, &["metadata"]).and_then(|it| serde_json::from_str(&it).ok());
        let more: Value = more.unwrap_or_default();
        Some((name.map(str::to_owned), text(&more, &["image-name"])))
    })
}
