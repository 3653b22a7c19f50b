//! TLS of the server. The certificate and the key are read from files, and again when these change.
//!
//! The files are checked every second, which costs little and works on every file system. If they cannot be
//! read or do not match, the old ones stay in use, and the fault is logged once per change. Open connections
//! are not affected.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How long a peer may take for the handshake after it has connected.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Most characters of the reason of a failed handshake, because some contain text from the peer.
const REASON_CHARS: usize = 200;
/// How often the files are checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The supported protocols, in order of preference.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why the TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("TLS: {}: {detail}", path.display())]
pub struct TlsError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub detail: String,
}

impl TlsError {
    fn new(path: &Path, detail: impl ToString) -> Self {
        Self { path: path.to_owned(), detail: detail.to_string() }
    }
}

/// The files for TLS.
#[derive(Debug, Clone)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// Changes when a file changes: inode, size and modification time; none if the file is missing.
type Stamp = Option<(u64, u64, i64, i64)>;

/// The TLS configuration of a server. Clones share it.
#[derive(Clone)]
pub struct Tls {
    files: Files,
    in_use: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the files of `config`; none if it has no certificate.
    pub fn load(config: &Config) -> Result<Option<Self>, TlsError> {
        let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else { return Ok(None) };
        let files = Files { cert: cert.clone(), key: key.clone(), client_ca: config.tls_client_ca.clone() };
        let in_use = Arc::new(RwLock::new(Arc::new(files.read()?)));
        Ok(Some(Self { files, in_use }))
    }

    /// Performs the handshake. Fails if the peer does not finish it in time.
    pub async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failed> {
        let current = Arc::clone(&self.in_use.read().unwrap_or_else(PoisonError::into_inner));
        let handshake = async {
            match stream.peek(&mut [0]).await {
                Ok(0) | Err(_) => Err(Failed::Silent),
                Ok(_) => TlsAcceptor::from(current).accept(stream).await.map_err(|error| Failed::of(&error)),
            }
        };
        let late = |_| Failed::Handshake("the handshake was not finished in time".to_owned());
        tokio::time::timeout(HANDSHAKE_WITHIN, handshake).await.map_err(late).flatten()
    }

    /// Reads the files again whenever they change, until the server stops.
    pub async fn follow(self, stopping: CancellationToken) {
        let mut seen = self.files.stamps();
        while stopping.run_until_cancelled(tokio::time::sleep(CHECK_EVERY)).await.is_some() {
            let stamps = self.files.stamps();
            if stamps == seen {
                continue;
            }
            seen = stamps;
            match self.files.read() {
                Ok(read) => {
                    *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                    tracing::info!("new connections use the new TLS files");
                }
                Err(error) => tracing::error!("{error}; new connections use the old TLS files"),
            }
        }
    }
}

/// Why a handshake failed.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    /// The peer closed the connection without sending anything, like a port check.
    Silent,
    /// Another reason.
    Handshake(String),
}

impl Failed {
    fn of(error: &io::Error) -> Self {
        use tokio_rustls::rustls::Error::{
            AlertReceived, InvalidCertificate, InvalidMessage, NoCertificatesPresented,
        };
        let reason = match error.get_ref().and_then(|error| error.downcast_ref()) {
            Some(InvalidMessage(_)) => "the peer does not speak TLS".to_owned(),
            Some(NoCertificatesPresented) => "the peer showed no certificate".to_owned(),
            Some(InvalidCertificate(fault)) => format!("the certificate of the peer is rejected: {fault}"),
            Some(AlertReceived(alert)) => format!("the peer rejects the connection: {alert:?}"),
            Some(other) => other.to_string(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the peer closed the connection during the handshake".to_owned()
            }
            None => error.to_string(),
        };
        Self::Handshake(reason.chars().take(REASON_CHARS).collect())
    }
}

impl Files {
    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.cert, &self.key].into_iter().chain(&self.client_ca)
    }

    fn stamps(&self) -> Vec<Stamp> {
        let stamp = |path: &PathBuf| {
            let data = std::fs::metadata(path).ok()?;
            Some((data.ino(), data.len(), data.mtime(), data.mtime_nsec()))
        };
        self.paths().map(stamp).collect()
    }

    fn read(&self) -> Result<ServerConfig, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsError::new(&self.cert, error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| TlsError::new(path, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::new(path, error))?)
            }
        };
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| TlsError::new(&self.key, error))?;
        let mut config = builder
            .with_single_cert(certificates(&self.cert)?, key)
            .map_err(|error| TlsError::new(&self.cert, error))?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::new(path, error);
    let read: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if read.is_empty() { Err(TlsError::new(path, "the file has no certificate")) } else { Ok(read) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_finish_the_handshake_is_disconnected() {
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let config = Config { tls_cert: Some(cert), tls_key: Some(key), ..Config::default() };
        let tls = Tls::load(&config).unwrap().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let ended = tokio::time::timeout(2 * HANDSHAKE_WITHIN, tls.accept(stream)).await;
        let reason = Failed::Handshake("the handshake was not finished in time".to_owned());
        assert_eq!(ended.unwrap().err(), Some(reason));
    }
}
