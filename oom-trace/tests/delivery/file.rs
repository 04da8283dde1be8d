//! A file.

use std::path::PathBuf;

use tempfile::TempDir;

use crate::bench::{self, Process, Receiver};

/// Nobody has to listen.
struct File {
    dir: TempDir,
    process: Process,
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

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn ids(&self) -> Vec<String> {
        bench::ids_of_lines(&self.path())
    }
}

#[test]
fn up() {
    bench::up(File { dir: tempfile::tempdir().unwrap(), process: Process::default() });
}
