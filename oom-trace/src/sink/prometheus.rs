//! `prometheus`: metrics for whoever scrapes `/metrics`.

mod answer;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use self::answer::{Known, run};
use super::metrics::{Metrics, most_places};
use super::runtime::OwnRuntime;
use super::{Backfill, Choice, Destination, Filter, Sink, SinkError, Status};
use crate::incident::model::Record;
use crate::render::Format;

/// How long one is waited for that may be this program.
const ASKING: Duration = Duration::from_secs(2);

/// `[[sink.prometheus]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// What the sink is called, instead of the address.
    pub name: Option<String>,
    /// Which records are counted.
    #[serde(default)]
    pub filter: Filter,
    /// `127.0.0.1:9717`; `[::]:9717` for all of this machine's addresses.
    #[serde(default = "listen")]
    pub listen: SocketAddr,
    /// How many units, pods and containers have a count of their own.
    #[serde(default = "most_places")]
    pub places: u32,
    /// Whether kills from before the agent's start are counted.
    #[serde(default = "Backfill::store")]
    pub backfill: Backfill,
}

fn listen() -> SocketAddr {
    ([127, 0, 0, 1], 9717).into()
}

impl Destination for PrometheusConfig {
    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("prometheus {}", self.listen))
    }

    fn filter(&self) -> &Filter {
        &self.filter
    }

    fn choice(&self) -> Choice {
        Choice { backfill: self.backfill, ..self.filter.clone().into() }
    }

    fn format(&self) -> Option<Format> {
        None
    }

    fn listens(&self) -> Option<SocketAddr> {
        Some(self.listen)
    }

    fn open(&self, agent: &Arc<dyn Status>) -> Result<Box<dyn Sink>, SinkError> {
        let failed = |io| SinkError::new("listen on", self.listen.to_string(), io);
        let port = port(self.listen).map_err(failed)?;
        let listener = port.try_clone().map_err(failed)?;
        let places = usize::try_from(self.places).unwrap_or(usize::MAX);
        let metrics = Metrics::new(places, agent).with_process();
        let known = Arc::new(Known { metrics, agent: Arc::clone(agent) });
        let runtime = OwnRuntime::new().map_err(failed)?;
        let registered = {
            let _in = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let idle = Some((runtime, registered));
        Ok(Box::new(Prometheus {
            name: self.name(),
            listen: self.listen,
            _port: port,
            known,
            idle,
            answering: None,
        }))
    }

    /// A port that an agent answers at is not taken from it.
    fn try_out(&self, agent: &Arc<dyn Status>) -> Result<(), SinkError> {
        match self.open(agent) {
            Err(_) if is_own(self.listen) => Ok(()),
            opened => opened.map(drop),
        }
    }
}

/// Ports that are open. Where a sink takes the place of another at a reload, both have its port for a moment, and
/// nobody who scrapes is turned away.
static PORTS: Mutex<Vec<(SocketAddr, Weak<TcpListener>)>> = Mutex::new(Vec::new());

fn port(listen: SocketAddr) -> io::Result<Arc<TcpListener>> {
    let mut ports = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    ports.retain(|(_, port)| port.strong_count() > 0);
    let mut open = ports.iter().filter(|(address, _)| *address == listen && listen.port() != 0);
    if let Some(port) = open.find_map(|(_, port)| port.upgrade()) {
        return Ok(port);
    }
    let port = Arc::new(TcpListener::bind(listen)?);
    port.set_nonblocking(true)?;
    ports.push((listen, Arc::downgrade(&port)));
    Ok(port)
}

/// Whether whoever answers there has this program's metrics.
fn is_own(listen: SocketAddr) -> bool {
    let config = ureq::Agent::config_builder().timeout_global(Some(ASKING)).proxy(None).build();
    // Who listens on all addresses answers at this one as well.
    let host = match listen.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => Ipv4Addr::LOCALHOST.into(),
        ip if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}/metrics", SocketAddr::new(host, listen.port()));
    let answer = ureq::Agent::from(config).get(url).call();
    let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
    text.is_ok_and(|text| text.contains("oom_trace_build_info"))
}

/// Counts; once it has begun a thread answers until this is dropped.
#[derive(Debug)]
struct Prometheus {
    name: String,
    listen: SocketAddr,
    /// Open as long as this is.
    _port: Arc<TcpListener>,
    known: Arc<Known>,
    /// What the thread runs, until it does. Who asks before that waits.
    idle: Option<(OwnRuntime, tokio::net::TcpListener)>,
    answering: Option<Answering>,
}

/// The thread, and what ends it.
#[derive(Debug)]
struct Answering {
    end: tokio::sync::oneshot::Sender<Infallible>,
    thread: thread::JoinHandle<()>,
}

/// From then on nobody is answered, and the port is another's.
impl Drop for Prometheus {
    fn drop(&mut self) {
        if let Some(Answering { end, thread }) = self.answering.take() {
            drop(end);
            let _ = thread.join();
        }
    }
}

impl Sink for Prometheus {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&mut self) -> Result<(), SinkError> {
        let Some((runtime, listener)) = self.idle.take() else { return Ok(()) };
        let known = Arc::clone(&self.known);
        let (end, ended) = tokio::sync::oneshot::channel();
        let answer = move || run(&runtime, listener, &known, ended);
        let thread = thread::Builder::new().name("metrics".into()).spawn(answer);
        let failed =
            |io| SinkError::new("start a thread that answers at", self.listen.to_string(), io);
        self.answering = Some(Answering { end, thread: thread.map_err(failed)? });
        Ok(())
    }

    fn batch(&self) -> usize {
        256
    }

    /// Nothing is counted twice.
    fn is_durable(&self) -> bool {
        false
    }

    fn deliver(&mut self, records: &[Arc<Record>]) -> Result<(), SinkError> {
        records.iter().for_each(|record| self.known.metrics.count(record));
        Ok(())
    }

    /// Making it has taken the port.
    fn probe(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compliance::{self, Bench};
    use super::*;
    use crate::setting::inline_table;

    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    fn sink(port: u16) -> Result<Box<dyn Sink>, SinkError> {
        let table = format!("{{ listen = \"127.0.0.1:{port}\" }}");
        let mut sink = compliance::open::<PrometheusConfig>(&table)?;
        sink.begin().map(|()| sink)
    }

    fn get(port: u16, path: &str, accept: &str) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("http://127.0.0.1:{port}{path}");
        let mut answer = agent.get(url).header("Accept", accept).call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// An alert on a counter pages somebody as a webhook does.
    #[test]
    fn kills_from_before_the_start_are_counted_only_where_that_is_asked_for() {
        let of = |table| inline_table::<PrometheusConfig>(table).unwrap().choice().backfill;
        assert_eq!(of("{}"), Backfill::Store);
        assert_eq!(of("{ backfill = \"all\" }"), Backfill::All);
    }

    #[test]
    fn nobody_else_is_served_unless_asked() {
        let config: PrometheusConfig = inline_table("{}").unwrap();
        assert!(config.listen.ip().is_loopback());
    }

    #[test]
    fn complies() {
        let port = free_port();
        compliance::check(Bench {
            working: sink(port).unwrap(),
            arrived: compliance::counted(move || get(port, "/metrics", "*/*").1),
            broken: None,
        });
    }

    /// A connection's time is that of one answer: one that was idle for longer than that would be cut
    /// off in the middle of the next.
    #[test]
    fn each_answer_has_a_connection_of_its_own() {
        use std::io::{Read as _, Write as _};
        let port = free_port();
        let _sink = sink(port).unwrap();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(answer::PATIENCE / 2)).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
    }

    #[test]
    fn who_gives_no_sign_is_not_healthy() {
        let port = free_port();
        let config = format!("{{ listen = \"127.0.0.1:{port}\" }}");
        let config: PrometheusConfig = inline_table(&config).unwrap();
        let mut sink = config.open(&compliance::hung()).unwrap();
        sink.begin().unwrap();
        assert_eq!(get(port, "/metrics", "*/*").0, 200);
        let (status, text) = get(port, "/healthz", "*/*");
        assert!(status == 503 && text.starts_with("no sign"), "{status} {text}");
    }

    #[test]
    fn it_answers_in_both_formats_and_says_when_the_port_is_taken() {
        let port = free_port();
        let mut open_sink = sink(port).unwrap();
        let [record, ..] = compliance::records();
        open_sink.deliver(&[record]).unwrap();
        let (status, text) = get(port, "/metrics", "*/*");
        assert_eq!(status, 200);
        assert!(
            text.contains("oom_trace_kills_total{scope=\"memcg\",outcome=\"killed\"} 1\n"),
            "{text}"
        );
        let (_, open) = get(port, "/metrics", "application/openmetrics-text;version=1.0.0");
        assert!(open.ends_with("# EOF\n"), "{open}");
        assert_eq!(get(port, "/healthz", "*/*"), (200, "ok\n".into()));
        assert_eq!(get(port, "/", "*/*").0, 404);
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = sink(other.local_addr().unwrap().port()).unwrap_err().to_string();
        assert!(error.contains("cannot listen on 127.0.0.1"), "{error}");
    }

    /// As a reload has it.
    #[test]
    fn one_that_takes_the_place_of_another_has_its_port() {
        let port = free_port();
        let before = sink(port).unwrap();
        let mut heir = sink(port).unwrap();
        assert_eq!(get(port, "/healthz", "*/*").0, 200);
        drop(before);
        let [record, ..] = compliance::records();
        heir.deliver(&[record]).unwrap();
        for _ in 0..3 {
            let (_, text) = get(port, "/metrics", "*/*");
            assert!(text.contains("outcome=\"killed\"} 1\n"), "{text}");
        }
    }
}
