//! Certificates for a test, made with openssl.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::program;

/// Makes `ca.pem`, and what it vouches for: `cert.pem` and `key.pem` of localhost, `client.pem` and
/// `client.key` of somebody, and `old.pem` and `old.key`, which it does not vouch for.
pub(crate) fn certificates(dir: &Path) {
    let openssl = program("openssl", "openssl");
    fs::write(dir.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out request.pem",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san \
         -out cert.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=somebody -keyout client.key -out client.csr",
        "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san \
         -out client.pem",
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=somebody -keyout old.key -out old.pem",
    ] {
        let done = Command::new(&openssl).args(line.split(' ')).current_dir(dir).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}
