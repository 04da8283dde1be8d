//! The commands of the documentation, as a shell takes them: those in blocks of `sh`, and those in a line.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every machine has, and is run as it is.
const COREUTILS: &str = "coreutils";

/// Programs that the pages name, and where they are run for real.
const PROGRAMS: &[(&str, &str)] = &[
    ("oom-trace", "tests/docs parses each, and runs those that need no rights"),
    ("cargo", "xtask's own tests parse each"),
    ("apt", "cargo xtask system"),
    ("dnf", "nowhere: cargo xtask dist makes the package"),
    ("systemctl", "cargo xtask system"),
    ("systemd-tmpfiles", "nowhere: the package's script runs it"),
    ("journalctl", "cargo xtask system; tests/delivery reads the journal's export"),
    ("install", "cargo xtask system: the package has these files in these places"),
    ("skopeo", "nowhere: cargo xtask dist makes the archive"),
    ("helm", "tests/delivery/dist.rs renders the chart"),
    ("jq", "tests/history/verify.rs reads the same key"),
    ("date", COREUTILS),
    ("head", COREUTILS),
    ("sed", COREUTILS),
    // The reader's own.
    ("run-the-tests", "nowhere"),
];

/// Written by commands, of what they show: a block without a word is theirs alone.
const WRITTEN: &[&str] = &["docs/gallery.md"];

/// What blocks hold.
const KINDS: [&str; 4] = ["sh", "toml", "promql", "text"];

/// A block between fences.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its page and line.
    pub(crate) place: String,
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// A command as a shell began it.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Where it stands.
    pub(crate) place: String,
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
    is_in_line: bool,
}

impl Begun {
    /// What is no more than the name of a command of the program, as a sentence has it.
    pub(crate) fn name(&self, program: &[&str]) -> Option<&str> {
        let names = self.is_in_line && self.words.len() == program.len() + 1;
        names.then(|| self.words.last().map(String::as_str))?
    }
}

/// The workspace's pages, but for what once was.
fn pages(root: &Path) -> Vec<(String, String)> {
    let folders = ["", "docs", "docs/sinks"].map(|name| root.join(name));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut pages: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .filter(|path| !path.ends_with("CHANGELOG.md"))
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// All blocks, each of a kind that is known.
pub(crate) fn blocks(root: &Path) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (name, text) in pages(root) {
        let mut open: Option<Block> = None;
        for (at, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", at + 1);
            match (line.strip_prefix("```"), &mut open) {
                (Some(kind), None) => {
                    let is_known = KINDS.contains(&kind)
                        || kind.is_empty() && WRITTEN.contains(&name.as_str());
                    assert!(is_known, "{place}: a block has to say what it is: one of {KINDS:?}");
                    open = Some(Block { place, kind: kind.to_owned(), text: String::new() });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => block.text += &format!("{line}\n"),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{name}: a block does not end");
    }
    blocks
}

/// What stands between backquotes in a page and is a command of one of ours.
fn in_lines(root: &Path) -> Vec<Block> {
    let mut found = Vec::new();
    for (name, text) in pages(root) {
        let mut is_block = false;
        for (at, line) in text.lines().enumerate() {
            is_block ^= line.starts_with("```");
            let spans = line.split('`').skip(1).step_by(2).filter(|_| !is_block);
            let commands = spans
                .filter(|span| span.starts_with("oom-trace ") || span.starts_with("cargo xtask "));
            found.extend(commands.map(|span| Block {
                place: format!("{name}:{}", at + 1),
                kind: "sh".to_owned(),
                text: format!("{span}\n"),
            }));
        }
    }
    found
}

/// Has a shell take all of them: what it would begin is noted instead, in a folder where the files lie
/// that the pages read.
pub(crate) fn commands(root: &Path, folder: &Path) -> Vec<Begun> {
    let notes = folder.join("notes");
    let programs = shims(folder, &notes);
    let scripts = blocks(root).into_iter().filter(|block| block.kind == "sh");
    let scripts =
        scripts.map(|block| (block, false)).chain(in_lines(root).into_iter().map(|it| (it, true)));
    let (mut begun, mut used) = (Vec::new(), BTreeSet::new());
    for (Block { place, text, .. }, is_in_line) in scripts {
        fs::create_dir(&notes).unwrap();
        let mut sh = Command::new("/bin/sh");
        sh.args(["-uc", &text]).current_dir(folder).env_clear();
        // What those set who do as the page says.
        sh.envs([("PATH", programs.to_str().unwrap()), ("START", "2026-03-01"), ("PID", "4711")]);
        let output = sh.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.is_empty(),
            "{place}: {said}\na program that is not known here belongs into the list, with the place where it is run"
        );
        for entry in fs::read_dir(&notes).unwrap() {
            let note = fs::read_to_string(entry.unwrap().path()).unwrap();
            let words: Vec<_> = note.split('\0').map(str::to_owned).collect();
            used.insert(words[0].clone());
            begun.push(Begun { place: place.clone(), words, is_in_line });
        }
        fs::remove_dir_all(&notes).unwrap();
    }
    let unused: Vec<_> = PROGRAMS.iter().filter(|(name, _)| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "no page names {unused:?}");
    begun
}

/// Programs of these names that do no more than note how they were begun, each in a file of its own: those of a
/// pipe run side by side.
fn shims(folder: &Path, notes: &Path) -> PathBuf {
    let programs = folder.join("programs");
    fs::create_dir(&programs).unwrap();
    for (name, place) in PROGRAMS {
        let end = match *name {
            // The tests of the page that says what to do when they are killed.
            "run-the-tests" => "exit 137".to_owned(),
            name if *place == COREUTILS => format!("exec /usr/bin/{name} \"$@\""),
            _ => "exit 0".to_owned(),
        };
        let text = format!(
            "#!/bin/sh\n{{ printf '%s' {name}; [ $# -eq 0 ] || printf '\\0%s' \"$@\"; }} >{}/$$\n{end}\n",
            notes.display()
        );
        let path = programs.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    programs
}
