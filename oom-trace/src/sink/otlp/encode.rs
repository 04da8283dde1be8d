//! Records as log records of OpenTelemetry (data model of logs, OTLP 1.x).

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attributes::{Attributes, attributes};
use crate::incident::model::Record;
use crate::render::{Format, Style, render};
use crate::sink::severity::Severity;

const NAME: &str = "oom-trace";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// All of them are of this machine; `more` is told of it besides.
pub(super) fn request(
    records: &[Arc<Record>],
    format: Format,
    more: &[(String, String)],
) -> io::Result<ExportLogsServiceRequest> {
    let logs = records.iter().map(|record| log(record, format)).collect::<io::Result<_>>()?;
    let scope = InstrumentationScope {
        name: NAME.into(),
        version: VERSION.into(),
        ..InstrumentationScope::default()
    };
    let scope_logs = ScopeLogs { scope: Some(scope), log_records: logs, ..ScopeLogs::default() };
    let resource = records.first().map(|record| resource(record, more));
    let resource_logs =
        ResourceLogs { resource, scope_logs: vec![scope_logs], ..ResourceLogs::default() };
    Ok(ExportLogsServiceRequest { resource_logs: vec![resource_logs] })
}

/// Semantic conventions: service, host, os. What was added replaces what is of the same name.
fn resource(record: &Record, more: &[(String, String)]) -> Resource {
    let mut attributes = Attributes::default();
    for (key, text) in [
        ("service.name", Some(NAME)),
        ("service.version", Some(VERSION)),
        ("host.name", record.origin().host.as_deref()),
        ("os.type", Some("linux")),
    ] {
        if !more.iter().any(|(other, _)| other == key) {
            attributes.text(key, text);
        }
    }
    more.iter().for_each(|(key, text)| attributes.text(key, Some(text)));
    Resource { attributes: attributes.done(), ..Resource::default() }
}

fn log(record: &Record, format: Format) -> io::Result<LogRecord> {
    let nanos = |time: Timestamp| u64::try_from(time.as_nanosecond()).unwrap_or(0);
    let severity = severity(Severity::of(record));
    Ok(LogRecord {
        // Zero is "unknown" there.
        time_unix_nano: record.origin().time.map_or(0, nanos),
        observed_time_unix_nano: nanos(Timestamp::now()),
        severity_number: severity.into(),
        severity_text: severity.as_str_name().trim_start_matches("SEVERITY_NUMBER_").into(),
        body: Some(body(record, format)?),
        attributes: attributes(record),
        event_name: record.kind().into(),
        ..LogRecord::default()
    })
}

/// As OpenTelemetry maps syslog's grades (data model of logs, appendix B), but that the end of a
/// process is fatal there, and so is what is worse.
const fn severity(severity: Severity) -> SeverityNumber {
    match severity {
        Severity::Emergency => SeverityNumber::Fatal4,
        Severity::Critical => SeverityNumber::Fatal,
        Severity::Error => SeverityNumber::Error,
        Severity::Warning => SeverityNumber::Warn,
        Severity::Notice => SeverityNumber::Info2,
        Severity::Info => SeverityNumber::Info,
    }
}

fn body(record: &Record, format: Format) -> io::Result<AnyValue> {
    if format == Format::Json {
        return Ok(value(serde_json::to_value(record)?));
    }
    let mut text = Vec::new();
    render(record, format, Style::default(), &mut text)?;
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    Ok(AnyValue { value: Some(Value::StringValue(text)) })
}

/// JSON as it is there; `null` is a value that has none.
fn value(json: serde_json::Value) -> AnyValue {
    use serde_json::Value as Json;
    let value = match json {
        Json::Null => None,
        Json::Bool(is) => Some(Value::BoolValue(is)),
        Json::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::IntValue(integer),
            (None, Some(float)) if number.is_f64() => Value::DoubleValue(float),
            // Beyond what the protocol has for integers.
            _ => Value::StringValue(number.to_string()),
        }),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Array(list) => {
            Some(Value::ArrayValue(ArrayValue { values: list.into_iter().map(value).collect() }))
        }
        Json::Object(map) => Some(Value::KvlistValue(KeyValueList {
            values: map
                .into_iter()
                .map(|(key, json)| KeyValue {
                    key,
                    value: Some(value(json)),
                    ..KeyValue::default()
                })
                .collect(),
        })),
    };
    AnyValue { value }
}
