//! OTLP over HTTP: binary protobuf.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message as _;

use super::{Compression, Export, OtlpConfig};
use crate::sink::SinkError;
use crate::sink::http::{self, Endpoint, HttpClient};
use crate::sink::url::without_secrets;

/// Where logs go (OTLP specification, "OTLP/HTTP Request").
const PATH: &str = "v1/logs";
/// Bytes of an answer that are read: a number, and a sentence.
const ANSWER: u64 = 16 << 10;

#[derive(Debug)]
pub(super) struct Http {
    client: HttpClient,
    compression: Compression,
    target: String,
}

impl Http {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, SinkError> {
        let OtlpConfig { endpoint, headers, tls, proxy, timeout, compression, .. } = config;
        let mut url = endpoint.clone();
        if matches!(url.path(), "" | "/") {
            url.set_path(PATH);
        }
        let target = without_secrets(&url);
        let (proxy, timeout) = (proxy.as_ref(), timeout.0);
        let client = HttpClient::new(Endpoint {
            url,
            target: target.clone(),
            headers,
            tls,
            proxy,
            timeout,
            meaning: http::meaning,
        })?;
        Ok(Self { client, compression: *compression, target })
    }
}

impl Export for Http {
    fn export(
        &mut self,
        request: ExportLogsServiceRequest,
    ) -> Result<ExportLogsServiceResponse, SinkError> {
        let plain = request.encode_to_vec();
        let kind = ("Content-Type", "application/x-protobuf");
        let mut answer = match self.compression {
            Compression::None => self.client.post(&plain, &[kind])?,
            Compression::Gzip => {
                let packed = gzip(&plain);
                let packed = packed.map_err(|io| SinkError::new("pack for", &*self.target, io))?;
                self.client.post(&packed, &[kind, ("Content-Encoding", "gzip")])?
            }
        };
        let body = http::beginning(&mut answer, ANSWER);
        // Some collectors answer in JSON, or nothing; that they took it is what counts.
        Ok(ExportLogsServiceResponse::decode(&*body).unwrap_or_default())
    }
}

fn gzip(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain)?;
    encoder.finish()
}
