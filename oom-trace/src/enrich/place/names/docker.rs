//! Docker: `/var/lib/docker/containers/ID/config.v2.json`.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use super::super::job;
use super::{folder, is_of, read_json};
use crate::incident::model::{Container, Job};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    name: Option<String>,
    #[serde(default)]
    config: Config,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: Option<String>,
    labels: Option<HashMap<String, String>>,
}

pub(super) fn name(root: &Path, container: &mut Container, job: &mut Option<Job>) {
    if !is_of(container, "docker") {
        return;
    }
    let Some(folder) = folder(root.join("var/lib/docker/containers"), &container.id) else {
        return;
    };
    let Some(config) = read_json::<Kept>(&folder.join("config.v2.json")) else { return };
    container.runtime.get_or_insert_with(|| "docker".to_owned());
    let name = config.name.map(|name| name.trim_start_matches('/').to_owned());
    container.name = container.name.take().or(name);
    container.image = container.image.take().or(config.config.image);
    *job = job.take().or_else(|| job::by_labels(&config.config.labels.unwrap_or_default()));
}
