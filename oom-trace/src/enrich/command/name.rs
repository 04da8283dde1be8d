//! Which names are names of secrets.

/// Words that name a secret, also at the end of a longer one: `PGPASSWORD`, `authtoken`.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "authkey",
    "authorization",
    "privatekey",
    "secretkey",
    "credential",
    // redis-server's.
    "requirepass",
    "masterauth",
];

/// With `key` behind it, each names a secret.
const KEYS: &[&str] = &[
    "api",
    "access",
    "account",
    "auth",
    "encryption",
    "license",
    "licence",
    "master",
    "private",
    "signing",
    "storage",
];

/// Each names a secret where nothing follows it.
const LAST: &[&str] = &["auth", "cookie", "pass", "passcode", "passkey", "setcookie", "userpwd"];

/// Alone it is the working directory, behind another word a password.
const WORKING_DIRECTORY: &str = "pwd";

/// Names with one of these switch something, or count.
const SWITCHES: &[&str] = &[
    "no", "without", "skip", "disable", "enable", "allow", "ask", "prompt", "require", "max",
    "min", "num",
];

/// Names that end so tell of a secret what may be known.
const ABOUT: &[&str] = &[
    "algorithm",
    "class",
    "cmd",
    "command",
    "config",
    "count",
    "dir",
    "directory",
    "disabled",
    "duration",
    "enabled",
    "endpoint",
    "env",
    "expiration",
    "expiry",
    "fd",
    "file",
    "files",
    "format",
    "header",
    "helper",
    "host",
    "interval",
    "issuer",
    "jar",
    "length",
    "lifetime",
    "limit",
    "method",
    "mode",
    "name",
    "path",
    "paths",
    "plugin",
    "policy",
    "port",
    "provider",
    "required",
    "server",
    "size",
    "stdin",
    "store",
    "threshold",
    "timeout",
    "ttl",
    "type",
    "uri",
    "url",
    "version",
];

/// Whether a byte may stand in a name: of a flag, a variable, a property, a header.
pub(super) fn may_hold(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// Whether what has this name is a secret.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else { return false };
    let in_list = |list: &[&str], word: &str| list.contains(&word);
    if in_list(ABOUT, last) || words.iter().any(|word| in_list(SWITCHES, word)) {
        return false;
    }
    let names_one = |word: &String| {
        let ends = |word: &str| SECRETS.iter().any(|secret| word.ends_with(secret));
        ends(word) || word.strip_suffix('s').is_some_and(ends)
    };
    let keys = words.iter().zip(words.iter().skip(1));
    in_list(LAST, last)
        || (last == WORKING_DIRECTORY && words.len() > 1)
        || words.iter().any(names_one)
        || keys.into_iter().any(|(which, key)| in_list(KEYS, which) && key.starts_with("key"))
}

/// `--db-password`, `db.password`, `DB_PASSWORD` and `dbPassword` are two words each.
fn words(name: &[u8]) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = b' ';
    for &byte in name {
        let breaks = byte.is_ascii_uppercase() && !before.is_ascii_uppercase();
        let letter = byte.is_ascii_alphanumeric();
        if breaks || !letter {
            words.push(String::new());
        }
        if letter && let Some(word) = words.last_mut() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        before = byte;
    }
    words.retain(|word| !word.is_empty());
    words
}
