//! `memberbase token`, on a store without a server and on a running server, and clients that send a token.

use std::path::Path;
use std::process::{Command, Output};

use memberbase::api::grpc::v1;

use super::World;
use crate::harness::{Process, Server};

fn memberbase() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.env_remove("MEMBERBASE_TOKEN").env_remove("MEMBERBASE_DATA").env_remove("MEMBERBASE_SERVER");
    command
}

fn token(arguments: &[&str], secret: Option<&str>) -> Output {
    let mut command = memberbase();
    command.arg("token").args(arguments);
    if let Some(secret) = secret {
        command.env("MEMBERBASE_TOKEN", secret);
    }
    command.output().unwrap()
}

fn create(data: &Path, more: &[&str]) -> Output {
    token(&[&["create", "--new-store", "--data", data.to_str().unwrap()], more].concat(), None)
}

/// Asserts that a command succeeded and returns its output.
#[track_caller]
fn printed(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The exit code of a command, and its standard error.
fn refused(output: Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_secret_is_the_last_line_and_gives_access_to_the_server() {
    let data = tempfile::tempdir().unwrap();
    let printed = printed(create(data.path(), &["--access", "admin", "--description", "first"]));
    let secret = printed.lines().last().unwrap();
    assert!(secret.starts_with("sk_") && secret.len() == 46, "{printed}");
    assert!(printed.contains("first token"), "{printed}");

    let server = Process::serve(data.path());
    let folder = tempfile::tempdir().unwrap();
    let members = folder.path().join("members.csv");
    std::fs::write(&members, "ref\nuser_1\n").unwrap();
    let import = |token: Option<&str>| {
        let mut command = memberbase();
        command
            .args(["import", "--server", &server.address, "--base", "Staff", "--create-base"])
            .arg(&members);
        if let Some(token) = token {
            command.env("MEMBERBASE_TOKEN", token);
        }
        command.output().unwrap()
    };
    let (code, said) = refused(import(None));
    assert_eq!(code, Some(69));
    assert!(said.contains("UNAUTHENTICATED"), "{said}");
    assert!(said.contains("--token") && said.contains("MEMBERBASE_TOKEN"), "{said}");
    let (code, said) = refused(import(Some("")));
    assert!(
        code == Some(69) && said.contains("MEMBERBASE_TOKEN"),
        "an empty token must count as none: {said}"
    );
    for secret in [secret.to_owned(), format!("Bearer {secret}"), format!(" bearer  {secret}\n")] {
        assert!(import(Some(&secret)).status.success(), "{secret}");
    }
    let get = memberbase()
        .args(["get", "--server", &server.address, "--base", "Staff", "--ref", "user_1", "--token", secret])
        .output()
        .unwrap();
    assert!(get.status.success(), "{get:?}");

    // The data directory is in use, and the error says so once.
    let (code, said) = refused(create(data.path(), &["--access", "read"]));
    assert_eq!(code, Some(74));
    assert_eq!(said.matches(data.path().to_str().unwrap()).count(), 1, "{said}");
    assert!(said.contains("in use"), "{said}");
}

#[test]
fn a_bad_token_is_refused_with_the_field() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, field) in [
        (&["--access", "root"][..], "access"),
        (&["--access", "read", "--expires-at", "1999-01-01T00:00:00Z"], "expires_at"),
        (&["--access", "read", "--expires-at", "soon"], "--expires-at"),
        (&["--access", "read", "--base", "mb_00000000000000000000000000"], "memberbase"),
        (&["--access", "read", "--base", "Nobody's"], "memberbase"),
    ] {
        let output = create(data.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(field), "{output:?}");
        assert!(output.stdout.is_empty());
        let left = std::fs::read_dir(data.path()).unwrap().count();
        assert_eq!(left, 0, "a refused token left a store behind: {arguments:?}");
    }
}

#[test]
fn a_misspelt_folder_does_not_become_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("memberbase-dat");
    let data = typo.to_str().unwrap();
    for arguments in [
        &["create", "--access", "admin", "--data", data][..],
        &["list", "--data", data],
        &["revoke", "atok_00000000000000000000000000", "--data", data],
    ] {
        let (code, said) = refused(token(arguments, None));
        assert_eq!(code, Some(64), "{said}");
        assert!(said.contains(data), "{said}");
        assert!(!typo.exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_can_be_created_through_a_running_server() {
    let server = Server::start().await;
    let url = format!("http://{}", server.address());
    let at = |arguments: &[&str], secret: Option<&str>| {
        let arguments = [arguments, &["--server", &url]].concat();
        tokio::task::block_in_place(|| token(&arguments, secret))
    };
    assert_eq!(printed(at(&["list"], None)), "");
    let first = printed(at(&["create", "--access", "admin"], None));
    assert!(first.contains("this is the first token: from now on every call needs a token"), "{first}");
    let secret = first.lines().last().unwrap();
    let (code, said) = refused(at(&["create", "--access", "read"], None));
    assert!(code == Some(69) && said.contains("UNAUTHENTICATED"), "{said}");

    let second = printed(at(&["create", "--access", "read", "--description", "for reports"], Some(secret)));
    assert!(!second.contains("first token"), "{second}");
    let id = second.split_whitespace().nth(1).unwrap().trim_end_matches(';');
    let list = printed(at(&["list"], Some(secret)));
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines.len(), 2, "{list}");
    assert!(lines[0].contains(" admin ") && lines[0].contains("pii yes"), "{list}");
    assert!(lines[1].starts_with(id) && lines[1].contains("\"for reports\""), "{list}");
    assert!(!list.contains("sk_") && !list.contains("revoked"), "{list}");
    assert!(printed(at(&["revoke", id], Some(secret))).contains(id));
    let list = printed(at(&["list"], Some(secret)));
    assert!(list.lines().nth(1).unwrap().contains("revoked 20"), "{list}");
    let (code, said) = refused(at(&["revoke", "atok_00000000000000000000000000"], Some(secret)));
    assert!(code == Some(69) && said.contains("TOKEN_NOT_FOUND"), "{said}");
}

#[test]
fn tokens_are_listed_and_revoked_without_a_server() {
    let data = tempfile::tempdir().unwrap();
    printed(create(data.path(), &["--access", "admin"]));
    let folder = data.path().to_str().unwrap();
    let list = || printed(token(&["list", "--data", folder], None));
    let listed = list();
    let id = listed.split(' ').next().unwrap();
    assert!(id.starts_with("atok_") && !listed.contains("revoked"), "{listed}");
    printed(token(&["revoke", id, "--data", folder], None));
    assert!(list().contains("revoked 20"));
    assert_eq!(token(&["revoke", "atok_x", "--data", folder], None).status.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_bound_to_a_memberbase_by_name_unless_the_name_is_ambiguous() {
    let world = World::new().await;
    world.base("Staff", &[]).await;
    for _ in 0..2 {
        world.base("Twice", &[]).await;
    }
    let bind = |base: &str, place: [&str; 2]| {
        let arguments = ["create", "--access", "read", "--base", base, place[0], place[1]];
        tokio::task::block_in_place(|| token(&arguments, None))
    };
    let (code, said) = refused(bind("Twice", ["--server", &world.url]));
    assert_eq!((code, said.matches("mb_").count()), (Some(64), 2), "{said}");
    printed(bind("Staff", ["--server", &world.url]));

    // The same in a store without a server.
    let data = tempfile::tempdir().unwrap();
    let server = Process::serve(data.path());
    let channel = crate::harness::connect(&server.address).await;
    let mut bases = v1::member_base_service_client::MemberBaseServiceClient::new(channel);
    for name in ["Staff", "Twice", "Twice"] {
        let request = v1::CreateMemberBaseRequest { name: name.into(), ..Default::default() };
        bases.create_member_base(request).await.unwrap();
    }
    drop(server);
    let folder = data.path().to_str().unwrap();
    let (code, said) = refused(bind("Twice", ["--data", folder]));
    assert_eq!((code, said.matches("mb_").count()), (Some(64), 2), "{said}");
    printed(bind("Staff", ["--data", folder]));
    assert!(printed(token(&["list", "--data", folder], None)).contains("  for mb_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_token_with_a_lost_secret_locks_no_caller_out() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let server = Process::serve(data.path());
    let channel = crate::harness::connect(&server.address).await;
    let mut tokens = v1::api_token_service_client::ApiTokenServiceClient::new(channel);
    let request = v1::CreateApiTokenRequest { access: "admin".into(), ..Default::default() };
    // The reply is lost.
    drop(tokens.create_api_token(request).await.unwrap());
    let list = |arguments: &[&str], secret: Option<&str>| {
        tokio::task::block_in_place(|| token(&[&["list"], arguments].concat(), secret))
    };
    let (code, said) = refused(list(&["--server", &server.address], None));
    assert!(code == Some(69) && said.contains("UNAUTHENTICATED"), "{said}");
    drop(server);

    let made = printed(token(&["create", "--access", "admin", "--data", folder], None));
    assert!(!made.contains("first token"), "{made}");
    let secret = made.lines().last().unwrap();
    let listed = printed(list(&["--data", folder], None));
    let lost = listed.split(' ').next().unwrap();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    printed(token(&["revoke", lost, "--data", folder], None));
    let server = Process::serve(data.path());
    let listed = printed(list(&["--server", &server.address], Some(secret)));
    assert!(listed.lines().next().unwrap().contains("revoked 20"), "{listed}");
}
