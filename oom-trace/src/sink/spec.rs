//! Which kinds of sink there are, and how one is asked for: `[[sink.KIND]]` in the configuration,
//! `--sink 'KIND:{ … }'` on the command line.

use std::fmt::{self, Formatter};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::Destination;
use super::exec::ExecConfig;
use super::file::FileConfig;
use super::journald::JournaldConfig;
#[cfg(feature = "network")]
use super::otlp::OtlpConfig;
#[cfg(feature = "network")]
use super::prometheus::PrometheusConfig;
use super::syslog::SyslogConfig;
use super::textfile::TextfileConfig;
#[cfg(feature = "network")]
use super::webhook::WebhookConfig;
use crate::setting::{TableError, advise, inline_table};

macro_rules! kinds {
    ($($(#[$only:meta])* $kind:ident: $config:ident, $example:literal);+ $(;)?) => {
        /// The kinds, as the configuration names them.
        pub const KINDS: &[&str] = &[$($(#[$only])* stringify!($kind)),+];

        /// One sink that is asked for.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each is called as its kind")]
        pub enum Spec {
            $($(#[$only])* $config($config)),+
        }

        impl Spec {
            /// Its settings.
            #[must_use]
            pub fn destination(&self) -> &dyn Destination {
                match self {
                    $($(#[$only])* Self::$config(config) => config),+
                }
            }

            fn parse(kind: &str, table: &str) -> Result<Self, SpecError> {
                match kind {
                    $($(#[$only])* stringify!($kind) => {
                        let example = concat!(stringify!($kind), ":", $example);
                        let config = inline_table(table);
                        config.map(Self::$config).map_err(|error| SpecError::Table { error, example })
                    })+
                    _ => Err(SpecError::Kind { kind: kind.to_owned() }),
                }
            }
        }

        /// `[[sink.KIND]]`; of one table of a kind, `[sink.KIND]` is enough.
        #[derive(Debug, Clone, PartialEq, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Tables {
            $($(#[$only])* #[serde(deserialize_with = "one_or_many")] $kind: Vec<$config>),+
        }

        impl Tables {
            /// All of them.
            #[must_use]
            pub fn specs(self) -> Vec<Spec> {
                let mut specs = Vec::new();
                $($(#[$only])* specs.extend(self.$kind.into_iter().map(Spec::$config));)+
                specs
            }
        }
    };
}

kinds! {
    file: FileConfig, "{ path = \"/var/log/oom.json\" }";
    journald: JournaldConfig, "{ filter = { scope = [\"memcg\"] } }";
    syslog: SyslogConfig, "{ url = \"tcp://log:601\" }";
    #[cfg(feature = "network")]
    otlp: OtlpConfig, "{ endpoint = \"http://localhost:4318\" }";
    #[cfg(feature = "network")]
    webhook: WebhookConfig, "{ url = \"https://example.com/hook\", body = \"slack\" }";
    exec: ExecConfig, "{ command = [\"/usr/local/bin/on-oom\"] }";
    #[cfg(feature = "network")]
    prometheus: PrometheusConfig, "{ listen = \"127.0.0.1:9717\" }";
    textfile: TextfileConfig, "{ path = \"/var/lib/node_exporter/oom.prom\" }";
}

/// What is wrong with a `--sink`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// Nothing is called so.
    #[error("{}", advise(&format!("unknown sink type `{kind}`, expected one of `{}`", KINDS.join("`, `"))))]
    Kind {
        /// What was written.
        kind: String,
    },
    /// The table is not one of its kind.
    #[error("{error} (example: '{example}')")]
    Table {
        /// What is wrong.
        error: TableError,
        /// What would be right.
        example: &'static str,
    },
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (kind, table) = text.split_once(':').unwrap_or((text, "{}"));
        Self::parse(kind, table.trim())
    }
}

fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Visitor<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
            f.write_str("a table of settings")
        }
        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, mut tables: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(table) = tables.next_element()? {
                all.push(table);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Visitor(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::model::RecordType;
    use crate::render::Format;

    #[test]
    fn a_sink_is_asked_for_in_a_line() {
        let spec: Spec = "file:{ path = \"/x\", format = \"kernel\" }".parse().unwrap();
        assert_eq!(spec.destination().name(), "/x");
        assert_eq!(spec.destination().format(), Some(Format::Kernel));
        for (text, says) in [
            ("fil:{}", "unknown sink type `fil`; did you mean `file`?"),
            ("file", "missing key `path`"),
            ("carrier", "unknown sink type `carrier`; expected one of `file`, `"),
            ("file:{ pth = 1 }", "unknown key `pth`; did you mean `path`?"),
            ("file:{", "inline table"),
        ] {
            let error = text.parse::<Spec>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_would_be_right() {
        for kind in KINDS {
            for text in [format!("{kind}:x"), format!("{kind}:{{ nosuch = 1 }}")] {
                let error = text.parse::<Spec>().unwrap_err().to_string();
                let (_, example) = error.split_once("(example: '").unwrap();
                let example = example.strip_suffix("')").unwrap();
                assert!(example.starts_with(&format!("{kind}:{{")), "{error}");
                assert!(example.parse::<Spec>().is_ok(), "{error}");
            }
        }
        let error = "syslog".parse::<Spec>().unwrap_err().to_string();
        assert_eq!(error, "missing key `url` (example: 'syslog:{ url = \"tcp://log:601\" }')");
    }

    #[test]
    fn each_kind_chooses_the_types_of_records() {
        const NEEDED: [(&str, &str); 6] = [
            ("file", "path = \"/x\""),
            ("syslog", "url = \"udp://x\""),
            ("otlp", "endpoint = \"http://x\""),
            ("webhook", "url = \"http://x/\", body = \"slack\""),
            ("exec", "command = [\"/x\"]"),
            ("textfile", "path = \"/x.prom\""),
        ];
        for kind in KINDS {
            let needed = NEEDED.iter().find(|(name, _)| name == kind).map(|(_, keys)| *keys);
            let mut keys: Vec<_> = needed.into_iter().collect();
            keys.push("filter = { type = [\"oom_panic\", \"agent\"] }");
            let spec: Spec = format!("{kind}:{{ {} }}", keys.join(", ")).parse().unwrap();
            let types = spec.destination().choice().filter.types;
            assert_eq!(types, [RecordType::OomPanic, RecordType::Agent], "{kind}");
        }
    }

    #[test]
    fn one_table_or_several() {
        let count = |text| toml::from_str::<Tables>(text).unwrap().specs().len();
        assert_eq!(count("[file]\npath = \"/x\""), 1);
        assert_eq!(count("[[file]]\npath = \"/x\"\n[[file]]\npath = \"/y\""), 2);
    }
}
