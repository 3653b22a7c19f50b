//! TLS to a server: which certificates to trust, and which to present.
//!
//! A certificate in the file of `--ca` is trusted in two ways: as that of an authority, and, if the server
//! presents this very certificate, as its own. `openssl req -x509` makes certificates that are both, and the
//! usual rules reject the second use. Name and validity period are checked either way. A rejected certificate
//! is explained in plain words, because it is the most frequent mistake.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use super::peer::{self, Peer, Said};
use super::tls_fault::{is_authority, why};
use crate::cli::Error;

/// The protocol inside TLS.
const PROTOCOL: &[u8] = b"h2";

/// How to authenticate the server, and the client to it, if the address begins with https.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Tls {
    /// The authorities to trust, or the own certificate of the server [default: the authorities that the
    /// system trusts]
    #[arg(long, env = "MEMBERBASE_CA", value_name = "PEM-FILE")]
    ca: Option<PathBuf>,
    /// A certificate to present to the server, if it requires one
    #[arg(long, env = "MEMBERBASE_CLIENT_CERT", value_name = "PEM-FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, env = "MEMBERBASE_CLIENT_KEY", value_name = "PEM-FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
}

impl Tls {
    /// The files that are read to connect.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.ca, &self.client_cert, &self.client_key].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Makes encrypted connections with these settings.
    pub fn connector(&self) -> Result<TlsConnector, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier =
            |roots| WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let unusable = |path: &Path, error: &dyn StdError| unusable(path, error);
        let (path, pinned) = match &self.ca {
            Some(path) => (path.as_path(), certificates(path)?),
            None => (Path::new("the system's authorities"), Vec::new()),
        };
        let mut roots = RootCertStore::empty();
        for certificate in &pinned {
            roots.add(certificate.clone()).map_err(|error| unusable(path, &error))?;
        }
        if self.ca.is_none() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let usual = verifier(roots).build().map_err(|error| unusable(path, &error))?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(path, &error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { usual, pinned }));
        let mut config = match (&self.client_cert, &self.client_key) {
            (Some(cert), Some(key_path)) => {
                let key =
                    PrivateKeyDer::from_pem_file(key_path).map_err(|error| unusable(key_path, &error))?;
                builder
                    .with_client_auth_cert(certificates(cert)?, key)
                    .map_err(|error| unusable(cert, &error))?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// An encrypted connection to `host`, which the server's certificate must be for.
pub async fn connect(
    connector: TlsConnector,
    host: String,
    port: u16,
    said: Said,
) -> io::Result<TokioIo<Peer<TlsStream<TcpStream>>>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name =
        ServerName::try_from(bare).map_err(|_| broken("no certificate can be issued for this name"))?;
    let tcp = peer::tcp(&host, port).await?;
    // From here on there is a server: an error is no longer about reaching it.
    let stream = connector.connect(name, tcp).await.map_err(|error| match why(&error) {
        Some(_) => error,
        None => broken(format!("the TLS handshake failed: {error}")),
    })?;
    if stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
        return Err(broken("it does not speak HTTP/2"));
    }
    Ok(TokioIo::new(Peer::over_tls(stream, said)))
}

/// A TLS error for a reason that the library does not know.
fn broken(reason: impl Into<String>) -> io::Error {
    io::Error::other(TlsError::General(reason.into()))
}

fn unusable(path: &Path, error: &dyn StdError) -> Error {
    Error::Usage(format!("{} cannot be used for TLS: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |error| unusable(path, &error);
    let read: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    if read.is_empty() {
        return Err(Error::Usage(format!("{} has no certificate", path.display())));
    }
    Ok(read)
}

/// The usual rules, and the certificates that are trusted themselves.
#[derive(Debug)]
struct Pinned {
    usual: Arc<WebPkiServerVerifier>,
    pinned: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let judged =
            self.usual.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match judged {
            // The library reports this error after it has checked the validity period, and before the name.
            Err(error) if is_authority(&error) && self.pinned.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.usual.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
