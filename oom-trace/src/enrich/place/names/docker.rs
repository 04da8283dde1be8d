//! Docker: `/var/lib/docker/containers/ID/config.v2.json`.

use std::path::Path;

use super::{folder, is_of, read_json, text};
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
    if let Some(name) = text(&config, &["Name"]) {
        container.name.get_or_insert_with(|| name.trim_start_matches('/').to_owned());
    }
    container.image = container.image.take().or_else(|| text(&config, &["Config", "Image"]));
}
