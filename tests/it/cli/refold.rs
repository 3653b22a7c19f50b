//! `memberbase refold` on stores that compare e-mail addresses by an older rule.

use std::path::Path;
use std::sync::Arc;

use memberbase::engine::sled::{SledConfig, SledEngine};
use memberbase::engine::{Batch, Direction, Engine, Key, KeyRange, Value};
use memberbase::model::Fold;
use memberbase::stored::key;
use memberbase::stored::meta::Meta;
use rustix::process::Signal;

use super::{Ended, memberbase};
use crate::harness::Process;

/// Two pairs of members that only the older rule tells apart, and one member that the older rule does not
/// find by every spelling.
const MEMBERS: &str = "ref,email\nmasse,masse@example.com\nmaße,maße@example.com\nzoë,zoë@example.com\n\
                       zoe,zoe\u{308}@example.com\nsas,σας@example.com\n";

/// Waits until the store is unlocked. If another test starts a child process at the moment of closing, the
/// child keeps this process's files open until it executes its program.
fn wait_until_free(data: &Path) {
    let Ok(lock) = std::fs::File::open(data.join("LOCK")) else { return };
    while lock.try_lock().is_err() {
        std::thread::yield_now();
    }
}

fn open(data: &Path) -> SledEngine {
    wait_until_free(data);
    let mut settings = SledConfig::new(data);
    settings.reserve_bytes = 1 << 20;
    SledEngine::open(settings, |_| ()).unwrap()
}

async fn meta(engine: &SledEngine) -> Meta {
    Meta::decode(&engine.get_many(&[key::meta()]).await.unwrap()[0].clone().unwrap()).unwrap()
}

/// Creates an empty store that compares addresses by this rule.
async fn make_store(data: &Path, fold: Fold) {
    stop(Process::serve(data));
    let engine = open(data);
    let mut batch = Batch::default();
    batch.put(key::meta(), Meta { fold_version: fold.version(), ..meta(&engine).await }.encode());
    engine.commit(batch).await.unwrap();
    engine.close().await.unwrap();
}

/// The rule of a store, and its entire content.
async fn everything(data: &Path) -> (u32, Vec<(Key, Value)>) {
    let engine: Arc<SledEngine> = Arc::new(open(data));
    let all = engine.scan(KeyRange::prefix(&[]), Direction::Forward, usize::MAX).await.unwrap();
    let fold = meta(&engine).await.fold_version;
    engine.close().await.unwrap();
    (fold, all)
}

fn stop(mut server: Process) {
    server.signal(Signal::TERM);
    assert!(server.wait().success());
}

async fn import(server: &Process, data: &Path, rows: &str) {
    let file = data.with_extension("csv");
    std::fs::write(&file, rows).unwrap();
    let arguments = ["import", file.to_str().unwrap(), "--base", "staff", "--create-base", "--server"];
    memberbase(&[&arguments[..], &[&server.address]].concat()).await.expect(0);
}

/// The ref of the member that has this address.
async fn holder(server: &Process, email: &str) -> String {
    let arguments = ["get", "--base", "staff", "--email", email, "--server", &server.address];
    let got = memberbase(&arguments).await.expect(0);
    let member: serde_json::Value = serde_json::from_str(&got.stdout).unwrap();
    member["ref"].as_str().unwrap().to_owned()
}

async fn refold(data: &Path) -> Ended {
    memberbase(&["refold", "--data", data.to_str().unwrap()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_are_listed_and_the_store_changes_only_when_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("store");
    make_store(&data, Fold::Lower).await;
    let server = Process::serve(&data);
    import(&server, &data, MEMBERS).await;
    let in_use = refold(&data).await.expect(74);
    assert!(in_use.stdout.is_empty() && in_use.stderr.contains("in use"), "{in_use:?}");
    stop(server);

    let before = everything(&data).await;
    assert_eq!(before.0, Fold::Lower.version());
    let refused = refold(&data).await.expect(1);
    let mut lines: Vec<&str> = refused.stdout.lines().collect();
    let rest = lines.split_off(2);
    for (spellings, line) in [["masse", "maße"], ["zoe\u{308}", "zoë"]].iter().zip(sorted(lines)) {
        assert!(
            line.starts_with("memberbase mb_") && line.ends_with(" would have the same address"),
            "{line}"
        );
        assert_eq!(line.matches("m_").count(), 2, "{line}");
        for spelling in spellings {
            assert!(line.contains(&format!(" {spelling}@example.com ")), "{line}");
        }
    }
    let expected = [
        "members with an e-mail address 5",
        "addresses that would not be accepted today 0",
        "pairs that would become one 2",
        "nothing was changed",
    ];
    assert_eq!(rest, expected);
    assert!(everything(&data).await == before, "the store changed");

    let server = Process::serve(&data);
    for (r#ref, spelling) in [("masse", "MASSE"), ("maße", "maße"), ("zoe", "zoe\u{308}"), ("zoë", "ZOË")]
    {
        assert_eq!(holder(&server, &format!("{spelling}@example.com")).await, r#ref);
    }
    import(&server, &data, "ref,email\nmasse,other@example.com\nzoe,third@example.com\n").await;
    stop(server);

    let done = refold(&data).await.expect(0);
    assert!(
        done.stdout.ends_with("pairs that would become one 0\nthe store now uses the newest rule\n"),
        "{done:?}"
    );
    assert_eq!(refold(&data).await.expect(0).stdout, "the store already uses the newest rule\n");
    memberbase(&["check", "--deep", "--data", data.to_str().unwrap()]).await.expect(0);
    let server = Process::serve(&data);
    for (r#ref, spelling) in [("maße", "MASSE"), ("zoë", "zoe\u{308}"), ("sas", "ΣΑΣ"), ("masse", "other")]
    {
        assert_eq!(holder(&server, &format!("{spelling}@example.com")).await, r#ref);
    }
}

/// The pairs are listed in no particular order.
fn sorted(mut lines: Vec<&str>) -> Vec<&str> {
    lines.sort_unstable_by_key(|line| line.contains("zo"));
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_refold_can_be_finished() {
    let folder = tempfile::tempdir().unwrap();
    make_store(folder.path(), Fold::Lower).await;
    let engine = open(folder.path());
    let mut batch = Batch::default();
    let amid = Meta { fold_version: memberbase::stored::meta::REFOLDING, ..meta(&engine).await };
    batch.put(key::meta(), amid.encode());
    engine.commit(batch).await.unwrap();
    engine.close().await.unwrap();
    drop(engine);
    wait_until_free(folder.path());
    let finished = refold(folder.path()).await.expect(0);
    assert_eq!(finished.stdout, "the store now uses the newest rule\n");
    assert_eq!(everything(folder.path()).await.0, Fold::NEWEST.version());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_without_a_store_does_not_become_one() {
    let folder = tempfile::tempdir().unwrap();
    for data in [folder.path().to_owned(), folder.path().join("nothing")] {
        let refused = refold(&data).await.expect(64);
        assert!(refused.stderr.contains(data.to_str().unwrap()), "{refused:?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    memberbase(&["refold"]).await.expect(64);
}
