//! Docker: `/var/lib/docker/containers/ID/config.v2.json`.

use std::path::Path;

use super::{folder, is_of, read_json};
use crate::incident::model::Container;

pub(super) fn name(root: &Path, container: &mut Container) {
    if !is_of(container, "docker") {
        return;
    }
    let Some(folder) = folder(root.join("var/lib/docker/containers"), &container.id) else {
        return;
    };
    let Some(config) = read_json(&folder.join("config.v2.json")) else { return };
    container.runtime.get_or_insert_with(|| "docker".to_owned());
    if let Some(name) = config["Name"].as_str() {
        container.name.get_or_insert_with(|| name.trim_start_matches('/').to_owned());
    }
    if let Some(image) = config["Config"]["Image"].as_str() {
        container.image.get_or_insert_with(|| image.to_owned());
    }
}
