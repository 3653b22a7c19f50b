//! Servers and commands on a store in PostgreSQL. `tests/system/cluster.sh` does the same under load and for
//! longer.

mod bundles;
mod faults;
mod forward;
mod handover;
mod leases;
mod pooler;
mod together;

use memberbase::api::grpc::v1;
use memberbase::api::grpc::v1::member_base_service_client::MemberBaseServiceClient;
use rustix::process::Signal;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::harness::{Database, Process, connect, database, members, row, rows};
use crate::metrics::get;

/// An address that nothing listens on.
pub fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Runs a command, and returns its exit code and what it said.
async fn run(database: &Database, arguments: &[&str]) -> (i32, String) {
    let mut command = database.memberbase(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[track_caller]
fn expect((found, said): (i32, String), code: i32, words: &[&str]) -> String {
    assert_eq!(found, code, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "{word} is missing in {said}"));
    said
}

async fn make_base(address: &str, request_id: &str) -> String {
    let mut bases = MemberBaseServiceClient::new(connect(address).await);
    let request = v1::CreateMemberBaseRequest {
        name: "Shared".into(),
        request_id: request_id.to_owned(),
        ..Default::default()
    };
    bases.create_member_base(request).await.unwrap().into_inner().member_base.unwrap().id
}

fn upsert(base: &str, members: Vec<v1::MemberInput>, request_id: &str) -> v1::BulkUpsertMembersRequest {
    v1::BulkUpsertMembersRequest {
        member_base_id: base.to_owned(),
        members,
        request_id: request_id.to_owned(),
        ..Default::default()
    }
}

async fn get_member(address: &str, base: &str, key: &str) -> Result<v1::Member, Status> {
    let request = v1::GetMemberRequest {
        member_base_id: Some(base.to_owned()),
        r#ref: Some(key.to_owned()),
        ..Default::default()
    };
    Ok(members(&connect(address).await).get_member(request).await?.into_inner().member.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_when_the_owner_is_killed_and_has_every_row() {
    let Some(database) = database() else { return };
    let mut owner = Process::start(&mut database.serve("127.0.0.1:0"));
    let base = make_base(&owner.address, "base").await;
    let written = members(&connect(&owner.address).await)
        .bulk_upsert_members(upsert(&base, rows("m", 3_000), "a"))
        .await;
    let written = written.unwrap().into_inner();

    let at = free_address();
    let mut standby = Process::begin(&mut database.serve(&at), &at);
    let socket = at.parse().unwrap();
    let why = "another server owns the store; this one is a standby\n";
    while tokio::net::TcpStream::connect(socket).await.is_err() {
        tokio::task::yield_now().await;
    }
    loop {
        let reply = get(socket, "/readyz", "localhost").await;
        assert_eq!(reply.status, 503, "{reply:?}");
        if reply.text == why {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(get(socket, "/healthz", "localhost").await.status, 200);
    let refused = get_member(&standby.address, &base, "m0").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "STANDBY");
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());

    let url = database.url();
    // Each watches the owner for as long as a takeover would wait.
    let commands = [&["check"][..], &["token", "list"], &["refold"], &["adopt"]];
    let ended = commands.map(|command| [command, &["--store", &url]].concat());
    let ended = futures_util::future::join_all(ended.iter().map(|arguments| run(&database, arguments)));
    ended.await.into_iter().for_each(|ended| drop(expect(ended, 74, &["a running server owns it"])));
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("backup"), folder.path().join("data"));
    let (out, data) = (out.to_str().unwrap(), data.to_str().unwrap());
    let ended = run(&database, &["backup", "--out", out, "--server", &owner.address]).await;
    expect(ended, 69, &["NOT_SUPPORTED", "pg_dump"]);
    expect(run(&database, &["copy", "--from", &url, "--to", data]).await, 74, &["a running server owns it"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    owner.signal(Signal::KILL);
    owner.wait();
    standby.serves();
    let found = get_member(&standby.address, &base, "m2999").await.unwrap();
    assert_eq!(found.id, written.results[2_999].id);
    // The same requests again, at the other server.
    assert_eq!(make_base(&standby.address, "base").await, base);
    let again = members(&connect(&standby.address).await)
        .bulk_upsert_members(upsert(&base, rows("m", 3_000), "a"))
        .await;
    assert_eq!(again.unwrap().into_inner(), written);

    // An orderly stop hands the store over.
    let at = free_address();
    let mut third = Process::begin(&mut database.serve(&at), &at);
    standby.signal(Signal::TERM);
    assert!(standby.wait().success());
    third.serves();
    let last = members(&connect(&third.address).await)
        .bulk_upsert_members(upsert(&base, vec![row("last")], "b"))
        .await;
    assert_eq!(last.unwrap().into_inner().revision, written.revision + 1);
    third.signal(Signal::TERM);
    assert!(third.wait().success());
    expect(run(&database, &["check", "--store", &url]).await, 0, &["\nmembers 3001\n", "\nfindings 0\n"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_moves_into_a_database_and_back_and_can_be_adopted() {
    let Some(database) = database() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, back, url) = (path("data"), path("back"), database.url());
    let mut server = Process::serve(data.as_ref());
    let base = make_base(&server.address, "base").await;
    let channel = connect(&server.address).await;
    let written = members(&channel).bulk_upsert_members(upsert(&base, rows("m", 3_000), "a")).await.unwrap();
    let backup = run(&database, &["backup", "--out", &path("backup"), "--server", &server.address]).await;
    expect(backup, 0, &[]);
    server.signal(Signal::TERM);
    server.wait();

    expect(run(&database, &["check", "--store", &url]).await, 64, &["there is no store"]);
    let there = expect(run(&database, &["copy", "--from", &data, "--to", &url]).await, 0, &["complete: "]);
    expect(run(&database, &["check", "--store", &url]).await, 0, &["\nmembers 3000\n", "\nfindings 0\n"]);
    expect(run(&database, &["copy", "--from", &data, "--to", &url]).await, 64, &["not empty"]);
    let here = expect(run(&database, &["copy", "--from", &url, "--to", &back]).await, 0, &["complete: "]);
    let hash =
        |said: &str| said.lines().find_map(|line| line.split_once("SHA-256 ")?.1.parse::<String>().ok());
    assert!(hash(&there).is_some_and(|hash| hash.len() == 64), "{there}");
    assert_eq!(hash(&there), hash(&here));
    expect(run(&database, &["check", "--deep", "--data", &back]).await, 0, &["\nmembers 3000\n"]);

    let mut server = Process::start(&mut database.serve("127.0.0.1:0"));
    let found = get_member(&server.address, &base, "m7").await.unwrap();
    assert_eq!(found.id, written.get_ref().results[7].id);
    let channel = connect(&server.address).await;
    let again = members(&channel).bulk_upsert_members(upsert(&base, rows("m", 3_000), "a")).await.unwrap();
    assert_eq!(again.into_inner(), *written.get_ref());
    server.signal(Signal::TERM);
    assert!(server.wait().success());

    let said = expect(run(&database, &["adopt", "--store", &url]).await, 0, &[&base]);
    assert!(said.contains("as of revision"), "{said}");
    expect(run(&database, &["check", "--store", &url]).await, 0, &["\nmembers 3000\n", "\nfindings 0\n"]);

    // A backup comes into a database by way of a data directory.
    let Some(other) = crate::harness::database() else { return };
    expect(run(&other, &["restore", "--from", &path("backup"), "--data", &path("restored")]).await, 0, &[]);
    expect(run(&other, &["copy", "--from", &path("restored"), "--to", &other.url()]).await, 0, &[]);
    expect(
        run(&other, &["check", "--store", &other.url()]).await,
        0,
        &["\nmembers 3000\n", "\nfindings 0\n"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_in_the_database_and_count_at_every_server() {
    let Some(database) = database() else { return };
    let url = database.url();
    let refused = run(&database, &["token", "create", "--access", "admin", "--store", &url]).await;
    expect(refused, 64, &["there is no store in"]);
    let exposed =
        ["serve", "--store", &url, "--listen", "0.0.0.0:0", "--insecure-plaintext", "--admin-listen", "off"];
    let words = ["memberbase token create", "--store", "--new-store"];
    expect(run(&database, &exposed).await, 64, &words);
    let made =
        run(&database, &["token", "create", "--access", "admin", "--new-store", "--store", &url]).await;
    let said = expect(made, 0, &["first token"]);
    let secret = said.lines().find(|line| line.starts_with("sk_")).unwrap().to_owned();
    let id = said.split_once("created ").unwrap().1.split(';').next().unwrap().to_owned();
    let mut server = Process::start(&mut database.serve("127.0.0.1:0"));
    let refused = get_member(&server.address, "mb_x", "m0").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    expect(
        run(&database, &["token", "list", "--server", &server.address, "--token", &secret]).await,
        0,
        &[&id],
    );
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    expect(run(&database, &["token", "revoke", &id, "--store", &url]).await, 0, &["revoked"]);
    let listed = expect(run(&database, &["token", "list", "--store", &url]).await, 0, &["revoked "]);
    assert!(listed.contains("1 token"), "{listed}");
}
