//! Values as people write them in the configuration.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use parse_size::Config;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

pub use self::advice::advise;

mod advice;

/// Bytes, such as `64KiB`, `10MB` or `4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// How long, such as `90s`, `12h` or `30d`; a day has 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigDuration(pub Duration);

/// Seconds between two looks, such as `2`, `0.5` or `10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval(pub Duration);

impl ConfigDuration {
    /// What a network is given.
    #[must_use]
    pub fn ten_seconds() -> Self {
        Self(Duration::from_secs(10))
    }
}

/// A text that is no such value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingError {
    /// Not a [`ByteSize`].
    #[error("invalid size {0:?} (examples: 10MiB, 512KB, 4096)")]
    Size(String),
    /// Not an [`Interval`].
    #[error("{0:?} is not from 0.1 to 3600 seconds (examples: 2, 0.5, 10s)")]
    Interval(String),
    /// Not a [`ConfigDuration`].
    #[error("invalid duration {0:?} (examples: 90s, 12h, 30d)")]
    Duration(String),
}

impl FromStr for ByteSize {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let bytes = Config::new().parse_size(text);
        bytes.map(Self).map_err(|_| SettingError::Size(text.to_owned()))
    }
}

impl FromStr for ConfigDuration {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let span: Option<Span> = text.parse().ok();
        let duration = span
            .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok())
            .and_then(|duration| Duration::try_from(duration).ok());
        duration.map(Self).ok_or_else(|| SettingError::Duration(text.to_owned()))
    }
}

impl FromStr for Interval {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        let seconds: Option<f64> = text.trim().trim_end_matches('s').parse().ok();
        let seconds = seconds.filter(|seconds| (0.1..=3600.0).contains(seconds));
        let interval = seconds.map(|seconds| Self(Duration::from_secs_f64(seconds)));
        interval.ok_or_else(|| SettingError::Interval(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    /// A number is bytes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ByteSize;
            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"10MiB\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
                let bytes = u64::try_from(bytes);
                bytes.map(ByteSize).map_err(|_| E::custom("a size is not negative"))
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for ConfigDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ConfigDuration;
            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"30s\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ConfigDuration, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Whether a file could be made at a path, by this process, now.
///
/// # Errors
/// Its directory is missing, or cannot be written; a directory is in its place.
pub fn may_be_made(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(CWD, parent.unwrap_or(Path::new(".")), rights, AtFlags::EACCESS)?)
}

/// Something a table of the configuration must not have, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct TableError(String);

/// A whole number, of a flag.
///
/// # Errors
/// It is none.
pub fn number<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse().map_err(|_| match text.parse::<u128>() {
        Ok(_) => "the number is too large",
        Err(_) => "expected a whole number",
    })
}

/// From a table in one line, as a flag's value has it.
///
/// # Errors
/// It is none, or not one of its kind.
pub fn inline_table<T: DeserializeOwned>(text: &str) -> Result<T, TableError> {
    if !text.starts_with('{') {
        return Err(TableError("expected a table, in { }".to_owned()));
    }
    let value = toml::de::ValueDeserializer::parse(text);
    value.and_then(T::deserialize).map_err(|error| TableError(advise(error.message())))
}

/// A text that is not to stand in the configuration: `{ env = "NAME" }`, `{ file = "PATH" }` or
/// `{ credential = "NAME" }`. It may stand there nevertheless, and is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
#[serde(
    expecting = "expected a text, { env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }"
)]
pub enum Secret {
    /// The text itself.
    Text(String),
    /// In the environment.
    Env {
        /// The variable's name.
        env: String,
    },
    /// A file's first line.
    File {
        /// Its path.
        file: PathBuf,
    },
    /// What systemd gives the service, the first line of it (`LoadCredential=`, systemd.exec(5)).
    Credential {
        /// Its name there.
        credential: CredentialName,
    },
}

/// A file's name, which does not lead out of the folder of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct CredentialName(pub(crate) String);

impl TryFrom<String> for CredentialName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_plain = Path::new(&name).components().map(|it| it.as_os_str()).eq([name.as_str()]);
        let is_name = is_plain && name != ".." && name != ".";
        if is_name {
            Ok(Self(name))
        } else {
            Err("expected the name of a credential, without a path")
        }
    }
}

/// Where systemd puts a service's credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A secret that cannot be had.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error(
        "environment variable {0} is not set; set it (in a unit: EnvironmentFile=), or use {{ file = \"PATH\" }}"
    )]
    Env(String),
    /// The file cannot be read.
    #[error("cannot read the secret in {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// The service was given no such credential.
    #[error(
        "the service has no credential {0:?}; in a drop-in for the unit, write LoadCredential={0}:PATH, then \
         systemctl daemon-reload and restart"
    )]
    Credential(String),
    /// Nobody gave this process credentials.
    #[error(
        "there is no credential {0:?} here: systemd gives them to the service alone; to try it, set {CREDENTIALS} \
         to a folder that has a file of this name"
    )]
    NoCredentials(String),
}

impl Secret {
    /// The file that it is in.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Text(_) | Self::Env { .. } => None,
            Self::File { file } => Some(file.clone()),
            Self::Credential { credential } => credential_at(credential).ok(),
        }
    }

    /// The text, looked up now.
    ///
    /// # Errors
    /// It is nowhere.
    pub fn reveal(&self) -> Result<String, SecretError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Env { env } => std::env::var(env).map_err(|_| SecretError::Env(env.clone())),
            Self::File { file } => first_line(file),
            Self::Credential { credential } => first_line(&credential_at(credential)?),
        }
    }
}

fn first_line(path: &Path) -> Result<String, SecretError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().next().unwrap_or_default().to_owned()),
        Err(error) => Err(SecretError::File { path: path.to_owned(), error }),
    }
}

/// Where a credential is.
fn credential_at(CredentialName(name): &CredentialName) -> Result<PathBuf, SecretError> {
    let folder = std::env::var_os(CREDENTIALS);
    let folder = folder.ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
    let path = Path::new(&folder).join(name);
    if path.exists() { Ok(path) } else { Err(SecretError::Credential(name.clone())) }
}

/// Headers, variables and the like, with what they hold looked up.
///
/// # Errors
/// One of them cannot be had.
pub fn reveal(named: &BTreeMap<String, Secret>) -> Result<Vec<(String, String)>, SecretError> {
    named.iter().map(|(name, value)| Ok((name.clone(), value.reveal()?))).collect()
}

impl Debug for Secret {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt("Secret", f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_as_people_write_them() {
        for (text, bytes) in [("4096", 4096), ("10MiB", 10 << 20), ("1 kB", 1000)] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for (text, seconds) in
            [("90s", 90), ("30d", 30 * 86_400), ("1h 30m", 5400), ("2w", 1_209_600)]
        {
            assert_eq!(text.parse(), Ok(ConfigDuration(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["", "soon", "-3h", "10"] {
            assert!(
                text.parse::<ConfigDuration>().unwrap_err().to_string().contains("30d"),
                "{text}"
            );
        }
        assert!("big".parse::<ByteSize>().unwrap_err().to_string().contains("10MiB"));
    }

    #[test]
    fn what_is_no_number_is_told_apart_from_one_that_is_too_large() {
        assert_eq!(number::<u8>("700"), Err("the number is too large"));
        assert_eq!(number::<u8>("-1"), Err("expected a whole number"));
    }

    #[test]
    fn a_secret_is_found_and_not_shown() {
        #[derive(Debug, Deserialize)]
        struct Table {
            token: Secret,
        }
        let read = |text| toml::from_str::<Table>(text).map(|table| table.token);
        let plain = read("token = \"abc\"").unwrap();
        assert_eq!(plain.reveal().unwrap(), "abc");
        assert_eq!(format!("{plain:?}"), "Secret");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "from a file\n").unwrap();
        let text = format!("token = {{ file = {:?} }}", file.path());
        assert_eq!(read(&text).unwrap().reveal().unwrap(), "from a file");
        let absent = read("token = { env = \"OOM_TRACE_NOT_SET\" }").unwrap().reveal();
        assert!(absent.unwrap_err().to_string().contains("variable OOM_TRACE_NOT_SET is not set"));
        let none = read("token = { credential = \"hook\" }").unwrap().reveal().unwrap_err();
        assert!(none.to_string().contains("systemd gives them to the service alone"), "{none}");
        for name in ["", "..", "../hook", "/etc/passwd", "a/b"] {
            let text = format!("token = {{ credential = {name:?} }}");
            assert!(toml::from_str::<Table>(&text).is_err(), "{name}");
        }
        assert!(read("token = 7").unwrap_err().to_string().contains("{ env = \"NAME\" }"));
    }
}
