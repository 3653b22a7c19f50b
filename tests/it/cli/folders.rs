//! No command writes into another data directory or backup, and each error says what to do instead.

use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Ended, memberbase};
use crate::harness::{Process, command, run};

const USAGE: i32 = 64;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A refused backup does not leave an empty folder behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_refused_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let make = ["token", "create", "--access", "admin", "--new-store", "--data", text(&data)];
    memberbase(&make).await.expect(0);
    let server = Process::serve(&data);
    let closed =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let (new, empty) = (folder.path().join("new"), folder.path().join("empty"));
    std::fs::create_dir(&empty).unwrap();
    for out in [&new, &empty] {
        // No server at this address; then a server that requires a token.
        for at in [&closed, &server.address] {
            memberbase(&["backup", "--out", text(out), "--server", at]).await.expect(69);
        }
        // The folder is in use.
        memberbase(&["backup", "--out", text(out), "--data", text(&data)]).await.expect(74);
    }
    assert!(!new.exists());
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
}

async fn import(file: &Path, server: &Process, more: &[&str]) -> Ended {
    let at = ["import", text(file), "--base", "B", "--create-base", "--server", &server.address];
    memberbase(&[&at[..], more].concat()).await
}

/// A server with 500 members and a backup of it.
async fn scene() -> (TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let server = Process::start(command(&folder.path().join("data")).args(["--snapshot-after", "1MiB"]));
    let rows: String = (0..500).map(|row| format!("m{row},role {row}\n")).collect();
    std::fs::write(folder.path().join("list.csv"), format!("ref,role\n{rows}")).unwrap();
    import(&folder.path().join("list.csv"), &server, &[]).await.expect(0);
    let backup = folder.path().join("backup");
    memberbase(&["backup", "--out", text(&backup), "--server", &server.address]).await.expect(0);
    (folder, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_into_the_servers_data_directory_is_refused_and_loses_nothing() {
    let (folder, mut server) = scene().await;
    let data = folder.path().join("data");
    std::os::unix::fs::symlink(&data, folder.path().join("link")).unwrap();
    for out in [data.clone(), data.join("sub"), data.join("wal"), folder.path().join("link")] {
        let refused = memberbase(&["backup", "--out", text(&out), "--server", &server.address]).await;
        assert!(refused.expect(USAGE).stderr.contains("the data directory of a server"), "{}", out.display());
    }
    assert!(!data.join("MANIFEST").exists() && !data.join("sub").exists());
    let rows: String = (0..500).map(|row| format!("n{row},role {row}\n")).collect();
    std::fs::write(folder.path().join("more.csv"), format!("ref,role\n{rows}")).unwrap();
    import(&folder.path().join("more.csv"), &server, &[]).await.expect(0);
    server.signal(Signal::KILL);
    server.wait();
    let server = Process::serve(&data);
    let out = folder.path().join("out.csv");
    let export = ["export", "--base", "B", "--out", text(&out), "--server", &server.address];
    memberbase(&export).await.expect(0);
    assert_eq!(std::fs::read_to_string(out).unwrap().lines().count(), 1_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_refuses_a_folder_of_another_kind_and_says_what_to_do() {
    let (folder, mut server) = scene().await;
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    let list = folder.path().join("list.csv");
    for out in ["data/wal/0000000001.log", "backup/MANIFEST", "data/out.csv"] {
        let out = at(out);
        memberbase(&["export", "--base", "B", "--out", &out, "--server", &server.address])
            .await
            .expect(USAGE);
        import(&list, &server, &["--failed", &out]).await.expect(USAGE);
    }
    server.signal(Signal::TERM);
    server.wait();
    std::fs::create_dir(folder.path().join("others")).unwrap();
    std::fs::write(folder.path().join("others/file"), "theirs").unwrap();
    let (data, backup, others, new) = (at("data"), at("backup"), at("others"), at("new"));
    for (arguments, says) in [
        (&["restore", "--from", &backup, "--data", &data][..], "new data directory"),
        (&["restore", "--from", &data, "--data", &new], "memberbase backup"),
        (&["restore", "--from", &backup, "--data", &others], "not empty"),
        (&["backup", "--out", &others, "--data", &data], "empty folder"),
        (&["backup", "--out", &new, "--data", &others], "not the data directory"),
        (&["backup", "--out", &new, "--data", &backup], "memberbase verify"),
        (&["verify", &data], "memberbase check"),
        (&["check", "--data", &backup], "memberbase verify"),
        (&["check", "--deep", "--data", &backup], "memberbase verify"),
        (&["refold", "--data", &backup], "not the data directory"),
        (&["token", "create", "--access", "admin", "--data", &backup], "not the data directory"),
        (&["token", "create", "--access", "admin", "--new-store", "--data", &backup], "memberbase restore"),
        (&["token", "create", "--access", "admin", "--new-store", "--data", &others], "empty folder"),
    ] {
        let ended = memberbase(arguments).await.expect(USAGE);
        assert!(ended.stderr.contains(says), "{arguments:?}: {ended:?}");
    }
    for (data, says) in [(&backup, "memberbase restore"), (&others, "empty folder")] {
        let (code, printed) = run(&mut command(Path::new(data)));
        assert_eq!(code, Some(USAGE), "{printed}");
        assert!(printed.contains(says), "{printed}");
    }
    assert_eq!(std::fs::read_dir(&others).unwrap().count(), 1);
    memberbase(&["verify", &backup]).await.expect(0);
    memberbase(&["check", "--deep", "--data", &data]).await.expect(0);
}
