use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::transport::server::TcpIncoming;

use super::super::compliance::{self, Bench};
use super::super::testhttp::Server;
use super::*;
use crate::render::fixtures;
use crate::setting::inline_table;

fn sink(table: &str) -> Box<dyn Sink> {
    compliance::open::<OtlpConfig>(table).unwrap()
}

fn logs(request: ExportLogsServiceRequest) -> Vec<LogRecord> {
    let scopes = request.resource_logs.into_iter().flat_map(|logs| logs.scope_logs);
    scopes.flat_map(|logs| logs.log_records).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|any| any.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::ArrayValue(list)) => {
            let texts: Vec<_> = list.values.into_iter().map(|value| text(Some(value))).collect();
            texts.join(" ")
        }
        other => panic!("{other:?}"),
    }
}

fn text_of(log: LogRecord, attribute: &str) -> String {
    attributes(log)[attribute].clone()
}

fn attributes(log: LogRecord) -> BTreeMap<String, String> {
    log.attributes.into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

#[test]
fn complies_over_http() {
    for compression in ["none", "gzip"] {
        let (sender, ids) = channel();
        let server = Server::start(move |request| {
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/logs"));
            let body = match request.headers.get("content-encoding").map(String::as_str) {
                Some("gzip") => {
                    let mut plain = Vec::new();
                    let mut unpacked = flate2::read::GzDecoder::new(&*request.body);
                    std::io::Read::read_to_end(&mut unpacked, &mut plain).unwrap();
                    plain
                }
                _ => request.body,
            };
            for log in logs(ExportLogsServiceRequest::decode(&*body).unwrap()) {
                sender.send(text_of(log, "log.record.uid")).unwrap();
            }
            (200, ExportLogsServiceResponse::default().encode_to_vec())
        });
        let endpoint = server.url("");
        compliance::check(Bench {
            working: sink(&format!(
                "{{ endpoint = {endpoint:?}, protocol = \"http\", compression = {compression:?} }}"
            )),
            arrived: Box::new(move |count| {
                ids.iter().take(count).map(serde_json::Value::from).collect()
            }),
            broken: Some(sink("{ endpoint = \"http://127.0.0.1:1\", protocol = \"http\" }")),
        });
    }
}

/// A collector that speaks gRPC, and passes on what it takes.
struct Collector(Sender<LogRecord>);

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, tonic::Status> {
        assert_eq!(request.metadata().get("x-token").unwrap(), "abc");
        logs(request.into_inner()).into_iter().for_each(|log| self.0.send(log).unwrap());
        Ok(tonic::Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Its address, and what it takes.
fn collector() -> (String, Receiver<LogRecord>) {
    let (sender, taken) = channel();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let service = LogsServiceServer::new(Collector(sender));
            let service = service.accept_compressed(CompressionEncoding::Gzip);
            let server = tonic::transport::Server::builder();
            server.serve_with_incoming(service, TcpIncoming::from(listener)).await.unwrap();
        });
    });
    (endpoint, taken)
}

#[test]
fn complies_over_grpc() {
    for compression in ["none", "gzip"] {
        let (endpoint, taken) = collector();
        compliance::check(Bench {
            working: sink(&format!(
                "{{ endpoint = {endpoint:?}, compression = {compression:?}, \
                 headers = {{ X-Token = \"abc\" }} }}"
            )),
            arrived: Box::new(move |count| {
                let ids = taken.iter().take(count).map(|log| text_of(log, "log.record.uid"));
                ids.map(serde_json::Value::from).collect()
            }),
            broken: Some(sink("{ endpoint = \"http://127.0.0.1:1\" }")),
        });
    }
}

#[test]
fn grpc_that_nobody_answers_is_tried_again() {
    let mut sink = sink("{ endpoint = \"http://127.0.0.1:1\" }");
    let [record, ..] = compliance::records();
    for _ in 0..2 {
        let error = sink.deliver(std::slice::from_ref(&record)).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        assert!(error.to_string().contains("Connection refused"), "{error}");
    }
}

#[test]
fn what_the_collector_rejects_is_told_and_the_rest_is_taken() {
    let server = Server::start(|_| {
        let partial =
            ExportLogsPartialSuccess { rejected_log_records: 1, error_message: "too old".into() };
        let answer = ExportLogsServiceResponse { partial_success: Some(partial) };
        (200, answer.encode_to_vec())
    });
    let mut sink = sink(&format!("{{ endpoint = {:?}, protocol = \"http\" }}", server.url("")));
    let error = sink.deliver(&compliance::records()).unwrap_err();
    assert_eq!(error.disposition(), Disposition::Partial(1));
    assert!(error.to_string().ends_with("too old"), "{error}");
}

#[test]
fn a_kill_has_the_attributes_of_the_conventions_and_none_that_is_not_known() {
    let all = fixtures::all().into_iter();
    let mut all = all.filter(|(name, _)| ["everything", "unknown"].contains(name));
    let [(_, unknown), (_, everything)] = [all.next().unwrap(), all.next().unwrap()];
    let Record::OomKill(kill) = &everything else { panic!() };
    let victim = kill.victim.clone();
    let export = |record| encode::request(&[Arc::new(record)], Format::Compact, &[]).unwrap();
    let log = logs(export(everything.clone())).remove(0);
    assert_eq!(log.event_name, "oom_kill");
    assert_eq!(log.severity_text, "FATAL");
    assert_eq!(i128::from(log.time_unix_nano), everything.origin().time.unwrap().as_nanosecond());
    let got = attributes(log);
    let pod = victim.pod.unwrap();
    for (key, value) in [
        ("process.pid", victim.pid.unwrap().to_string()),
        ("process.executable.name", "memhog".into()),
        ("oom_trace.victim.comm", victim.comm.unwrap().to_utf8().into_owned()),
        ("process.owner", victim.user.unwrap()),
        ("container.id", victim.container.unwrap().id),
        ("k8s.pod.uid", pod.uid),
        ("k8s.namespace.name", pod.namespace.unwrap()),
        ("oom_trace.incident", kill.incident.clone()),
        ("log.record.uid", everything.id()),
    ] {
        assert_eq!(got.get(key), Some(&value), "{key}");
    }
    let got = attributes(logs(export(unknown)).remove(0));
    assert!(!got.contains_key("container.id") && !got.contains_key("process.owner"), "{got:#?}");
}

#[test]
fn the_resource_is_this_machine_and_what_was_added() {
    let [record, ..] = compliance::records();
    let more = [("k8s.node.name", "node-1"), ("service.name", "oom")];
    let more = more.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let request = encode::request(&[Arc::clone(&record)], Format::Compact, &more).unwrap();
    let resource = request.resource_logs[0].resource.clone().unwrap();
    let keys: Vec<_> = resource.attributes.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(keys, ["service.version", "host.name", "os.type", "k8s.node.name", "service.name"]);
    let text = |key| {
        let pair = resource.attributes.iter().find(|pair| pair.key == key).unwrap();
        text(pair.value.clone())
    };
    assert_eq!(Some(text("host.name")), record.origin().host);
    assert_eq!((text("k8s.node.name"), text("service.name")), ("node-1".into(), "oom".into()));
}

#[test]
fn the_body_may_be_the_record_itself() {
    let [record, ..] = compliance::records();
    let request = encode::request(&[Arc::clone(&record)], Format::Json, &[]).unwrap();
    let body = logs(request).remove(0).body.unwrap();
    let Some(Value::KvlistValue(map)) = body.value else { panic!("{body:?}") };
    let json = serde_json::to_value(&*record).unwrap();
    assert_eq!(map.values.len(), json.as_object().unwrap().len());
    let id = map.values.into_iter().find(|pair| pair.key == "id").unwrap();
    assert_eq!(text(id.value), record.id());
}

#[test]
fn what_cannot_be_is_told() {
    for (table, says) in [
        ("{ endpoint = \"collector:4317\" }", "https://host/path"),
        ("{ endpoint = \"http://c\", protocol = \"http/protobuf\" }", "did you mean `http`?"),
        ("{ endpoint = \"http://c\", protocol = \"udp\" }", "expected one of `grpc`, `http`"),
        ("{ endpoint = \"http://c\", compression = \"gz\" }", "did you mean `gzip`?"),
        ("{ endpoint = \"http://c\", batch = 0 }", "1 or more"),
        ("{ endpoin = \"http://c\" }", "did you mean `endpoint`?"),
    ] {
        let error = inline_table::<OtlpConfig>(table).unwrap_err().to_string();
        assert!(error.contains(says), "{table}: {error}");
    }
    let table = "{ endpoint = \"http://c\", headers = { \"a b\" = \"c\" } }";
    let error = compliance::open::<OtlpConfig>(table).unwrap_err().to_string();
    assert!(error.contains("\"a b\" is not a valid header name"), "{error}");
}
