//! `memberbase token`, and clients that show one.

use std::process::Command;

use crate::harness::Process;

fn memberbase() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    command.env_remove("MEMBERBASE_TOKEN").env_remove("MEMBERBASE_DATA").env_remove("MEMBERBASE_SERVER");
    command
}

fn create(data: &std::path::Path, more: &[&str]) -> std::process::Output {
    memberbase().args(["token", "create", "--data"]).arg(data).args(more).output().unwrap()
}

#[test]
fn the_secret_is_the_last_line_and_opens_the_server() {
    let data = tempfile::tempdir().unwrap();
    let output = create(data.path(), &["--access", "admin", "--description", "first"]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let secret = printed.lines().last().unwrap();
    assert!(secret.starts_with("sk_") && secret.len() == 46, "{printed}");

    let server = Process::serve(data.path());
    let members = data.path().join("members.csv");
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
    let refused = import(None);
    assert_eq!(refused.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("UNAUTHENTICATED"), "{refused:?}");
    assert!(import(Some(secret)).status.success());
    let get = memberbase()
        .args(["get", "--server", &server.address, "--base", "Staff", "--ref", "user_1", "--token", secret])
        .output()
        .unwrap();
    assert!(get.status.success(), "{get:?}");

    // The data directory is in use, and says so.
    let busy = create(data.path(), &["--access", "read"]);
    assert_eq!(busy.status.code(), Some(74));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("in use"), "{busy:?}");
}

#[test]
fn a_bad_token_is_refused_with_the_field() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, field) in [
        (&["--access", "root"][..], "access"),
        (&["--access", "read", "--expires-at", "1999-01-01T00:00:00Z"], "expires_at"),
        (&["--access", "read", "--expires-at", "soon"], "expires_at"),
        (&["--access", "read", "--base", "mb_00000000000000000000000000"], "memberbase"),
    ] {
        let output = create(data.path(), arguments);
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(field), "{output:?}");
        assert!(output.stdout.is_empty());
    }
}
