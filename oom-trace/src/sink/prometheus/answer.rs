//! What those who ask over HTTP are answered.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::sink::Status;
use crate::sink::metrics::Metrics;
use crate::sink::runtime::OwnRuntime;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Who scrapes at once, at the most; others wait.
const CONNECTIONS: usize = 16;

/// For a connection, from its beginning to its end.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How long the thread that reads events may take for a sign that it is there.
const SIGN: Duration = Duration::from_secs(5);

/// What can be asked for.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) metrics: Metrics,
    pub(super) agent: Arc<dyn Status>,
}

/// Answers until it is told to end, or the port is gone.
pub(super) fn run(
    runtime: &OwnRuntime,
    listener: tokio::net::TcpListener,
    known: &Arc<Known>,
    ended: tokio::sync::oneshot::Receiver<Infallible>,
) {
    runtime.block_on(async {
        tokio::select! {
            _ = serve(listener, known) => {}
            _ = ended => {}
        }
    });
}

async fn serve(listener: tokio::net::TcpListener, known: &Arc<Known>) -> io::Result<Infallible> {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptor is left, say: those that are there may end meanwhile.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let known = Arc::clone(known);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let known = Arc::clone(&known);
                async move { Ok::<_, Infallible>(answer(&request, &known).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // Who asks once a minute must not be taken for one who takes too long.
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // Who goes away, or takes too long, is let go.
            let _ = timeout(PATIENCE, connection).await;
            drop(place);
        });
    }
}

async fn answer(request: &Request<Incoming>, known: &Known) -> Response<Full<bytes::Bytes>> {
    let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_open = accept.is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            let written = match is_open {
                true => known.metrics.open_metrics(),
                false => known.metrics.text(),
            };
            match written {
                Ok(text) => (StatusCode::OK, if is_open { OPEN_METRICS } else { TEXT }, text),
                Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, error.to_string()),
            }
        }
        (&Method::GET | &Method::HEAD, "/healthz") => match is_alive(&*known.agent).await {
            true => (StatusCode::OK, TEXT, "ok\n".to_owned()),
            false => {
                let said = "no sign of the thread that reads the kernel's events\n";
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, said.to_owned())
            }
        },
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, TEXT, "not found; try /metrics or /healthz\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered\n".to_owned()),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Whether the thread that reads events gives a sign in time, where there is one by now.
async fn is_alive(agent: &dyn Status) -> bool {
    let Some(sign) = agent.ping() else { return true };
    matches!(timeout(SIGN, sign).await, Ok(Ok(())))
}
