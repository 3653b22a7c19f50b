//! Two servers on one store, of which the standby passes every kind of call on.

use std::process::Command;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::api_token_service_client::ApiTokenServiceClient;
use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::{free_address, get_member, make_base, run, upsert};
use crate::harness::{Database, Process, connect, database, members, row, rows};
use crate::http::{Http, Reply, exchange};
use crate::metrics::get;

/// A server that advertises where it listens.
pub(super) fn serve(database: &Database, address: &str) -> Command {
    let mut command = database.serve(address);
    command.args(["--advertise", &format!("http://{address}")]);
    command
}

/// The active server, and a standby that reaches it.
pub(super) async fn pair(database: &Database) -> (Process, Process) {
    let at = [free_address(), free_address()];
    let active = Process::start(&mut serve(database, &at[0]));
    let standby = Process::start(&mut serve(database, &at[1]));
    assert!(is_active(&active).await);
    assert!(!is_active(&standby).await);
    (active, standby)
}

async fn is_active(server: &Process) -> bool {
    get(server.socket(), "/activez", "localhost").await.status == 200
}

async fn health(channel: &Channel, name: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: name.to_owned() };
    HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_answers_every_kind_of_grpc_call() {
    let Some(database) = database() else { return };
    let (active, standby) = pair(&database).await;
    let (there, here) = (connect(&active.address).await, connect(&standby.address).await);
    for name in ["", "memberbase.writes", "publisher.v1.MemberService"] {
        assert_eq!(health(&here, name).await, ServingStatus::Serving, "{name}");
    }
    assert_eq!(health(&here, "memberbase.active").await, ServingStatus::NotServing);
    assert_eq!(health(&there, "memberbase.active").await, ServingStatus::Serving);
    let base = make_base(&standby.address, "base").await;
    let (mut near, mut far) = (members(&here), members(&there));
    // Unary, short and long; written here, read there, and the other way round.
    for (prefix, count) in [("few", 3), ("many", 5_000)] {
        let written = near.bulk_upsert_members(upsert(&base, rows(prefix, count), prefix)).await.unwrap();
        let written = written.into_inner();
        assert_eq!(written.results.len(), count);
        assert_eq!(
            get_member(&active.address, &base, &format!("{prefix}1")).await.unwrap().id,
            written.results[1].id
        );
        let again = far.bulk_upsert_members(upsert(&base, rows(prefix, count), prefix)).await.unwrap();
        assert_eq!(again.into_inner(), written, "a request id counts at every server");
    }
    far.bulk_upsert_members(upsert(&base, vec![row("there")], "there")).await.unwrap();
    assert!(get_member(&standby.address, &base, "there").await.is_ok());
    let missing = get_member(&standby.address, &base, "nobody").await.unwrap_err();
    let direct = get_member(&active.address, &base, "nobody").await.unwrap_err();
    assert_eq!((missing.code(), missing.message()), (direct.code(), direct.message()));
    assert_eq!(missing.details(), direct.details(), "an error comes with its details");
    // Streams in, out, and both.
    let options = v1::ImportOptions { member_base_id: base.clone(), ..Default::default() };
    let chunks = (1..=20).map(move |number| v1::ImportMembersRequest {
        chunk: number,
        members: rows(&format!("i{number}-"), 250),
        options: (number == 1).then(|| options.clone()),
        ..Default::default()
    });
    let mut answers = near.import_members(tokio_stream::iter(chunks)).await.unwrap().into_inner();
    let mut imported = 0;
    while let Some(answer) = answers.next().await {
        imported += answer.unwrap().counts.unwrap().created;
    }
    assert_eq!(imported, 5_000);
    // Row by row: each is sent only after the answer to the one before.
    let (rows_in, messages) = tokio::sync::mpsc::channel(1);
    let options = v1::UpsertMembersOptions { member_base_id: base.clone(), ..Default::default() };
    rows_in.send(v1::UpsertMembersRequest { options: Some(options), ..Default::default() }).await.unwrap();
    let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
    let mut answers = near.upsert_members(messages).await.unwrap().into_inner();
    for sequence in 1..=20 {
        let member = Some(row(&format!("s{sequence}")));
        rows_in.send(v1::UpsertMembersRequest { sequence, member, options: None }).await.unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap().sequence, sequence);
    }
    drop(rows_in);
    assert!(answers.next().await.is_none());
    let request = v1::ExportMembersRequest { member_base_id: base.clone(), ..Default::default() };
    let mut export = near.export_members(request).await.unwrap().into_inner();
    let mut exported = 0;
    while let Some(part) = export.next().await {
        exported += part.unwrap().members.len();
    }
    assert_eq!(exported, 3 + 5_000 + 1 + 5_000 + 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_of_a_call_that_was_passed_on_opens_nothing() {
    let Some(database) = database() else { return };
    let (active, standby) = pair(&database).await;
    let base = make_base(&active.address, "base").await;
    let ask = async |server: &Process, value: &'static str| {
        let mut request = Request::new(v1::GetMemberRequest {
            member_base_id: Some(base.clone()),
            r#ref: Some("nobody".into()),
            ..Default::default()
        });
        request.metadata_mut().insert("memberbase-forwarded", value.parse().unwrap());
        members(&connect(&server.address).await).get_member(request).await.unwrap_err()
    };
    for value in ["-", "1 127.0.0.1 AAAA"] {
        // It is not passed on again.
        let refused = ask(&standby, value).await;
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        assert_eq!(refused.get_details_error_info().unwrap().reason, "STANDBY");
        // Nobody needs a token yet, so only callers on this machine are served, and this one is not proven to
        // be.
        let refused = ask(&active, value).await;
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    }
    assert_eq!(get_member(&standby.address, &base, "nobody").await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_at_one_server_and_its_end_counts_at_the_other_at_once() {
    let Some(database) = database() else { return };
    let (active, standby) = pair(&database).await;
    let base = make_base(&standby.address, "base").await;
    let mut near = ApiTokenServiceClient::new(connect(&standby.address).await);
    let wanted = v1::CreateApiTokenRequest { access: "admin".into(), ..Default::default() };
    let admin = near.create_api_token(wanted.clone()).await.unwrap().into_inner().token;
    let with = |token: &str, server: &Process| Http::at(server.socket(), Some(token.to_owned()));
    let refused = get_member(&standby.address, &base, "nobody").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "a token is needed from now on");
    for round in 0..20 {
        let (one, other) = if round % 2 == 0 { (&active, &standby) } else { (&standby, &active) };
        let made = with(&admin, one).ok("api-token/create", json!({"access": "read"})).await;
        let (id, secret) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
        let list = json!({"member_base_id": base});
        assert_eq!(with(secret, other).call("member/list", list.clone()).await.status, 200);
        with(&admin, one).ok("api-token/revoke", json!({"id": id})).await;
        assert_eq!(with(secret, other).call("member/list", list).await.status, 401);
    }
}

/// A form or an upload, as a browser sends it.
async fn browse(server: &Process, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: http://localhost\r\n\
         Content-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    exchange(server.socket(), &head, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_doors_and_the_console_work_at_a_standby() {
    let Some(database) = database() else { return };
    let (active, standby) = pair(&database).await;
    let made = Http::at(standby.socket(), None)
        .ok("api-token/create", json!({"access": "admin", "pii": true}))
        .await;
    let secret = made["token"].as_str().unwrap();
    let (near, far) = (
        Http::at(standby.socket(), Some(secret.to_owned())),
        Http::at(active.socket(), Some(secret.to_owned())),
    );
    let base = near.base().await;
    let many: Vec<_> =
        (0..3_000).map(|n| json!({"ref": format!("m{n}"), "first_name": "x".repeat(200)})).collect();
    let body = json!({"member_base_id": base, "members": many});
    assert!(body.to_string().len() > 600_000);
    let reply = near.ok("member/bulk-upsert", body).await;
    assert_eq!(reply.as_array().unwrap().len(), 3_000);
    assert_eq!(far.refs(&base, json!({})).await.len(), 3_000);
    assert_eq!(near.refs(&base, json!({})).await.len(), 3_000);
    let authorization = format!("Authorization: Bearer {secret}\r\n");
    for (path, status) in [("/publisher.v1/openapi.json", 200), ("/v1/nothing", 404), ("/v0/nothing", 404)] {
        let replies = [&active, &standby].map(|server| browse(server, "GET", path, &authorization, b""));
        let [direct, passed] = futures_util::future::join_all(replies).await.try_into().unwrap();
        assert_eq!((passed.status, &direct.text.len()), (status, &passed.text.len()), "{path}");
    }

    // Sign in at the standby, and use the session at both.
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let reply =
        browse(&standby, "POST", "/console/sign-in", form, format!("token={secret}").as_bytes()).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let cookie = reply.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let mut proof = String::new();
    for server in [&standby, &active] {
        let page = browse(server, "GET", "/console", &cookie, b"").await;
        assert!(page.status == 200 && page.text.contains("Sign out"), "{page:?}");
        proof =
            page.text.split_once("name=\"proof\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    }
    let mut list = String::from("ref,first_name\n");
    (0..20_000).for_each(|n| list.push_str(&format!("u{n},Name\n")));
    let part = |name: &str, text: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let body = [
        part("proof", &proof),
        part("match", "ref"),
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n".to_owned(),
        list,
        "\r\n--x--\r\n".to_owned(),
    ];
    let headers = format!("{cookie}Content-Type: multipart/form-data; boundary=x\r\n");
    let path = format!("/console/bases/{base}/lists/new");
    let reply = browse(&standby, "POST", &path, &headers, body.concat().as_bytes()).await;
    assert_eq!(reply.status, 303, "{reply:?}");
    let job = reply.head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap();
    let job = job.split(['?', '#']).next().unwrap().to_owned();
    // The first event comes at once, while its stream goes on.
    let head = format!("GET {job}/events HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n");
    let mut stream = tokio::net::TcpStream::connect(standby.socket()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut events = Vec::new();
    while !String::from_utf8_lossy(&events).contains("\ndata:") {
        assert!(stream.read_buf(&mut events).await.unwrap() > 0, "{}", String::from_utf8_lossy(&events));
    }
    assert!(String::from_utf8_lossy(&events).contains("text/event-stream"));
    let results = [&active, &standby].map(|server| browse(server, "GET", &job, &cookie, b""));
    for page in futures_util::future::join_all(results).await {
        assert_eq!(page.status, 200, "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_at_a_standby_until_another_server_is_active() {
    let Some(database) = database() else { return };
    let (mut active, mut standby) = pair(&database).await;
    let base = make_base(&standby.address, "base").await;
    let mut near = members(&connect(&standby.address).await);
    near.bulk_upsert_members(upsert(&base, rows("m", 100), "a")).await.unwrap();
    // An orderly stop: calls during it either finish there, or wait and are answered by the next one.
    let third_at = free_address();
    let mut third = Process::start(&mut serve(&database, &third_at));
    active.signal(Signal::TERM);
    for number in 0..50 {
        let id = format!("stop{number}");
        near.bulk_upsert_members(upsert(&base, vec![row(&id)], &id)).await.unwrap();
        get_member(&third.address, &base, &id).await.unwrap();
    }
    assert!(active.wait().success());
    let is_standby = is_active(&standby).await;
    let (mut owner, other) = if is_standby { (standby, &mut third) } else { (third, &mut standby) };
    assert!(is_active(&owner).await);
    // A kill: a call that was not sent yet is answered after the takeover.
    owner.signal(Signal::KILL);
    owner.wait();
    let found = loop {
        match get_member(&other.address, &base, "m1").await {
            Ok(found) => break found,
            // It was sent before the connection was seen to be gone.
            Err(lost) => assert_eq!(lost.get_details_error_info().unwrap().reason, "ANSWER_LOST"),
        }
    };
    assert_eq!(found.r#ref.as_deref(), Some("m1"));
    assert!(is_active(other).await);
    other.signal(Signal::TERM);
    assert!(other.wait().success());
    let (code, said) = run(&database, &["check", "--store", &database.url()]).await;
    assert!(code == 0 && said.contains("\nmembers 150\n"), "{code} {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_stops_lets_the_calls_end_that_it_passes_on() {
    let Some(database) = database() else { return };
    let (_active, mut standby) = pair(&database).await;
    let base = make_base(&standby.address, "base").await;
    let (rows_in, messages) = tokio::sync::mpsc::channel(4);
    let options = v1::UpsertMembersOptions { member_base_id: base, ..Default::default() };
    rows_in.send(v1::UpsertMembersRequest { options: Some(options), ..Default::default() }).await.unwrap();
    let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
    let mut near = members(&connect(&standby.address).await);
    let mut answers = near.upsert_members(messages).await.unwrap().into_inner();
    let message = |sequence: u64| v1::UpsertMembersRequest {
        sequence,
        member: Some(row(&format!("s{sequence}"))),
        options: None,
    };
    rows_in.send(message(1)).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 1);
    standby.signal(Signal::TERM);
    while tokio::net::TcpStream::connect(standby.socket()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    rows_in.send(message(2)).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 2);
    drop(rows_in);
    assert!(answers.next().await.is_none());
    assert!(standby.wait().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_trusts_only_the_authorities_that_it_was_given() {
    let Some(database) = database() else { return };
    let (authority, stranger) = (crate::tls::Authority::new(), crate::tls::Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    crate::tls::install(folder.path(), &authority.issue());
    std::fs::write(path("ca.pem"), authority.pem()).unwrap();
    std::fs::write(path("stranger.pem"), stranger.pem()).unwrap();
    let serve = |address: &str, ca: &str| {
        let mut command = database.serve(address);
        command.args(["--advertise", &format!("https://{address}"), "--peer-ca", &path(ca)]);
        // Each shows its own certificate to the other one.
        command.args(["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
        command.args(["--tls-client-ca", &path("ca.pem")]);
        command
    };
    let at = [free_address(), free_address(), free_address()];
    let _active = Process::start(&mut serve(&at[0], "ca.pem"));
    let standby = Process::start(&mut serve(&at[1], "ca.pem"));
    let channel = crate::tls::channel(&standby.address, &authority, Some(&authority.issue())).await.unwrap();
    let request = v1::CreateMemberBaseRequest { name: "Shared".into(), ..Default::default() };
    v1::member_base_service_client::MemberBaseServiceClient::new(channel)
        .create_member_base(request)
        .await
        .unwrap();
    let mut command = serve(&at[2], "stranger.pem");
    let mut wary = Process::begin(command.stderr(std::process::Stdio::piped()), &at[2]);
    let mut log = std::io::BufRead::lines(std::io::BufReader::new(wary.stderr()));
    let line =
        tokio::task::spawn_blocking(move || log.find(|line| line.as_ref().unwrap().contains("not reached")));
    assert!(line.await.unwrap().is_some());
}
