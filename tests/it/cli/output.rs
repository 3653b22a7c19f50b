//! Standard output that cannot be written: full, closed, or without a reader.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use super::{World, memberbase};
use crate::harness::Process;

fn run(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memberbase"));
    for name in ["SERVER", "TOKEN", "DATA"] {
        command.env_remove(format!("MEMBERBASE_{name}"));
    }
    command.args(arguments).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.spawn().unwrap().wait_with_output().unwrap()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

/// A pipe without a reader.
fn broken() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

fn said(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_report_a_full_output_and_end_silently_without_a_reader() {
    let world = World::new().await;
    // More data than a pipe and its writer's buffer hold, so that an export fails in the middle of its rows.
    let rows: String = (0..3_000).map(|n| format!("r{n},{}\n", "x".repeat(90))).collect();
    let file = world.file("members.csv", format!("ref,last_name\na,\n{rows}"));
    let import = ["import", &file, "--base", "staff", "--create-base", "--server", &world.url];
    memberbase(&import).await.expect(0);
    let at = ["--base", "staff", "--server", &world.url];
    for command in [
        &import[..],
        &[&["export"], &at[..]].concat(),
        &[&["export", "--format", "ndjson"], &at[..]].concat(),
        &[&["get", "--ref", "a"], &at[..]].concat(),
        &["serve", "--print-config"],
        &["completions", "zsh"],
        &["--help"],
        &["--version"],
    ] {
        let (code, text) = said(&tokio::task::block_in_place(|| run(command, full(), Stdio::piped())));
        assert_eq!(code, Some(74), "{command:?}: {text}");
        assert!(text.contains("cannot write to standard output: No space left"), "{command:?}: {text}");
        let (code, text) = said(&tokio::task::block_in_place(|| run(command, broken(), Stdio::piped())));
        assert_eq!(code, Some(141), "{command:?}: {text}");
        assert!(!text.contains("panicked") && !text.contains("cannot write"), "{command:?}: {text}");
    }
    // Standard error carries no result, so a command succeeds without it.
    for stderr in [full(), broken()] {
        let ended = tokio::task::block_in_place(|| run(&import, Stdio::piped(), stderr));
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(String::from_utf8(ended.stdout).unwrap().contains("unchanged 3001\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_secret_could_not_be_printed_is_revoked() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let first = run(
        &["token", "create", "--access", "admin", "--new-store", "--data", folder],
        Stdio::piped(),
        Stdio::piped(),
    );
    let secret = String::from_utf8(first.stdout).unwrap().lines().last().unwrap().to_owned();
    let listed = |place: &[&str]| {
        let output = run(&[&["token", "list"], place].concat(), Stdio::piped(), Stdio::piped());
        String::from_utf8(output.stdout).unwrap()
    };
    let fail = |place: &[&str]| {
        let create = [&["token", "create", "--access", "write"], place].concat();
        for stdout in [full(), broken()] {
            let (code, text) = said(&run(&create, stdout, Stdio::piped()));
            assert_eq!(code, Some(74), "{text}");
            assert!(
                text.contains("was revoked, because nobody saw its secret") && !text.contains("sk_"),
                "{text}"
            );
        }
        let (code, text) = said(&run(&create, Stdio::null(), Stdio::piped()));
        assert!(code == Some(64) && text.contains("no token was created"), "{text}");
    };
    fail(&["--data", folder]);
    let tokens = listed(&["--data", folder]);
    assert_eq!((tokens.lines().count(), tokens.matches("revoked 20").count()), (3, 2), "{tokens}");

    let server = Process::serve(data.path());
    let place = ["--server", &server.address, "--token", &secret];
    tokio::task::block_in_place(|| fail(&place));
    let tokens = tokio::task::block_in_place(|| listed(&place));
    assert_eq!((tokens.lines().count(), tokens.matches("revoked 20").count()), (5, 4), "{tokens}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_token_whose_secret_could_not_be_printed_is_revoked_by_itself() {
    let world = World::new().await;
    let create = ["token", "create", "--access", "admin", "--server", &world.url];
    let (code, text) = said(&tokio::task::block_in_place(|| run(&create, full(), Stdio::piped())));
    assert_eq!(code, Some(74), "{text}");
    assert!(text.contains("was revoked") && text.contains("create one with --data"), "{text}");
}
