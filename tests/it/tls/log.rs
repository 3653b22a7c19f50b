//! What the log reports about failed handshakes.

use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn failed_handshakes_are_logged_once_for_each_reason() {
    let (authority, clients, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let (folder, began) = (tempfile::tempdir().unwrap(), Instant::now());
    install(folder.path(), &authority.issue());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("ca.pem"), clients.pem()).unwrap();
    let mut command = command(&path("data"));
    for (flag, name) in [("--tls-cert", "cert.pem"), ("--tls-key", "key.pem"), ("--tls-client-ca", "ca.pem")]
    {
        command.arg(flag).arg(path(name));
    }
    let mut server = Process::start(command.args(["--log", "info"]).stderr(Stdio::piped()));
    let mut log = server.stderr();
    let text = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    // A single handshake, because a library's client may retry.
    let connect = async |vouches: &Authority, identity: Option<Issued>| {
        let stream = TcpStream::connect(server.socket()).await.unwrap();
        let Ok(mut tls) = connector(vouches, identity.as_ref()).connect(localhost(), stream).await else {
            return false;
        };
        // With TLS 1.3 a client learns only now that it was refused. A client that was not refused sends
        // nothing more.
        tls.shutdown().await.is_ok() && tls.read_to_end(&mut Vec::new()).await.is_ok()
    };
    assert!(connect(&authority, Some(clients.issue())).await);
    for _ in 0..3 {
        assert!(!connect(&stranger, None).await);
        assert!(!connect(&authority, None).await);
        assert!(!connect(&authority, Some(stranger.issue())).await);
    }
    for sent in ["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ""] {
        let mut plain = TcpStream::connect(server.socket()).await.unwrap();
        plain.write_all(sent.as_bytes()).await.unwrap();
        plain.shutdown().await.unwrap();
        // With any reply, the server has noticed the end of the connection by then.
        let _ = plain.read_to_end(&mut Vec::new()).await;
    }
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    let text = text.join().unwrap();
    for reason in [
        "the peer rejects the connection: ",
        "the peer showed no certificate",
        "the certificate of the peer is rejected: ",
        "the peer does not speak TLS",
    ] {
        let of_reason = |line: &&str| line.contains("TLS handshakes failed reason=") && line.contains(reason);
        let lines: Vec<_> = text.lines().filter(of_reason).collect();
        let counted = |line: &&str| line.rsplit_once("count=").unwrap().1.parse::<usize>().unwrap();
        let tries = if reason.ends_with("TLS") { 1 } else { 3 };
        assert_eq!(lines.iter().map(counted).sum::<usize>(), tries, "{reason}: {text}");
        assert!(u64::try_from(lines.len()).unwrap() <= began.elapsed().as_secs() + 2, "{reason}: {text}");
        assert!(lines.iter().all(|line| line.contains("peer=127.0.0.1")), "{text}");
    }
    // A peer that closes its connection without sending anything is not logged.
    assert_eq!(text.matches("the peer closed").count(), 0, "{text}");
}
