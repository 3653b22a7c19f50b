//! Encrypted connections, and passwords.

use std::net::TcpListener;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

/// Writes a certificate for `localhost`, that of its authority, and rules that let only encrypted logins with
/// passwords in.
fn prepare(dir: &Path, port: u16) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let rules = "local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    for (name, text) in [
        ("ca.crt", authority.pem()),
        ("server.crt", certificate.pem()),
        ("server.key", key.serialize_pem()),
        ("rules.conf", rules.to_owned()),
    ] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    let dir = dir.display();
    format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\nssl_cert_file = '{dir}/server.crt'\n\
         ssl_key_file = '{dir}/server.key'\nhba_file = '{dir}/rules.conf'\npassword_encryption = scram-sha-256\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_checked_if_the_dsn_says_so() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut folder = None;
    let prepared = |dir: &Path| {
        folder = Some(dir.to_owned());
        prepare(dir, port)
    };
    let Some(_cluster) = cluster::Cluster::start_with(prepared) else { return };
    let folder = folder.unwrap();
    let socket =
        Dsn::parse(&format!("postgres://postgres@/postgres?host={}:{port}", folder.display())).unwrap();
    let link = link(&socket).await;
    run(&link, "CREATE ROLE anna LOGIN PASSWORD 'secret'").await;
    run(&link, "CREATE SCHEMA memberbase AUTHORIZATION anna").await;
    let ca = folder.join("ca.crt");
    let at = |place: &str, options: &str| {
        let text = format!("postgres://anna@{place}:{port}/postgres?{options}");
        Dsn::parse(&text).unwrap().with_password("secret".to_owned())
    };
    let verified = format!("sslmode=verify-full&sslrootcert={}", ca.display());
    for options in ["sslmode=require", "sslmode=prefer", &verified] {
        let engine = open(&config(at("localhost", options), &TestClock::new())).await;
        engine.commit(put("a", options)).await.unwrap();
        assert_eq!(get(&engine, "a").await.unwrap(), options);
        engine.close().await.unwrap();
    }
    let refused = async |dsn: Dsn| {
        let refused = PostgresEngine::open(config(dsn, &TestClock::new()), Contention::Refuse).await;
        let text = refused.unwrap_err().to_string();
        assert!(!text.contains("secret"), "{text}");
        text
    };
    // Another name, an authority that nobody knows, no encryption, and a wrong password.
    let text = refused(at("127.0.0.1", &verified)).await;
    assert!(text.contains("certificate"), "{text}");
    let text = refused(at("localhost", "sslmode=verify-full")).await;
    assert!(text.contains("certificate"), "{text}");
    let text = refused(at("localhost", "sslmode=disable")).await;
    assert!(text.contains("refuses the login"), "{text}");
    let text = refused(at("localhost", "sslmode=require").with_password("wrong".to_owned())).await;
    assert!(text.contains("refuses the login"), "{text}");
}
