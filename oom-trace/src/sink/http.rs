//! POST, as every sink that speaks HTTP does it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use ureq::http::Response;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body, Error, Proxy};
use url::Url;

use super::{Disposition, SinkError, Tls, TlsError};
use crate::setting::{Secret, reveal};

/// Bytes of an answer's body that are told.
const TOLD: u64 = 300;

/// One place to post to. The connection is kept between two posts.
#[derive(Debug)]
pub(super) struct HttpClient {
    agent: Agent,
    url: Url,
    headers: Vec<(String, String)>,
    target: String,
    meaning: fn(u16, &str) -> Meaning,
}

/// How to get there.
pub(super) struct Endpoint<'a> {
    pub(super) url: Url,
    /// What diagnostics call it.
    pub(super) target: String,
    pub(super) headers: &'a BTreeMap<String, Secret>,
    pub(super) tls: &'a Tls,
    pub(super) proxy: Option<&'a Secret>,
    pub(super) timeout: Duration,
    pub(super) meaning: fn(u16, &str) -> Meaning,
}

/// What an answer means that is no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// There is nothing left to do.
    Taken,
    /// This body is never taken.
    Refused,
    /// It may be taken another time.
    Retry,
}

/// Of what is wrong with a request only some is wrong with its body (RFC 9110 §15.5).
pub(super) fn meaning(status: u16, said: &str) -> Meaning {
    match status {
        // nginx, of a client certificate that it does not take: the title of its page.
        400 if said.contains("SSL certificate") => Meaning::Retry,
        400 | 413 | 415 | 422 => Meaning::Refused,
        _ => Meaning::Retry,
    }
}

impl HttpClient {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// A secret, or a file of TLS, cannot be had.
    pub(super) fn new(endpoint: Endpoint<'_>) -> Result<Self, SinkError> {
        let Endpoint { url, target, headers, tls, proxy, timeout, meaning } = endpoint;
        let said = |said: &dyn Display| SinkError::said("post to", target.as_str(), said);
        let headers = reveal(headers).map_err(|error| said(&error))?;
        let proxy = proxy.map(|proxy| {
            let address = proxy.reveal().map_err(|error| said(&error))?;
            // What it says of it may be a secret.
            Proxy::new(&address)
                .map_err(|_| said(&"its proxy is not a URL such as http://proxy:3128"))
        });
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy.transpose()?)
            .user_agent(concat!("oom-trace/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(timeout));
        if url.scheme() == "https" {
            config = config.tls_config(tls_config(tls).map_err(|error| said(&error))?);
        }
        Ok(Self { agent: config.build().into(), url, headers, target, meaning })
    }

    /// Hands over a body; answers that of the answer. A header that the configuration gives stands instead of ours.
    ///
    /// # Errors
    /// Nobody answers, or with another status than success, unless that means as much. One that says that
    /// the body is wrong is final.
    pub(super) fn post(
        &self,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>, SinkError> {
        self.post_below(&[], body, headers)
    }

    /// The same, with these segments behind the URL's path.
    ///
    /// # Errors
    /// As [`Self::post`].
    pub(super) fn post_below(
        &self,
        below: &[&str],
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>, SinkError> {
        let mut url = self.url.clone();
        // No URL of HTTP is without a path.
        if !below.is_empty()
            && let Ok(mut path) = url.path_segments_mut()
        {
            path.pop_if_empty().extend(below);
        }
        let mut request = self.agent.post(url.as_str());
        let given = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let is_given =
            |name: &str| self.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let ours = headers.iter().copied().filter(|(name, _)| !is_given(name));
        for (name, value) in ours.chain(given) {
            request = request.header(name, value);
        }
        let mut answer = request.send(body).map_err(|error| self.error("post to", error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = beginning(&mut answer, TOLD);
        let body = String::from_utf8_lossy(&body);
        let disposition = match (self.meaning)(status.as_u16(), &body) {
            Meaning::Taken => return Ok(answer),
            Meaning::Refused => Disposition::Refused,
            Meaning::Retry => Disposition::Retry,
        };
        let said = format!("{status} {body}");
        Err(SinkError::settled("post to", self.target.as_str(), said, disposition))
    }

    /// Whether somebody answers, whatever it is.
    ///
    /// # Errors
    /// Nobody does.
    pub(super) fn probe(&self) -> Result<(), SinkError> {
        let answer = self.agent.options(self.url.as_str()).call();
        answer.map(drop).map_err(|error| self.error("reach", error))
    }

    fn error(&self, tried: &'static str, error: Error) -> SinkError {
        match error {
            Error::Io(io) => SinkError::new(tried, self.target.as_str(), io),
            Error::ConnectionFailed => {
                let refused = io::ErrorKind::ConnectionRefused.into();
                SinkError::new(tried, self.target.as_str(), refused)
            }
            other => SinkError::said(tried, self.target.as_str(), other),
        }
    }
}

/// What came of an answer's body, so many bytes at the most: it may be of any length.
pub(super) fn beginning(answer: &mut Response<Body>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What came before it broke off is still what was said.
    let _ = answer.body_mut().as_reader().take(most).read_to_end(&mut bytes);
    bytes
}

fn tls_config(tls: &Tls) -> Result<TlsConfig, TlsError> {
    let roots = tls.roots()?;
    let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    let identity = tls.identity_pem()?.zip(tls.identity()?).map(|((_, key), (certs, _))| {
        let certs: Vec<_> =
            certs.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect();
        let key = PrivateKey::from_pem(&key)?;
        Ok::<_, Error>(ClientCert::new_with_certs(&certs, key))
    });
    let identity = identity.transpose().map_err(|error| TlsError::Said(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::new_with_certs(&roots))
        .client_cert(identity)
        .build())
}
