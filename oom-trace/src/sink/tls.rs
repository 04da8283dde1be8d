//! TLS, as every sink that speaks it has it: `tls = { … }`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use thiserror::Error;

/// Whom to trust, and who we are. Without any key: whom this machine trusts, and nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// Certificates to trust in place of this machine's, PEM.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate and those it was signed with, PEM.
    pub cert_file: Option<PathBuf>,
    /// Its key, PEM.
    pub key_file: Option<PathBuf>,
}

/// Our own certificates, and the key of the first.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificates and the key as their files have them.
pub(super) type Pem = (Vec<u8>, Vec<u8>);

/// What is wrong with it.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file.
    #[error("{}: {error}", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: pem::Error,
    },
    /// Nobody could be trusted.
    #[error("{}; set `ca_file` to the certificates to trust", match path {
        Some(path) => format!("{} contains no certificate", path.display()),
        None => "this machine has no certificates to trust".to_owned(),
    })]
    NoRoots {
        /// Where they were looked for.
        path: Option<PathBuf>,
    },
    /// One of the two is missing.
    #[error("`cert_file` and `key_file` must be set together")]
    HalfIdentity,
    /// They do not fit together.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    /// The same, by another's words.
    #[error("{0}")]
    Said(String),
}

impl Tls {
    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let Self { ca_file, cert_file, key_file } = self;
        [ca_file, cert_file, key_file].into_iter().flatten().cloned()
    }

    /// Those to trust.
    ///
    /// # Errors
    /// The file cannot be read, or there is nobody.
    pub(super) fn roots(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let roots = match &self.ca_file {
            Some(path) => certificates(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        if roots.is_empty() {
            return Err(TlsError::NoRoots { path: self.ca_file.clone() });
        }
        Ok(roots)
    }

    /// Who we are, if we are to show it.
    ///
    /// # Errors
    /// A file cannot be read, or one is not named.
    pub(super) fn identity(&self) -> Result<Option<Identity>, TlsError> {
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => {
                let read = PrivateKeyDer::from_pem_file(key);
                let read = read.map_err(|error| TlsError::Pem { path: key.clone(), error })?;
                Ok(Some((certificates(cert)?, read)))
            }
            (None, None) => Ok(None),
            _ => Err(TlsError::HalfIdentity),
        }
    }

    /// The same as the files have it: the certificates and the key.
    ///
    /// # Errors
    /// As above.
    pub(super) fn identity_pem(&self) -> Result<Option<Pem>, TlsError> {
        let (Some(cert), Some(key)) = (&self.cert_file, &self.key_file) else {
            return self.identity().map(|_| None);
        };
        Ok(Some((read(cert)?, read(key)?)))
    }

    /// Those to trust, for rustls.
    ///
    /// # Errors
    /// As above.
    pub(super) fn root_store(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.roots()?);
        Ok(roots)
    }

    /// All of it, for rustls.
    ///
    /// # Errors
    /// As above, or they do not fit together.
    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let roots = self.root_store()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions()?.with_root_certificates(roots);
        Ok(Arc::new(match self.identity()? {
            Some((certs, key)) => config.with_client_auth_cert(certs, key)?,
            None => config.with_no_client_auth(),
        }))
    }
}

/// The file as it is.
///
/// # Errors
/// It cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let read = std::fs::read(path);
    read.map_err(|error| TlsError::Pem { path: path.to_owned(), error: pem::Error::Io(error) })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::Pem { path: path.to_owned(), error };
    let read = CertificateDer::pem_file_iter(path).map_err(failed)?;
    read.collect::<Result<_, _>>().map_err(failed)
}
