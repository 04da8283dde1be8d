//! systemd-nspawn: its arguments, and what machined keeps while the machine lives: a link to its name,
//! `/run/systemd/machines/unit:UNIT`.

use std::fs;
use std::path::Path;

use super::Shim;
use crate::incident::model::Container;

/// A container that is in the unit it was started in (`--keep-unit`).
pub(super) fn find(root: &Path, shims: &[Shim], path: &str) -> Option<Container> {
    let (above, _) = path.split_once("/payload")?;
    let unit = above.rsplit('/').next().filter(|it| !it.is_empty())?;
    let link = fs::read_link(root.join("run/systemd/machines").join(format!("unit:{unit}"))).ok();
    let kept = link.and_then(|it| Some(it.file_name()?.to_str()?.to_owned()));
    let said =
        || shims.iter().find_map(|shim| Some(shim.setting(&["-M", "--machine"])?.to_owned()));
    let name = kept.or_else(said)?;
    let runtime = Some("systemd-nspawn".to_owned());
    Some(Container { id: name.clone(), runtime, name: Some(name), image: None })
}
