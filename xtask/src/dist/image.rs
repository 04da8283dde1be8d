//! The image for containers: an OCI layout in a tar file, which `podman load`, `docker load`,
//! `ctr images import` and `skopeo` take.
//!
//! Its form: <https://github.com/opencontainers/image-spec>. There is nothing in it but the agent and the
//! certificates to trust.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Release;
use super::archive::{Tar, gzip};
use super::sums::sha256;

const AGENT: &str = "usr/bin/oom-trace";
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The agent needs root, to load its programs; who only reads a log does not.
const PASSWD: &str =
    "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnonroot:x:65532:\n";

/// Writes it.
pub(super) fn write(release: &Release<'_>, agent: &Path) -> Result<()> {
    let Release { version, source, .. } = release;
    let created = source.time("+%Y-%m-%dT%H:%M:%SZ")?;
    let tar = layer(release, agent)?;
    let layer = gzip(&tar)?;
    let config = json!({
        "architecture": release.arch.debian,
        "os": "linux",
        "created": created,
        "config": {
            "User": "0:0",
            "Entrypoint": [format!("/{AGENT}")],
            "Env": ["PATH=/usr/bin", format!("SSL_CERT_FILE=/{CERTIFICATES}")],
            "Labels": labels(release, &created),
        },
        "rootfs": { "type": "layers", "diff_ids": [digest(&tar)] },
        "history": [{ "created": created, "created_by": "cargo xtask dist" }],
    });
    let config = serde_json::to_vec(&config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described("application/vnd.oci.image.config.v1+json", &config),
        "layers": [described("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
        "annotations": labels(release, &created),
    });
    let manifest = serde_json::to_vec(&manifest)?;
    let mut found = described("application/vnd.oci.image.manifest.v1+json", &manifest);
    if let Value::Object(found) = &mut found {
        let platform = json!({ "architecture": release.arch.debian, "os": "linux" });
        found.insert("platform".to_owned(), platform);
        let names = json!({
            "org.opencontainers.image.ref.name": version,
            "io.containerd.image.name": format!("docker.io/library/oom-trace:{version}"),
        });
        found.insert("annotations".to_owned(), names);
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [found],
    });
    // For the `docker load` of before it knew layouts.
    let of_docker = json!([{
        "Config": place(&config),
        "RepoTags": [format!("oom-trace:{version}")],
        "Layers": [place(&layer)],
    }]);
    let mut files = vec![
        ("index.json".to_owned(), serde_json::to_vec(&index)?),
        ("manifest.json".to_owned(), serde_json::to_vec(&of_docker)?),
        ("oci-layout".to_owned(), serde_json::to_vec(&json!({ "imageLayoutVersion": "1.0.0" }))?),
    ];
    files.extend([config, manifest, layer].map(|blob| (place(&blob), blob)));
    files.sort();
    let mut tar = Tar::new(Vec::new(), source.epoch);
    tar.folder("blobs", 0o755)?;
    tar.folder("blobs/sha256", 0o755)?;
    for (name, bytes) in &files {
        tar.file(name, 0o644, bytes)?;
    }
    let path = release.file(".oci.tar");
    fs::write(&path, tar.finish()?).with_context(|| format!("cannot write {}", path.display()))
}

fn layer(release: &Release<'_>, agent: &Path) -> Result<Vec<u8>> {
    let mut tar = Tar::new(Vec::new(), release.source.epoch);
    tar.folder("etc", 0o755)?;
    tar.file("etc/group", 0o644, GROUP.as_bytes())?;
    tar.file("etc/passwd", 0o644, PASSWD.as_bytes())?;
    tar.folder("etc/ssl", 0o755)?;
    tar.folder("etc/ssl/certs", 0o755)?;
    tar.file(CERTIFICATES, 0o644, certificates()?.as_bytes())?;
    tar.folder("tmp", 0o1777)?;
    tar.folder("usr", 0o755)?;
    tar.folder("usr/bin", 0o755)?;
    tar.file(AGENT, 0o755, &fs::read(agent)?)?;
    tar.finish()
}

/// Mozilla's, of the version that Cargo.lock has: those of the machine that builds would differ.
fn certificates() -> Result<String> {
    let mut text = String::new();
    for certificate in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let body = STANDARD.encode(certificate);
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in body.as_bytes().chunks(64) {
            writeln!(text, "{}", str::from_utf8(line)?)?;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    Ok(text)
}

fn labels(release: &Release<'_>, created: &str) -> Value {
    json!({
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.description": "Tells everything about Linux OOM kills",
        "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
        "org.opencontainers.image.revision": release.source.commit,
        "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
        "org.opencontainers.image.title": "oom-trace",
        "org.opencontainers.image.version": release.version,
    })
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", sha256(bytes))
}

fn place(blob: &[u8]) -> String {
    format!("blobs/sha256/{}", sha256(blob))
}

fn described(kind: &str, blob: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": digest(blob), "size": blob.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_are_those_that_people_trust() {
        let text = certificates().unwrap();
        assert!(text.matches("-----BEGIN CERTIFICATE-----").count() > 100);
        assert!(text.lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn a_blob_lies_where_its_digest_says() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(place(b""), format!("blobs/sha256/{empty}"));
        assert_eq!(described("x", b"")["digest"], format!("sha256:{empty}"));
    }
}
