//! `otlp`: OpenTelemetry logs, by OTLP 1.x over gRPC or HTTP.

mod attributes;
mod encode;
mod grpc;
mod http;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message as _;
use serde::Deserialize;
use url::Url;

use self::grpc::Grpc;
use self::http::Http;
use super::url::{http as http_url, without_secrets};
use super::{Destination, Disposition, Filter, Sink, SinkError, Status, Tls};
use crate::incident::model::Record;
use crate::render::Format;
use crate::setting::{ConfigDuration, Secret, reveal};

/// `[[sink.otlp]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpConfig {
    /// What the sink is called, instead of the endpoint.
    pub name: Option<String>,
    /// Which records it gets.
    #[serde(default)]
    pub filter: Filter,
    /// `http://collector:4317`, or `https://` for TLS. Over HTTP, `/v1/logs` is added where it has no
    /// path.
    #[serde(deserialize_with = "http_url")]
    pub endpoint: Url,
    /// gRPC unless said otherwise.
    #[serde(default)]
    pub protocol: Protocol,
    /// Further headers, such as `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Further attributes of the resource, such as `k8s.node.name`.
    #[serde(default)]
    pub resource: BTreeMap<String, Secret>,
    /// For `https://`.
    #[serde(default)]
    pub tls: Tls,
    /// The proxy to go through, such as `http://proxy:3128`; over HTTP alone.
    pub proxy: Option<Secret>,
    /// How long an export may take.
    #[serde(default = "ConfigDuration::ten_seconds")]
    pub timeout: ConfigDuration,
    /// Of what is sent.
    #[serde(default)]
    pub compression: Compression,
    /// Of the body: compact unless said otherwise; with `json` it is the record as a map.
    #[serde(default = "Format::compact")]
    pub format: Format,
    /// Records of one export, at the most.
    #[serde(default = "batch")]
    pub batch: NonZeroU16,
}

/// How it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Over HTTP/2.
    #[default]
    Grpc,
    /// Binary protobuf over HTTP/1.1.
    Http,
}

/// How what is sent is made smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// It is not.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
}

fn batch() -> NonZeroU16 {
    NonZeroU16::new(100).unwrap_or(NonZeroU16::MIN)
}

impl Destination for OtlpConfig {
    fn name(&self) -> String {
        let default = || format!("otlp {}", without_secrets(&self.endpoint));
        self.name.clone().unwrap_or_else(default)
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn format(&self) -> Option<Format> {
        Some(self.format)
    }

    fn credentials(&self) -> Vec<PathBuf> {
        let Self { headers, resource, tls, proxy, .. } = self;
        let secrets = headers.values().chain(resource.values()).chain(proxy);
        secrets.filter_map(Secret::file).chain(tls.files()).collect()
    }

    fn open(&self, _: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        let exporter: Box<dyn Export> = match self.protocol {
            Protocol::Grpc if self.proxy.is_some() => {
                let target = without_secrets(&self.endpoint);
                let said = "`proxy` works only with protocol = \"http\"; use that protocol, or remove `proxy`";
                return Err(SinkError::said("export to", target, said));
            }
            Protocol::Grpc => Box::new(Grpc::new(self)?),
            Protocol::Http => Box::new(Http::new(self)?),
        };
        let target = without_secrets(&self.endpoint);
        let resource = reveal(&self.resource);
        let resource =
            resource.map_err(|error| SinkError::said("export to", target.as_str(), error))?;
        let (name, format, batch) = (self.name(), self.format, self.batch.get().into());
        Ok(Box::new(Otlp { name, target, exporter, format, resource, batch }))
    }
}

/// A collector takes 4 MiB at once, as gRPC comes.
const MOST_BYTES: usize = 2 << 20;

/// One way to hand over an export.
trait Export: Send + Debug {
    fn export(
        &mut self,
        request: ExportLogsServiceRequest,
    ) -> Result<ExportLogsServiceResponse, SinkError>;
}

/// Exports records.
#[derive(Debug)]
struct Otlp {
    name: String,
    target: String,
    exporter: Box<dyn Export>,
    format: Format,
    resource: Vec<(String, String)>,
    batch: usize,
}

impl Otlp {
    /// Adds to `rejected` what the collector will not have, which is not to be tried again (OTLP
    /// specification, "Partial Success").
    fn export(
        &mut self,
        records: &[Arc<Record>],
        rejected: &mut ExportLogsPartialSuccess,
    ) -> Result<(), SinkError> {
        let request = encode::request(records, self.format, &self.resource)
            .map_err(|io| SinkError::new("write for", self.target.as_str(), io))?;
        if request.encoded_len() > MOST_BYTES && records.len() > 1 {
            let (first, second) = records.split_at(records.len() / 2);
            self.export(first, rejected)?;
            return self.export(second, rejected);
        }
        let answer = self.exporter.export(request)?;
        if let Some(of_these) = answer.partial_success {
            rejected.rejected_log_records += of_these.rejected_log_records;
            rejected.error_message = of_these.error_message;
        }
        Ok(())
    }
}

impl Sink for Otlp {
    fn name(&self) -> &str {
        &self.name
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        let mut rejected = ExportLogsPartialSuccess::default();
        self.export(records, &mut rejected)?;
        let ExportLogsPartialSuccess { rejected_log_records, error_message } = rejected;
        match u64::try_from(rejected_log_records) {
            Ok(count @ 1..) => {
                let disposition = Disposition::Partial(count);
                Err(SinkError::settled(
                    "export to",
                    self.target.as_str(),
                    error_message,
                    disposition,
                ))
            }
            _ => Ok(()),
        }
    }

    /// An export of nothing.
    fn probe(&mut self) -> Result<(), SinkError> {
        self.exporter.export(ExportLogsServiceRequest::default()).map(drop)
    }
}

#[cfg(test)]
mod tests;
