//! Encrypted connections that the server begins: whom they trust, and what they present.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The files that are read.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The authorities that are trusted; without it, those of the system.
    pub ca: Option<PathBuf>,
    /// The own certificate and its key, for servers that want to see one.
    pub own: Option<(PathBuf, PathBuf)>,
}

/// Why no encrypted connection can be made.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used for TLS: {detail}", path.display())]
pub struct Unusable {
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    detail: String,
}

impl Unusable {
    fn new(path: &Path, detail: impl Display) -> Self {
        Self { path: path.to_owned(), detail: detail.to_string() }
    }
}

impl Files {
    /// Reads the files. `protocol` is spoken inside TLS.
    pub fn connector(&self, protocol: &[u8]) -> Result<TlsConnector, Unusable> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Unusable::new(Path::new("this program"), error))?
            .with_root_certificates(self.roots()?);
        let mut config = match &self.own {
            Some((cert, key_path)) => {
                let key =
                    PrivateKeyDer::from_pem_file(key_path).map_err(|error| Unusable::new(key_path, error))?;
                builder
                    .with_client_auth_cert(certificates(cert)?, key)
                    .map_err(|error| Unusable::new(cert, error))?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn roots(&self) -> Result<RootCertStore, Unusable> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.ca else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            return Ok(roots);
        };
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| Unusable::new(path, error))?;
        }
        Ok(roots)
    }
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found = read.map_err(|error| Unusable::new(path, error))?;
    if found.is_empty() { Err(Unusable::new(path, "it has no certificate")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, absent) = (folder.path().join("empty.pem"), folder.path().join("absent.pem"));
        std::fs::write(&empty, "").unwrap();
        for (files, path) in [
            (Files { ca: Some(empty.clone()), own: None }, &empty),
            (Files { ca: Some(absent.clone()), own: None }, &absent),
            (Files { ca: None, own: Some((absent.clone(), empty.clone())) }, &empty),
        ] {
            let error = files.connector(b"h2").err().unwrap().to_string();
            assert!(error.contains(path.to_str().unwrap()) && error.contains("for TLS"), "{error}");
        }
    }
}
