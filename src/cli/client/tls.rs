//! TLS to a server: whom to believe, and what to show.
//!
//! A certificate in the file of `--ca` is believed in two ways: as that of an authority, and, if the server
//! shows that very certificate, as its own. What `openssl req -x509` makes is both at once, and the usual
//! rules would refuse the second. Name and time are checked either way. Why a certificate was refused is said
//! in words here, because it is what people get wrong first.

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

/// The protocol that is spoken over it.
const PROTOCOL: &[u8] = b"h2";

/// How to know the server, and be known to it, where the address begins with https.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Tls {
    /// The authorities that vouch for the server, or its own certificate; by default the authorities that the
    /// system trusts
    #[arg(long, env = "MEMBERBASE_CA", value_name = "PEM-FILE")]
    ca: Option<PathBuf>,
    /// A certificate to show to the server, if it asks for one
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

    /// What makes connections that are encrypted so.
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
    let name = ServerName::try_from(bare).map_err(|_| broken("no certificate can be for such a name"))?;
    let tcp = peer::tcp(&host, port).await?;
    // From here on there is a server, whatever comes of it.
    let stream = connector.connect(name, tcp).await.map_err(|error| match why(&error) {
        Some(_) => error,
        None => broken(format!("the handshake of TLS broke off: {error}")),
    })?;
    if stream.get_ref().1.alpn_protocol() != Some(PROTOCOL) {
        return Err(broken("it does not speak HTTP/2 there"));
    }
    Ok(TokioIo::new(Peer::over_tls(stream, said)))
}

/// That TLS failed for a reason that its library does not know.
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

/// The usual rules, and the certificates that are believed themselves.
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
            // This is judged after the time for which the certificate is good, and before the name.
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
