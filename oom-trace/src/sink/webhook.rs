//! `webhook`: each record to an HTTP server, by POST, in the form that it wants.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::body::{self, Body, BodyKeys, Template, Writer};
use super::http::{Endpoint, HttpClient};
use super::url::SecretUrl;
use super::{Backfill, Choice, Destination, Filter, Repeats, Sink, SinkError, Status, Tls};
use crate::incident::model::Record;
use crate::render::Format;
use crate::setting::{ConfigDuration, Secret};

/// `[[sink.webhook]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// What the sink is called, instead of the url.
    pub name: Option<String>,
    /// Which records it gets.
    #[serde(default)]
    pub filter: Filter,
    /// `http://` or `https://`.
    pub url: SecretUrl,
    /// Further headers, such as `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// What stands behind `Bearer` in the header `Authorization`; looked up for each post, as some are renewed.
    pub token: Option<Secret>,
    /// For `https://`.
    #[serde(default)]
    pub tls: Tls,
    /// The proxy to go through, such as `http://proxy:3128`.
    pub proxy: Option<Secret>,
    /// In which form.
    #[serde(default)]
    pub(super) body: Body,
    /// PagerDuty's, for its form.
    pub routing_key: Option<Secret>,
    /// What Kubernetes calls this node, for its form; else it is taken to be called as the host.
    pub node: Option<Secret>,
    /// The body itself, where no service's form fits.
    pub(super) template: Option<Template>,
    /// For how long kills at one place are told together.
    pub fold: Option<ConfigDuration>,
    /// Whether it is told of kills from before the agent's start.
    #[serde(default = "Backfill::store")]
    pub backfill: Backfill,
    /// How long a post may take.
    #[serde(default = "ConfigDuration::ten_seconds")]
    pub timeout: ConfigDuration,
}

impl WebhookConfig {
    fn body_keys(&self) -> BodyKeys<'_> {
        let Self { routing_key, template, node, .. } = self;
        let (routing_key, template) = (routing_key.as_ref(), template.as_ref());
        BodyKeys { routing_key, template, node: node.as_ref() }
    }
}

impl Destination for WebhookConfig {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("webhook {}", self.url.shown()))
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn choice(&self) -> Choice {
        self.body.choice(&self.filter, self.backfill, self.fold)
    }

    fn flaw(&self) -> Option<String> {
        self.body.flaw(self.body_keys())
    }

    fn format(&self) -> Option<Format> {
        Some(Format::Json)
    }

    fn credentials(&self) -> Vec<PathBuf> {
        // Not `token`, which is looked up for each post.
        let Self { url, headers, tls, proxy, routing_key, node, .. } = self;
        let secrets = headers.values().chain(proxy).chain(routing_key).chain(node);
        secrets.filter_map(Secret::file).chain(url.file()).chain(tls.files()).collect()
    }

    fn open(&self, _: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        let Self { url, headers, tls, proxy, timeout, body, .. } = self;
        let target = url.shown();
        let writer = Writer::new(*body, self.body_keys());
        let writer = writer.map_err(|error| SinkError::said("post to", &*target, error))?;
        let url = url.reveal().map_err(|error| SinkError::said("post to", &*target, error))?;
        let proxy = proxy.as_ref();
        let (timeout, meaning) = (timeout.0, writer.meaning());
        let client =
            HttpClient::new(Endpoint { url, target, headers, tls, proxy, timeout, meaning })?;
        let (name, token, body) = (self.name(), self.token.clone(), Vec::new());
        let webhook = Webhook { name, client, token, writer, body };
        webhook.authorization()?;
        Ok(Box::new(webhook))
    }
}

/// Posts each record. Who gets one twice knows it by its `Idempotency-Key`.
#[derive(Debug)]
struct Webhook {
    name: String,
    client: HttpClient,
    token: Option<Secret>,
    writer: Writer,
    body: Vec<u8>,
}

impl Webhook {
    fn authorization(&self) -> Result<Option<String>, SinkError> {
        let token = self.token.as_ref().map(Secret::reveal).transpose();
        let token = token.map_err(|error| SinkError::said("post to", self.name.as_str(), error))?;
        Ok(token.map(|token| format!("Bearer {token}")))
    }

    fn post(&mut self, record: &Record, repeats: Option<&Repeats>) -> Result<(), SinkError> {
        self.body.clear();
        self.writer
            .write(record, repeats, &mut self.body)
            .map_err(|io| SinkError::new("write for", self.name.as_str(), io))?;
        let id = body::id(record, repeats);
        let kind = self.writer.content_type();
        let mut headers = vec![("Content-Type", kind), ("Idempotency-Key", id.as_str())];
        let authorization = self.authorization()?;
        headers.extend(authorization.as_deref().map(|it| ("Authorization", it)));
        self.client.post_below(&self.writer.below(record), &self.body, &headers).map(drop)
    }
}

impl Sink for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        records.iter().try_for_each(|record| self.post(record, None))
    }

    fn deliver_repeats(&mut self, last: &Arc<Record>, repeats: &Repeats) -> Result<(), SinkError> {
        self.post(last, Some(repeats))
    }

    fn probe(&mut self) -> Result<(), SinkError> {
        self.client.probe()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use serde_json::Value;

    use super::super::Disposition;
    use super::super::compliance::{self, Bench};
    use super::super::testhttp::{Request, Server};
    use super::*;

    fn sink(table: &str) -> Box<dyn Sink> {
        compliance::open::<WebhookConfig>(table).unwrap()
    }

    /// A server that gives these answers in turn, and 200 after them.
    fn server(answers: &'static [u16]) -> (Server, Receiver<Request>) {
        let (sender, requests) = channel();
        let mut answers = answers.iter();
        let server = Server::start(move |request| {
            if request.method == "POST" {
                sender.send(request).unwrap();
            }
            (*answers.next().unwrap_or(&200), b"said so\nby the server".to_vec())
        });
        (server, requests)
    }

    #[test]
    fn complies() {
        let (server, requests) = server(&[]);
        compliance::check(Bench {
            working: sink(&format!("{{ url = {:?} }}", server.url("/hook"))),
            arrived: Box::new(move |count| {
                let _server = &server;
                let bodies = requests.iter().take(count);
                bodies.map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
            }),
            broken: Some(sink("{ url = \"http://127.0.0.1:1/\" }")),
        });
    }

    #[test]
    fn a_record_is_posted_with_its_id_and_the_headers_that_are_given() {
        let (server, requests) = server(&[]);
        let url = server.url("/hook?key=1");
        let mut sink = sink(&format!("{{ url = {url:?}, headers = {{ X-Token = \"abc\" }} }}"));
        let [record, ..] = compliance::records();
        sink.deliver(std::slice::from_ref(&record)).unwrap();
        let request = requests.recv().unwrap();
        assert_eq!(request.path, "/hook?key=1");
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("idempotency-key"), Some(record.id().as_str()));
        assert_eq!(header("x-token"), Some("abc"));
        assert!(header("user-agent").unwrap().starts_with("oom-trace/"));
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body, serde_json::to_value(&*record).unwrap());
        assert_eq!(sink.name(), format!("webhook {}", server.url("/…")));
    }

    #[test]
    fn what_is_wrong_with_the_record_is_final_and_nothing_else() {
        const STATUS: [u16; 9] = [400, 413, 422, 401, 404, 429, 500, 503, 302];
        let (server, _requests) = server(&STATUS);
        let mut sink = sink(&format!("{{ url = {:?} }}", server.url("/")));
        let [record, ..] = compliance::records();
        for status in STATUS {
            let error = sink.deliver(std::slice::from_ref(&record)).unwrap_err();
            let refused = [400, 413, 422].contains(&status);
            assert_eq!(error.disposition() == Disposition::Refused, refused, "{error}");
            let error = error.to_string();
            assert!(error.contains(&status.to_string()), "{error}");
            assert!(error.ends_with("said so by the server"), "{error}");
        }
        sink.deliver(std::slice::from_ref(&record)).unwrap();
    }

    /// The kubelet writes a token anew before it runs out.
    #[test]
    fn a_token_is_looked_up_for_each_post() {
        let (server, requests) = server(&[]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let table =
            format!("{{ url = {:?}, token = {{ file = {:?} }} }}", server.url("/"), file.path());
        let mut sink = sink(&table);
        let [record, ..] = compliance::records();
        for token in ["first", "second"] {
            std::fs::write(file.path(), format!("{token}\n")).unwrap();
            sink.deliver(std::slice::from_ref(&record)).unwrap();
            let request = requests.recv().unwrap();
            assert_eq!(request.headers["authorization"], format!("Bearer {token}"));
        }
        drop(file);
        let error = sink.deliver(std::slice::from_ref(&record)).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        assert!(error.to_string().contains("cannot read the secret"), "{error}");
        assert!(compliance::open::<WebhookConfig>(&table).is_err());
    }

    /// What no Event is taken for must not hold up those of others; one that is there is not lost.
    #[test]
    fn an_event_is_posted_to_the_namespace_of_its_pod() {
        let (sender, requests) = channel();
        let answers = [
            (201, "{}"),
            (201, "{}"),
            (409, "events \"oom-trace-1\" already exists"),
            (404, "namespaces \"shop\" not found"),
            (403, "unable to create new content in namespace shop because it is being terminated"),
            (403, "User \"system:anonymous\" cannot create resource \"events\""),
            (404, "404 page not found"),
        ];
        let mut answers = answers.into_iter();
        let server = Server::start(move |request| {
            sender.send(request.path).unwrap();
            let (status, said) = answers.next().unwrap();
            (status, said.as_bytes().to_vec())
        });
        let table = format!("{{ url = {:?}, body = \"kubernetes\" }}", server.url("/cluster/"));
        let mut sink = sink(&table);
        let [record, ..] = compliance::records();
        let mut post = |record: &Arc<Record>| {
            let done = sink.deliver(std::slice::from_ref(record));
            let path = requests.recv().unwrap();
            (done.map_err(|error| error.disposition()), path)
        };
        let of = |namespace| format!("/cluster/api/v1/namespaces/{namespace}/events");
        assert_eq!(post(&record), (Ok(()), of("default")));
        let mut kill = record.kill().unwrap().clone();
        kill.victim.pod = Some(crate::render::fixtures::pod("shop", "web-1"));
        let record = Arc::new(Record::OomKill(Box::new(kill)));
        let expected = [
            Ok(()),
            Ok(()),
            Err(Disposition::Refused),
            Err(Disposition::Refused),
            Err(Disposition::Retry),
            Err(Disposition::Retry),
        ];
        for done in expected {
            assert_eq!(post(&record), (done, of("shop")));
        }
    }
}
