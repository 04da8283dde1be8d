//! A file.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::bench::{self, Receiver};

/// Nobody has to listen.
struct File {
    dir: TempDir,
}

impl File {
    fn path(&self) -> PathBuf {
        self.dir.path().join("oom.json")
    }
}

impl Receiver for File {
    fn sink(&self) -> String {
        format!("file:{{ path = {:?} }}", self.path())
    }

    fn start(&mut self) {}

    fn kill(&mut self) {}

    fn ids(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path()).unwrap_or_default();
        let ids = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap().get("id").cloned());
        ids.map(|id| id.unwrap().as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn up() {
    bench::up(File { dir: tempfile::tempdir().unwrap() });
}
