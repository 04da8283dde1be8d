//! OTLP over gRPC.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use tokio::time::timeout;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use super::{Compression, Export, OtlpConfig};
use crate::cause::chain;
use crate::setting::{ConfigDuration, reveal};
use crate::sink::runtime::OwnRuntime;
use crate::sink::tls::{Tls, TlsError};
use crate::sink::url::without_secrets;
use crate::sink::{Disposition, SinkError};

/// A channel, which connects when it is used, in a runtime that runs only then.
#[derive(Debug)]
pub(super) struct Grpc {
    runtime: OwnRuntime,
    endpoint: Endpoint,
    channel: Option<(Channel, Instant)>,
    headers: MetadataMap,
    compression: Compression,
    /// How long an export may take.
    limit: Duration,
    target: String,
}

/// Bytes of an answer that are read: a number, and a sentence.
const ANSWER: usize = 16 << 10;
/// How long a connection is kept that nobody uses: it has no thread that would see its end.
const KEPT: Duration = Duration::from_secs(15);

impl Grpc {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, SinkError> {
        let target = without_secrets(&config.endpoint);
        let said = |said: &dyn std::fmt::Display| SinkError::said("export to", &*target, said);
        let runtime = OwnRuntime::new().map_err(|io| SinkError::new("export to", &*target, io))?;
        let endpoint = Endpoint::from_shared(config.endpoint.to_string());
        let mut endpoint = endpoint
            .and_then(|it| it.user_agent(concat!("oom-trace/", env!("CARGO_PKG_VERSION"))))
            .map_err(|error| said(&error))?;
        if config.endpoint.scheme() == "https" {
            let tls = tls_config(&config.tls).map_err(|error| said(&error))?;
            endpoint = endpoint.tls_config(tls).map_err(|error| said(&error))?;
        }
        let mut headers = MetadataMap::new();
        for (name, value) in reveal(&config.headers).map_err(|error| said(&error))? {
            let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
            let key =
                key.map_err(|_| said(&format_args!("{name:?} is not a valid header name")))?;
            let value = MetadataValue::try_from(value)
                .map_err(|_| said(&format_args!("the header {name} has an invalid value")))?;
            headers.insert(key, value);
        }
        let OtlpConfig { compression, timeout: ConfigDuration(limit), .. } = *config;
        Ok(Self { runtime, endpoint, channel: None, headers, compression, limit, target })
    }
}

impl Export for Grpc {
    fn export(
        &mut self,
        request: ExportLogsServiceRequest,
    ) -> Result<ExportLogsServiceResponse, SinkError> {
        let Self { runtime, endpoint, channel, headers, compression, limit, target } = self;
        let mut request = Request::new(request);
        *request.metadata_mut() = headers.clone();
        let answer = runtime.block_on(async {
            let kept = channel.take().filter(|(_, used)| used.elapsed() < KEPT);
            let open = kept.map_or_else(|| endpoint.connect_lazy(), |(open, _)| open);
            let mut client = LogsServiceClient::new(open.clone()).max_decoding_message_size(ANSWER);
            if *compression == Compression::Gzip {
                client = client.send_compressed(CompressionEncoding::Gzip);
            }
            // To connect is a part of it.
            let answer = timeout(*limit, client.export(request)).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(Status::deadline_exceeded(format!("no answer within {limit:?}")))
            });
            // After a failure it is to connect anew.
            *channel = answer.is_ok().then(|| (open, Instant::now()));
            answer
        });
        let answer = answer.unwrap_or_else(|| Err(Status::cancelled("it is at its end")));
        answer.map(tonic::Response::into_inner).map_err(|status| error(target, &status))
    }
}

/// Of the codes that the specification calls not retryable ("OTLP/gRPC Response") only this one says
/// that the records are wrong; the others a change of the configuration mends, here or there.
fn error(target: &str, status: &Status) -> SinkError {
    let cause = std::error::Error::source(status).map(chain);
    let why = cause.as_deref().unwrap_or_else(|| status.message());
    let said = format!("{}: {why}", status.code());
    match status.code() {
        Code::InvalidArgument => {
            SinkError::settled("export to", target, said, Disposition::Refused)
        }
        _ => SinkError::said("export to", target, said),
    }
}

fn tls_config(tls: &Tls) -> Result<ClientTlsConfig, TlsError> {
    let config = ClientTlsConfig::new().trust_anchors(tls.root_store()?.roots);
    Ok(match tls.identity_pem()? {
        Some((cert, key)) => config.identity(Identity::from_pem(cert, key)),
        None => config,
    })
}
