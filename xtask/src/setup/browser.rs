//! A browser for the report's page, what drives it, and what makes pictures small.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use super::tools;
use crate::sh;

/// A program of each, and Debian's package of it.
const PROGRAMS: &[(&str, &str)] = &[("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")];

/// A PDF's pages as pictures, and pictures of few colours.
const DRAWERS: &[(&str, &str)] = &[("pdftoppm", "poppler-utils"), ("pngquant", "pngquant")];

/// Packages of npm: what drives a browser, and what judges a page by who could not use it.
const PACKAGES: &[(&str, &str)] = &[("playwright-core", "1.64.1"), ("axe-core", "4.14.1")];

/// Installs what the tests of the page are missing.
pub(crate) fn install() -> Result<()> {
    tools::programs(PROGRAMS)?;
    let missing = PACKAGES.iter().filter(|(package, version)| !is_there(package, version));
    if missing.count() == 0 {
        return Ok(());
    }
    let folder = sh::tools().join("browser");
    fs::create_dir_all(&folder)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--save-exact", "--prefix"]).arg(folder);
    sh::run(npm.args(PACKAGES.iter().map(|(package, version)| format!("{package}@{version}"))))
}

/// Installs what the pictures are missing.
pub(crate) fn install_drawers() -> Result<()> {
    tools::programs(DRAWERS)
}

fn is_there(package: &str, version: &str) -> bool {
    let path = sh::tools().join("browser/node_modules").join(package).join("package.json");
    let told: Option<Value> =
        fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    told.is_some_and(|told| told.get("version").and_then(Value::as_str) == Some(version))
}
