//! Names of users, from `/etc/passwd`: a static binary has no name service to ask.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::text::acts;

const PASSWD: &str = "/etc/passwd";

/// Knows the users of this machine; reads their list again when it has changed.
#[derive(Debug)]
pub struct UserReader {
    passwd: PathBuf,
    read: Option<State>,
    names: HashMap<u32, String>,
}

/// The state of a file: a list that is replaced is another file, one that is edited has new times.
#[derive(Debug, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl State {
    fn new(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Default for UserReader {
    fn default() -> Self {
        Self { passwd: PathBuf::from(PASSWD), read: None, names: HashMap::new() }
    }
}

impl UserReader {
    /// The name of a user; `None` if there is none, or the list cannot be read.
    pub fn name(&mut self, uid: u32) -> Option<String> {
        // Before it is read: what is written meanwhile is read the next time.
        let state = fs::metadata(&self.passwd).ok().map(|metadata| State::new(&metadata));
        if state.is_none() || state != self.read {
            let list = fs::read(&self.passwd);
            self.read = state.filter(|_| list.is_ok());
            self.names = parse(&list.unwrap_or_default());
        }
        self.names.get(&uid).cloned()
    }
}

/// `name:password:uid:gid:…`, a line each; of several names for a uid the first. A line that is
/// none, or whose name does more than name, is passed over.
fn parse(passwd: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in passwd.split(|&byte| byte == b'\n') {
        if let Some((uid, name)) = user(line) {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

fn user(line: &[u8]) -> Option<(u32, &str)> {
    let mut fields = std::str::from_utf8(line).ok()?.split(':');
    let (name, _password, uid, gid) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    gid.parse::<u32>().ok()?;
    // `+` and `-` stand for lists kept elsewhere.
    let names = !name.is_empty() && !name.starts_with(['#', '+', '-']) && !name.contains(acts);
    Some((uid.parse().ok()?, name)).filter(|_| names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_have_names() {
        let names = parse(
            b"root:x:0:0:root:/root:/bin/bash\n\
              toor:x:0:0::/root:/bin/sh\n\
              web:x:1000:1000:J\xc3\xb6rg,,,:/home/web:/bin/bash\n\
              short:x:1001:1001",
        );
        assert_eq!(names.get(&0).unwrap(), "root");
        assert_eq!(names.get(&1000).unwrap(), "web");
        assert_eq!(names.get(&1001).unwrap(), "short");
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn what_is_no_user_is_passed_over() {
        for line in [
            &b""[..],
            b":",
            b":::",
            b"::7:7::/:",
            b"a:x:7",
            b"a:x::7",
            b"a:x:-1:7",
            b"a:x:4294967296:7",
            b"a:x:7:b",
            b"#a:x:7:7",
            b"+nis:x:7:7",
            b"+::::::",
            b"\x1b[31m:x:7:7",
            b"a\xe2\x80\xae:x:7:7",
            b"\xff:x:7:7",
            b"a:x:7:7:\xff\0",
        ] {
            assert!(parse(line).is_empty(), "{}", line.escape_ascii());
        }
        assert_eq!(parse(b"\xff\n:\na:x:7:7:::\n\n").get(&7).unwrap(), "a");
    }

    #[test]
    fn a_list_that_has_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let passwd = folder.path().join("passwd");
        let mut users = UserReader { passwd: passwd.clone(), ..UserReader::default() };
        assert_eq!(users.name(7), None);
        fs::write(&passwd, "a:x:7:7\n").unwrap();
        assert_eq!(users.name(7).as_deref(), Some("a"));
        assert_eq!(users.name(8), None);
        let new = folder.path().join("passwd+");
        fs::write(&new, "b:x:7:7\n").unwrap();
        fs::rename(&new, &passwd).unwrap();
        assert_eq!(users.name(7).as_deref(), Some("b"));
        // What was read is kept.
        let read = std::mem::take(&mut users.names);
        assert_eq!((users.name(7), read.len()), (None, 1));
        fs::remove_file(&passwd).unwrap();
        assert_eq!(users.name(7), None);
    }
}
