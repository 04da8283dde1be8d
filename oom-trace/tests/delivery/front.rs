//! What stands before a collector where there is TLS: nginx, which asks for a certificate and a token.

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use tempfile::TempDir;

use crate::authority::certificates;
use crate::bench::{Line, Process, Receiver, await_all, await_that, free_port, program, records};
use crate::rotel::{Protocol, Rotel};
use crate::webhook::Http;

struct Front {
    dir: TempDir,
    port: u16,
    _process: Process,
}

impl Front {
    /// `pass` is nginx's directive to go on to the receiver.
    fn start(pass: &str) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        certificates(dir.path());
        let config = format!(
            "daemon off; master_process off; pid pid; error_log errors; events {{}}
             http {{
                 access_log off;
                 client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                 uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                 server {{
                     listen 127.0.0.1:{port} ssl http2;
                     ssl_certificate cert.pem; ssl_certificate_key key.pem;
                     ssl_client_certificate ca.pem; ssl_verify_client on;
                     location / {{
                         if ($http_authorization != \"Bearer abc\") {{ return 401; }}
                         {pass};
                     }}
                 }}
             }}"
        );
        let path = dir.path().join("nginx.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new(program("nginx", "nginx"));
        command.arg("-p").arg(dir.path()).arg("-c").arg(path).args(["-e", "errors"]);
        let mut process = Process::default();
        process.start(&mut command);
        await_that("nginx", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { dir, port, _process: process }
    }

    /// The keys of a sink that goes through here, with this token.
    fn keys(&self, token: &str) -> String {
        self.keys_of("client", &format!("\"Bearer {token}\""))
    }

    fn keys_of(&self, client: &str, authorization: &str) -> String {
        let dir = self.dir.path().display();
        format!(
            "tls = {{ ca_file = \"{dir}/ca.pem\", cert_file = \"{dir}/{client}.pem\", \
             key_file = \"{dir}/{client}.key\" }}, headers = {{ Authorization = {authorization} }}"
        )
    }

    /// The same, with a token and a certificate that are renewed.
    fn renewable(&self) -> String {
        let token = self.dir.path().join("token");
        self.keys_of("renewed", &format!("{{ file = {token:?} }}"))
    }

    /// Renews them: the certificate after this client's.
    fn renew(&self, client: &str, token: &str) {
        let at = |name: String| self.dir.path().join(name);
        for kind in ["pem", "key"] {
            fs::copy(at(format!("{client}.{kind}")), at(format!("renewed.{kind}"))).unwrap();
        }
        fs::write(at("token".to_owned()), format!("Bearer {token}\n")).unwrap();
    }
}

/// Whoever has the wrong token is told so, and all arrives once it is right, which takes no restart; an
/// authority that does not vouch for the server is told, too, and a certificate that it does not vouch for.
fn through(mut receiver: impl Receiver, pass: &str, sink: impl Fn(u16, &str) -> String) {
    receiver.start();
    let front = Front::start(pass);
    let records = records(20);
    let ca = format!("{}/ca.pem", front.dir.path().display());
    let strangers = front.keys("abc").replace(&ca, "/etc/ssl/certs/ca-certificates.crt");
    for (keys, says) in [(front.keys("wrong"), "401"), (strangers, "UnknownIssuer")] {
        let line = Line::to(&sink(front.port, &keys));
        line.send(&records);
        await_that(says, || line.totals().last_error.is_some_and(|error| error.contains(says)));
        assert_eq!((line.totals().delivered, line.totals().failed), (0, 0));
        let _ = line.close();
    }
    assert_eq!(receiver.ids(), Vec::<String>::new());

    front.renew("old", "abc");
    let line = Line::to(&sink(front.port, &front.renewable()));
    line.send(&records);
    let is_told = |before: Option<&str>| {
        let error = line.totals().last_error;
        assert_eq!((line.totals().delivered, line.totals().failed), (0, 0), "{error:?}");
        error.filter(|error| Some(error.as_str()) != before)
    };
    await_that("the old certificate's refusal", || is_told(None).is_some());
    let refused = is_told(None);
    front.renew("client", "old");
    await_that("the old token's refusal", || is_told(refused.as_deref()).is_some());
    front.renew("client", "abc");
    await_all(&receiver, &records);
    assert_eq!(line.close().lost(), 0);
    receiver.kill();
}

#[test]
fn otlp_by_grpc() {
    let rotel = Rotel::new(Protocol::Grpc);
    let pass = format!("grpc_pass grpc://127.0.0.1:{}", rotel.port());
    through(rotel, &pass, |port, keys| {
        format!("otlp:{{ endpoint = \"https://localhost:{port}\", {keys} }}")
    });
}

#[test]
fn otlp_by_http() {
    let rotel = Rotel::new(Protocol::Http);
    let pass = format!("proxy_pass http://127.0.0.1:{}", rotel.port());
    through(rotel, &pass, |port, keys| {
        format!("otlp:{{ endpoint = \"https://localhost:{port}\", protocol = \"http\", {keys} }}")
    });
}

#[test]
fn webhook() {
    let http = Http::new();
    let pass = format!("proxy_pass http://127.0.0.1:{}", http.port());
    through(http, &pass, |port, keys| {
        format!("webhook:{{ url = \"https://localhost:{port}/\", {keys} }}")
    });
}
