//! Collectors behind TLS.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use memberbase::server;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{Collector, UPSERT, read};
use crate::harness::{Server, config, rows};
use crate::tls::Authority;

/// What encrypts the connections of a collector. It takes only clients that this authority knows.
fn acceptor(authority: &Authority) -> TlsAcceptor {
    let (provider, issued) = (Arc::new(ring::default_provider()), authority.issue());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let cert = CertificateDer::from_pem_slice(issued.cert.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(vec![cert], PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// The variables that name files of this authority in this folder: what is trusted, and what is presented.
fn files(folder: &TempDir, authority: &Authority) -> Vec<(&'static str, String)> {
    let issued = authority.issue();
    let files = [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem", authority.pem()),
        ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "own.pem", issued.cert),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "own.key", issued.key),
    ];
    let write = |(name, file, text): (&'static str, &str, String)| {
        let path = folder.path().join(file);
        fs::write(&path, text).unwrap();
        (name, path.to_str().unwrap().to_owned())
    };
    files.into_iter().map(write).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_a_collector_that_encrypts_and_is_trusted() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    for protocol in ["http/protobuf", "grpc"] {
        let mut collector = Collector::start_with(Some(acceptor(&authority))).await;
        let address = format!("https://localhost:{}", collector.address.port());
        let to = read(address, protocol, &files(&folder, &authority));
        let server = Server::start_with(|config| config.otlp = to).await;
        let mut base = server.base().await;
        base.client.bulk_upsert_members(base.request(rows("person", 2))).await.unwrap();
        assert!(collector.spans(protocol, &[UPSERT, "lane", "log"]).await.len() >= 3);
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_trusted_gets_no_span_until_its_authority_is() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let collector = Collector::start_with(Some(acceptor(&authority))).await;
    let address = format!("https://localhost:{}", collector.address.port());
    let to = read(address, "grpc", &files(&folder, &Authority::new()));
    let server = Server::start_with(|config| config.otlp = to).await;
    let mut base = server.base().await;
    let mut call_while = async |goes_on: &dyn Fn(&Collector) -> bool, collector: &Collector| {
        while goes_on(collector) {
            base.client.bulk_upsert_members(base.request(rows("person", 1))).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    call_while(&|collector| collector.strangers.load(Ordering::Relaxed) == 0, &collector).await;
    assert!(collector.received.is_empty(), "nothing is sent to a stranger");
    // The files are read again after a failure.
    files(&folder, &authority);
    call_while(&|collector| collector.received.is_empty(), &collector).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_stop_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.pem").to_str().unwrap().to_owned();
    let variables = [("OTEL_EXPORTER_OTLP_CERTIFICATE", path.clone())];
    let mut config = config(&folder.path().join("data"));
    config.otlp = read("https://localhost:4317".to_owned(), "grpc", &variables);
    let said = server::start(config).await.err().unwrap().to_string();
    assert!(said.contains("localhost:4317") && said.contains(&path), "{said}");
}
