//! A file.

use std::path::PathBuf;
use std::process::Child;

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

    fn process(&self) -> Option<&Child> {
        None
    }

    fn ids(&self) -> Vec<String> {
        bench::ids_of_lines(&self.path())
    }
}

#[test]
fn up() {
    bench::up(File { dir: tempfile::tempdir().unwrap() });
}
