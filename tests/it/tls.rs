//! TLS, with certificates that the tests issue, and with clients that trust their authority or do not.

mod console;
mod log;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use memberbase::config::Config;
use memberbase::server::{self, Running};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{PATIENCE, Process, command, config};

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub struct Issued {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn issue(&self) -> Issued {
        let params = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        Issued { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// A server with certificate files in a separate folder.
struct Server {
    running: Running,
    folder: TempDir,
}

impl Server {
    async fn start(issued: &Issued, client_ca: Option<&Authority>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        install(folder.path(), issued);
        let tls_client_ca = client_ca.map(|authority| {
            fs::write(path("ca.pem"), authority.pem()).unwrap();
            path("ca.pem")
        });
        let config = Config {
            tls_cert: Some(path("cert.pem")),
            tls_key: Some(path("key.pem")),
            tls_client_ca,
            ..config(&path("data"))
        };
        Self { running: server::start(config).await.unwrap(), folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self) -> String {
        format!("https://{}", self.running.address())
    }

    async fn connect(
        &self,
        authority: &Authority,
        identity: Option<&Issued>,
    ) -> Result<Channel, tonic::transport::Error> {
        channel(&self.url(), authority, identity).await
    }

    /// Whether a client with this authority and identity gets a reply.
    async fn answers(&self, authority: &Authority, identity: Option<&Issued>) -> bool {
        let Ok(channel) = self.connect(authority, identity).await else { return false };
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_ok()
    }
}

/// Connects to an address with this authority and identity.
pub async fn channel(
    url: &str,
    authority: &Authority,
    identity: Option<&Issued>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()));
    if let Some(Issued { cert, key }) = identity {
        tls = tls.identity(Identity::from_pem(cert, key));
    }
    Endpoint::from_shared(url.to_owned()).unwrap().tls_config(tls).unwrap().timeout(PATIENCE).connect().await
}

/// Replaces certificate and key in one step each, as tools that renew certificates do.
pub fn install(folder: &Path, issued: &Issued) {
    for (name, text) in [("cert.pem", &issued.cert), ("key.pem", &issued.key)] {
        let new = folder.join(format!("{name}.new"));
        fs::File::create(&new).unwrap().write_all(text.as_bytes()).unwrap();
        fs::rename(new, folder.join(name)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_connect_over_tls_only_to_a_server_whose_authority_they_trust() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = Server::start(&authority.issue(), None).await;
    assert!(server.answers(&authority, None).await);
    assert!(!server.answers(&stranger, None).await);
    let plain = Endpoint::from_shared(server.url().replace("https", "http")).unwrap().connect().await;
    let refused = match plain {
        Ok(channel) => HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    server.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_client_authority_serves_only_its_clients() {
    let (authority, clients, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let server = Server::start(&authority.issue(), Some(&clients)).await;
    assert!(server.answers(&authority, Some(&clients.issue())).await);
    assert!(!server.answers(&authority, None).await);
    assert!(!server.answers(&authority, Some(&stranger.issue())).await);
    server.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_files_are_used_without_a_restart_and_bad_ones_are_not() {
    let (first, second) = (Authority::new(), Authority::new());
    let server = Server::start(&first.issue(), None).await;
    let open = server.connect(&first, None).await.unwrap();
    fs::write(server.file("cert.pem"), "no certificate").unwrap();
    assert!(server.answers(&first, None).await);
    install(server.folder.path(), &second.issue());
    // Each attempt is a handshake; meanwhile the server checks the files.
    while !server.answers(&second, None).await {}
    assert!(!server.answers(&first, None).await);
    // Existing connections stay open.
    HealthClient::new(open).check(HealthCheckRequest::default()).await.unwrap();
    server.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_start_without_a_matching_key() {
    let authority = Authority::new();
    let (one, other) = (authority.issue(), authority.issue());
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), &Issued { cert: one.cert, key: other.key });
    for name in ["key.pem", "nowhere.pem"] {
        let config = Config {
            tls_cert: Some(folder.path().join("cert.pem")),
            tls_key: Some(folder.path().join(name)),
            ..config(&folder.path().join("data"))
        };
        let error = server::start(config).await.err().unwrap().to_string();
        assert!(error.starts_with("TLS: ") && error.contains(".pem"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_speaks_https_with_an_authority_and_a_certificate() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = Server::start(&authority.issue(), Some(&clients)).await;
    fs::write(server.file("server-ca.pem"), authority.pem()).unwrap();
    let issued = clients.issue();
    fs::write(server.file("client.pem"), issued.cert).unwrap();
    fs::write(server.file("client-key.pem"), issued.key).unwrap();
    let get = |with: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
        command.args(["get", "--server", &server.url(), "--id", "m_00000000000000000000000000"]);
        for (flag, file) in with {
            command.arg(flag).arg(server.file(file));
        }
        command.output().unwrap().status.code()
    };
    let all =
        [("--ca", "server-ca.pem"), ("--client-cert", "client.pem"), ("--client-key", "client-key.pem")];
    // 1: the server replied that there is no such member. 69: the server could not be reached.
    assert_eq!(get(&all), Some(1));
    assert_eq!(get(&all[..1]), Some(69));
    assert_eq!(get(&[]), Some(69));
    server.running.stop().await.unwrap();
}

/// The exit code and the error text of `memberbase get` at this server.
fn get_with(server: &Server, url: &str, ca: Option<&str>) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.args(["get", "--server", url, "--id", "m_00000000000000000000000000"]);
    if let Some(ca) = ca {
        command.arg("--ca").arg(server.file(ca));
    }
    let output = command.env_remove("MEMBERBASE_CA").output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_which_kind_of_address_and_certificate_a_server_wants() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(), None).await;
    let (code, said) = get_with(&server, &server.url().replace("https", "http"), None);
    assert!(code == Some(69) && said.contains("give --server an address with https://"), "{said}");
    server.running.stop().await.unwrap();

    let guarded = Server::start(&authority.issue(), Some(&authority)).await;
    fs::write(guarded.file("server-ca.pem"), authority.pem()).unwrap();
    let (code, said) = get_with(&guarded, &guarded.url(), Some("server-ca.pem"));
    assert!(code == Some(69) && said.contains("give --client-cert and --client-key"), "{said}");
    assert!(!said.contains("no server answers"), "{said}");
    // A listener that closes each connection.
    let rude = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", rude.local_addr().unwrap());
    let rude = std::thread::spawn(move || drop(rude.accept().unwrap()));
    let (code, said) = get_with(&guarded, &address, None);
    assert!(code == Some(69) && said.contains("the TLS handshake failed"), "{said}");
    assert!(said.contains("cannot speak with the server"), "{said}");
    rude.join().unwrap();
    guarded.running.stop().await.unwrap();

    let plain = crate::harness::Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
    let mut get = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    get.args(["get", "--id", "m_00000000000000000000000000", "--ca"]).arg(folder.path().join("ca.pem"));
    let output = get.arg("--server").arg(format!("https://{}", plain.address())).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(69) && said.contains("http://"), "{said}");
}

/// A self-signed certificate that may sign others, as `openssl req -x509` issues them.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Issued {
    let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Issued { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_self_signed_certificate_is_trusted_when_it_is_passed() {
    let issued = self_signed(|_| {});
    let server = Server::start(&issued, None).await;
    fs::write(server.file("pinned.pem"), &issued.cert).unwrap();
    fs::write(server.file("other.pem"), self_signed(|_| {}).cert).unwrap();
    let url = server.url();
    // 1: the server replied that there is no such member.
    assert_eq!(get_with(&server, &url, Some("pinned.pem")).0, Some(1));
    for ca in [None, Some("other.pem")] {
        let (code, said) = get_with(&server, &url, ca);
        assert_eq!(code, Some(69), "{said}");
        assert!(said.contains(&format!("the certificate of {url} was refused: ")), "{said}");
        assert!(!said.contains("no server answers"), "{said}");
    }
    let (code, said) = get_with(&server, &url.replace("127.0.0.1", "localhost"), Some("pinned.pem"));
    assert!(code == Some(69) && said.contains("another name"), "{said}");
    let (code, said) = get_with(&server, "https://127.0.0.1:1", Some("pinned.pem"));
    assert!(code == Some(69) && said.contains("no server answers"), "{said}");
    let (code, said) = get_with(&server, &url, Some("key.pem"));
    assert!(code == Some(64) && said.contains("key.pem has no certificate"), "{said}");
    server.running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_even_when_it_is_passed() {
    let issued = self_signed(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let server = Server::start(&issued, None).await;
    let (code, said) = get_with(&server, &server.url(), Some("cert.pem"));
    assert!(code == Some(69) && said.contains("was refused: it has expired"), "{said}");
    server.running.stop().await.unwrap();
}

/// This test pauses and advances the clock, for which tokio requires a runtime with one thread.
#[tokio::test]
async fn silent_and_slow_clients_are_disconnected_and_do_not_disturb_others() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(), None).await;
    let connect = || TcpStream::connect(server.running.address());
    let mut silent = Vec::new();
    // A client that sends nothing, and one that sends the first bytes of a handshake.
    for said in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = connect().await.unwrap();
        stream.write_all(said).await.unwrap();
        silent.push(stream);
    }
    // Clients that complete the handshake, and then send nothing or too little.
    let mut shaken = Vec::new();
    for said in [&b""[..], b"GET /"] {
        let mut stream = handshake(&authority, connect().await.unwrap()).await;
        stream.write_all(said).await.unwrap();
        shaken.push(stream);
    }
    // A client that does not speak TLS is disconnected at once.
    let mut plain = connect().await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(!rest(&mut plain).await.starts_with(b"HTTP/"));
    assert!(server.answers(&authority, None).await);

    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for stream in &mut silent {
        rest(stream).await;
    }
    for stream in &mut shaken {
        rest(stream).await;
    }
    assert!(
        began.elapsed() > Duration::from_secs(5),
        "the server disconnected before the time allowed had passed"
    );
    tokio::time::resume();
    assert!(server.answers(&authority, None).await);
    server.running.stop().await.unwrap();
}

/// Opens a TLS stream over a connection.
async fn handshake(authority: &Authority, stream: TcpStream) -> TlsStream<TcpStream> {
    connector(authority, None).connect(localhost(), stream).await.unwrap()
}

/// A connector that trusts `authority` and may present a certificate.
fn connector(authority: &Authority, shown: Option<&Issued>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some(Issued { cert, key }) => {
            let cert = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![cert], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// What the server sends until it ends the connection, with a TLS close or without.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut received = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await;
    assert!(ended.is_ok(), "the connection is still open");
    received
}
