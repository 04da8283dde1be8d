//! OTLP over gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use tokio::runtime::{Builder, Runtime};
use tonic::codec::CompressionEncoding;
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use super::{Compression, Export, OtlpConfig};
use crate::sink::http::{reveal, without_secrets};
use crate::sink::tls::{Tls, TlsError};
use crate::sink::{Fate, SinkError};

/// A channel, which connects when it is used, in a runtime that runs only then.
#[derive(Debug)]
pub(super) struct Grpc {
    runtime: Runtime,
    endpoint: Endpoint,
    channel: Option<Channel>,
    headers: MetadataMap,
    compression: Compression,
    target: String,
}

impl Grpc {
    pub(super) fn new(config: &OtlpConfig) -> Result<Self, SinkError> {
        let target = without_secrets(&config.endpoint);
        let said = |said: &dyn std::fmt::Display| SinkError::said("export to", &*target, said);
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|io| SinkError::new("export to", &*target, io))?;
        let endpoint = Endpoint::from_shared(config.endpoint.to_string());
        let mut endpoint = endpoint
            .and_then(|it| it.user_agent(concat!("oom-trace/", env!("CARGO_PKG_VERSION"))))
            .map_err(|error| said(&error))?
            .connect_timeout(config.timeout.0)
            .timeout(config.timeout.0);
        if config.endpoint.scheme() == "https" {
            let tls = tls_config(&config.tls).map_err(|error| said(&error))?;
            endpoint = endpoint.tls_config(tls).map_err(|error| said(&error))?;
        }
        let mut headers = MetadataMap::new();
        for (name, value) in reveal(&config.headers).map_err(|error| said(&error))? {
            let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
            let key = key.map_err(|_| said(&format_args!("{name:?} is no name of a header")))?;
            let value = MetadataValue::try_from(value)
                .map_err(|_| said(&format_args!("the header {name} has a value that is none")))?;
            headers.insert(key, value);
        }
        let compression = config.compression;
        Ok(Self { runtime, endpoint, channel: None, headers, compression, target })
    }
}

impl Export for Grpc {
    fn export(
        &mut self,
        request: ExportLogsServiceRequest,
    ) -> Result<ExportLogsServiceResponse, SinkError> {
        let Self { runtime, endpoint, channel, headers, compression, target } = self;
        let mut request = Request::new(request);
        *request.metadata_mut() = headers.clone();
        let answer = runtime.block_on(async {
            let open = channel.take().unwrap_or_else(|| endpoint.connect_lazy());
            let mut client = LogsServiceClient::new(open.clone());
            if *compression == Compression::Gzip {
                client = client.send_compressed(CompressionEncoding::Gzip);
            }
            let answer = client.export(request).await;
            // Another time it is to connect anew.
            *channel = answer.is_ok().then_some(open);
            answer
        });
        answer.map(tonic::Response::into_inner).map_err(|status| error(target, &status))
    }
}

/// Of the codes that the specification calls not retryable ("OTLP/gRPC Response") only this one says
/// that the records are wrong; the others a change of the configuration mends, here or there.
fn error(target: &str, status: &Status) -> SinkError {
    let mut said = format!("{}: {}", status.code(), status.message());
    let mut source = std::error::Error::source(status);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    match status.code() {
        Code::InvalidArgument => SinkError::settled("export to", target, said, Fate::Refused),
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
