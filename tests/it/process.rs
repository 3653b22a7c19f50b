//! The program as a process: it starts, stops, and refuses to start.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use memberbase::api::grpc::v1;
use rustix::process::Signal;

use crate::harness::{Process, command, connect, members, row, run};

/// The exit code for bad settings.
const USAGE: i32 = 64;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_stop_and_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut id = String::new();
    let mut base = String::new();
    for (round, signal) in [(0, Signal::TERM), (1, Signal::KILL), (2, Signal::INT)] {
        let mut server = Process::serve(data.path());
        let channel = connect(&server.address).await;
        if round == 0 {
            let mut bases = v1::member_base_service_client::MemberBaseServiceClient::new(channel.clone());
            let request = v1::CreateMemberBaseRequest { name: "StoredResult".into(), ..Default::default() };
            base = bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id;
        }
        let request = v1::BulkUpsertMembersRequest {
            member_base_id: base.clone(),
            members: vec![row("always"), row(&format!("round{round}"))],
            ..Default::default()
        };
        let reply = members(&channel).bulk_upsert_members(request).await.unwrap().into_inner();
        if round > 0 {
            assert_eq!((reply.results[0].outcome(), &reply.results[0].id), (v1::Outcome::Unchanged, &id));
            let get = v1::GetMemberRequest {
                member_base_id: Some(base.clone()),
                r#ref: Some(format!("round{}", round - 1)),
                ..Default::default()
            };
            members(&channel).get_member(get).await.unwrap();
        }
        id.clone_from(&reply.results[0].id);
        server.signal(signal);
        let status = server.wait();
        assert_eq!(status.success(), signal != Signal::KILL, "{signal:?}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_the_server_at_once() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Process::serve(data.path());
    let connection = tokio::net::TcpStream::connect(server.socket()).await.unwrap();
    let (mut client, mut connection) = h2::client::handshake(connection).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("{}/publisher.v1.MemberService/GetMember", server.address))
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    // A call whose message never arrives: without a second signal the server waits for it until the grace
    // period ends.
    let _call = client.send_request(request, false).unwrap();
    pings.ping(h2::Ping::opaque()).await.unwrap();
    server.signal(Signal::TERM);
    // The server has received the first signal when it accepts no more connections.
    while tokio::net::TcpStream::connect(server.socket()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn a_data_directory_in_use_is_a_clear_error() {
    let data = tempfile::tempdir().unwrap();
    let _server = Process::serve(data.path());
    let (code, text) = run(&mut command(data.path()));
    assert!(code.is_some_and(|code| code != 0 && code != USAGE), "{code:?}");
    assert!(text.contains("in use"), "{text}");
    assert!(text.contains(data.path().to_str().unwrap()), "{text}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_a_clear_error() {
    // Not even root can create a folder inside a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    for data in [file.clone(), file.join("data"), "/proc/memberbase-data".into()] {
        let (code, text) = run(&mut command(&data));
        assert!(code.is_some_and(|code| code != 0 && code != USAGE), "{code:?}");
        assert!(text.contains(data.to_str().unwrap()), "{text}");
    }
}

#[test]
fn all_bad_settings_are_reported_at_once() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("settings.toml");
    fs::write(&file, "colour = \"red\"\ngrace = \"soon\"").unwrap();
    let (code, text) = run(command(data.path()).arg("--config").arg(&file).env("MEMBERBASE_ENGINE", "steam"));
    assert_eq!(code, Some(USAGE), "{text}");
    for word in ["colour", "grace", "MEMBERBASE_ENGINE", file.to_str().unwrap()] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[test]
fn a_server_for_other_machines_needs_tls_and_tokens_or_explicit_consent() {
    let data = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_memberbase"));
    let (code, text) = run(command.args(["serve", "--listen", "0.0.0.0:0", "--data"]).arg(data.path()));
    assert_eq!(code, Some(USAGE));
    assert!(text.contains("--insecure-plaintext"), "{text}");
    let (code, text) = run(command.arg("--insecure-plaintext"));
    assert_eq!(code, Some(USAGE), "{text}");
    assert!(text.contains("memberbase token create") && text.contains("--insecure-no-auth"), "{text}");
    assert!(text.contains("--new-store"), "the suggested command would be refused without it: {text}");
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0, "a refused start must leave nothing behind");
}

#[test]
fn no_chmod_is_suggested_for_a_folder_of_another_user() {
    let data = tempfile::tempdir().unwrap();
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(data.path().join("theirs"), "").unwrap();
    let (code, text) = run(&mut command(data.path()));
    assert_eq!(code, Some(USAGE), "{text}");
    assert!(text.contains("theirs") && !text.contains("chmod"), "{text}");
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_memberbase"));
    let (code, text) = run(command.args(["serve", "--listen", &address, "--data"]).arg(data.path()));
    assert!(code.is_some_and(|code| code != 0 && code != USAGE), "{code:?}");
    assert!(text.contains(&address), "{text}");
}

#[test]
fn an_unknown_environment_variable_is_reported_in_the_log() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.args(["serve", "--listen", &address, "--data"]).arg(data.path());
    command.env("MEMBERBASE_TSL_CERT", "cert.pem").env("MEMBERBASE_TOKEN", "secret");
    let (_, text) = run(&mut command);
    assert!(text.contains("MEMBERBASE_TSL_CERT") && text.contains("MEMBERBASE_TLS_CERT?"), "{text}");
    assert!(!text.contains("MEMBERBASE_TOKEN") && !text.contains("cert.pem"), "{text}");
}
