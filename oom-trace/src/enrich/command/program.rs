//! Options of programs whose names do not tell of a secret: `mysql -pX`, `curl -u user:X`.

use std::ops::Range;

/// An option that takes a secret.
struct Secret {
    /// The program, by the last part of its path; `*` stands for any end.
    program: &'static str,
    option: &'static str,
    given: Given,
    /// What parts a name from the secret, if one stands before it.
    after: Option<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Given {
    /// In the next argument.
    Next,
    /// Right behind the option: without it the program asks.
    Behind,
    /// Either of them.
    Any,
}

const fn secret(program: &'static str, option: &'static str, given: Given) -> Secret {
    Secret { program, option, given, after: None }
}

const fn login(program: &'static str, option: &'static str, after: u8) -> Secret {
    Secret { program, option, given: Given::Any, after: Some(after) }
}

/// A row for each.
const SECRETS: &[Secret] = &[
    secret("mysql*", "-p", Given::Behind),
    secret("mariadb*", "-p", Given::Behind),
    secret("7z*", "-p", Given::Behind),
    secret("redis-cli", "-a", Given::Any),
    secret("valkey-cli", "-a", Given::Any),
    secret("sshpass", "-p", Given::Any),
    secret("mongo*", "-p", Given::Any),
    secret("cqlsh", "-p", Given::Any),
    secret("rabbitmqadmin", "-p", Given::Any),
    secret("ldap*", "-w", Given::Any),
    secret("sqlcmd", "-P", Given::Any),
    secret("bcp", "-P", Given::Any),
    secret("ipmitool", "-P", Given::Any),
    secret("mosquitto_*", "-P", Given::Any),
    secret("zip", "-P", Given::Any),
    secret("unzip", "-P", Given::Any),
    secret("snmp*", "-A", Given::Any),
    secret("snmp*", "-X", Given::Any),
    secret("snmp*", "-c", Given::Any),
    // Of their subcommand alone.
    secret("login", "-p", Given::Next),
    login("curl", "-u", b':'),
    login("curl", "-U", b':'),
    login("curl", "--user", b':'),
    login("curl", "--proxy-user", b':'),
    login("etcdctl", "--user", b':'),
    login("http", "-a", b':'),
    login("https", "-a", b':'),
    login("lftp", "-u", b','),
    login("smbclient", "-U", b'%'),
    login("rpcclient", "-U", b'%'),
    login("net", "-U", b'%'),
    login("openssl", "-passin", b':'),
    login("openssl", "-passout", b':'),
];

/// What ends a command in a script.
const ENDS: [&[u8]; 6] = [b";", b"|", b"||", b"&", b"&&", b"\n"];

/// The arguments of a command, one after the other.
#[derive(Default)]
pub(super) struct Words {
    /// The programs so far: one may start another, as `sudo` does.
    programs: Vec<&'static Secret>,
    awaited: Option<&'static Secret>,
}

impl Words {
    /// Takes the next one, and gives the secret in it.
    pub(super) fn next(&mut self, word: &[u8]) -> Option<Range<usize>> {
        if let Some(secret) = self.awaited.take()
            && !word.starts_with(b"-")
        {
            return secret.within(word, 0);
        }
        let name = word.rsplit(|&byte| byte == b'/').next().unwrap_or(word);
        if !name.is_empty() && !word.starts_with(b"-") {
            self.programs.extend(SECRETS.iter().filter(|secret| secret.is_of(name)));
            return None;
        }
        let own = self.programs.iter().copied();
        let (secret, rest) = own
            .filter_map(|secret| Some((secret, word.strip_prefix(secret.option.as_bytes())?)))
            .max_by_key(|(secret, _)| secret.option.len())?;
        let start = secret.option.len();
        match rest {
            [] if secret.given != Given::Behind => self.awaited = Some(secret),
            [] => {}
            [b'=', ..] if secret.option.starts_with("--") => return secret.within(word, start + 1),
            _ if secret.option.len() == 2 && secret.given != Given::Next => {
                return secret.within(word, start);
            }
            _ => {}
        }
        None
    }
}

impl Secret {
    fn is_of(&self, name: &[u8]) -> bool {
        match self.program.strip_suffix('*') {
            Some(start) => name.starts_with(start.as_bytes()),
            None => name == self.program.as_bytes(),
        }
    }

    /// From `start` on, or from behind the sign that follows a name.
    fn within(&self, word: &[u8], start: usize) -> Option<Range<usize>> {
        let Some(sign) = self.after else { return Some(start..word.len()) };
        let value = word.get(start..)?;
        // `env:NAME` and `file:PATH` tell where openssl finds it.
        if self.program == "openssl" && !value.starts_with(b"pass:") {
            return None;
        }
        let at = value.iter().position(|&byte| byte == sign)?;
        Some(start + at + 1..word.len())
    }
}

/// The secrets in the commands of a script, such as the argument of `sh -c`.
pub(super) fn script(text: &[u8], found: &mut Vec<Range<usize>>) {
    if !text.contains(&b' ') {
        return;
    }
    let mut words = Words::default();
    let mut at = 0;
    while let Some(start) = text
        .get(at..)
        .and_then(|rest| Some(at + rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?))
    {
        let end = word_end(text, start);
        at = end;
        let Some(word) = text.get(start..end) else { return };
        if ENDS.contains(&word) {
            words = Words::default();
            continue;
        }
        let is_last = word.ends_with(b";");
        let word = word.strip_suffix(b";").unwrap_or(word);
        let quotes =
            usize::from(matches!(word, [b'"' | b'\'', .., b'"' | b'\'']) && word.len() > 1);
        let inner = word.get(quotes..word.len() - quotes).unwrap_or(word);
        if let Some(secret) = words.next(inner) {
            found.push(start + quotes + secret.start..start + quotes + secret.end);
        }
        if is_last {
            words = Words::default();
        }
    }
}

/// Where the word that starts here ends: at a blank outside of quotes; a line feed is one itself.
fn word_end(text: &[u8], start: usize) -> usize {
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate().skip(start) {
        match (quote, byte) {
            (None, b' ' | b'\t') => return at,
            (None, b'\n') => return at.max(start + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(mark), byte) if mark == byte => quote = None,
            _ => {}
        }
    }
    text.len()
}
