//! URLs of HTTP: how they are read, and what of them is shown.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;
use url::Url;

use crate::setting::{Secret, SecretError};

/// Why there is no URL.
#[derive(Debug, Error)]
pub(super) enum UrlError {
    #[error("{0}; expected http://host/path or https://host/path")]
    Form(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// One that can be posted to. `shown` is what may be said of the text.
fn parse(text: &str, shown: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text);
    let url =
        url.map_err(|error| UrlError::Form(format!("{shown} is not a valid URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(UrlError::Form(format!("{shown} is not an HTTP URL")));
    }
    Ok(url)
}

pub(super) fn http<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text, &format!("{text:?}")).map_err(de::Error::custom)
}

/// As diagnostics may show it.
pub(super) fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    // Neither fails for a url that has a host.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

/// One that whoever knows it may post to: of a text no more than the host is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUrl(Secret);

impl<'de> Deserialize<'de> for SecretUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let secret = Secret::deserialize(deserializer)?;
        if let Secret::Text(text) = &secret {
            parse(text, &format!("{text:?}")).map_err(de::Error::custom)?;
        }
        Ok(Self(secret))
    }
}

impl SecretUrl {
    /// The URL, looked up now.
    pub(super) fn reveal(&self) -> Result<Url, UrlError> {
        parse(&self.0.reveal()?, &self.shown())
    }

    /// The file that it is in.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.0.file()
    }

    /// Where it leads, or where it is written.
    pub(super) fn shown(&self) -> String {
        match &self.0 {
            Secret::Text(text) => Url::parse(text).map_or_else(
                |error| error.to_string(),
                |url| match url.path() {
                    "" | "/" => without_secrets(&url),
                    _ => format!("{}/…", url.origin().ascii_serialization()),
                },
            ),
            Secret::Env { env } => format!("${env}"),
            Secret::File { file } => file.display().to_string(),
            Secret::Credential { credential } => format!("credential {}", credential.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::inline_table;

    #[derive(Debug, Deserialize)]
    struct Table {
        url: SecretUrl,
    }

    #[test]
    fn what_whoever_knows_it_may_post_to_is_not_shown() {
        for (written, shown) in [
            ("\"https://hooks.example/services/T0/B0/abc\"", "https://hooks.example/…"),
            ("\"https://user:abc@hooks.example:8443/x?key=abc\"", "https://hooks.example:8443/…"),
            ("\"http://collector/?key=abc\"", "http://collector/"),
            ("{ env = \"HOOK\" }", "$HOOK"),
            ("{ file = \"/etc/hook\" }", "/etc/hook"),
        ] {
            let Table { url } = inline_table(&format!("{{ url = {written} }}")).unwrap();
            assert_eq!(url.shown(), shown);
            assert!(!format!("{url:?}").contains("abc"));
        }
    }

    #[test]
    fn one_that_is_none_is_told_where_it_is_written_and_a_secret_one_not_shown() {
        for (url, says) in [
            ("example.com/hook", "is not a valid URL"),
            ("ftp://example.com", "is not an HTTP URL"),
            ("http://", "is not a valid URL"),
        ] {
            let error = inline_table::<Table>(&format!("{{ url = {url:?} }}")).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(says) && error.contains("https://host/path"), "{error}");
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), format!("{url}\n")).unwrap();
            let table = format!("{{ url = {{ file = {:?} }} }}", file.path());
            let Table { url: secret } = inline_table(&table).unwrap();
            let error = secret.reveal().unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains("example"), "{error}");
        }
    }
}
