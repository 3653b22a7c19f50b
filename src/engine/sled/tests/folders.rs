//! Stores and backups are never written into one another or among other files, whatever path leads there.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use super::super::backup::{self, Receiver};
use super::super::folder;
use super::snapshots::{small, two_generations};
use super::*;

/// Every file below a folder with its content, and every folder below it.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for path in files::list(dir).unwrap() {
        if path.is_dir() && !path.is_symlink() {
            found.append(&mut tree(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), fs::read(&path).ok());
        }
    }
    found
}

/// A folder with a store, a backup of it, other files, and links to these.
async fn scene() -> (Store, PathBuf) {
    let store = two_generations().await;
    let parent = store.dir().parent().unwrap().to_owned();
    backup::copy(&store.config, &parent.join("backup")).unwrap();
    fs::create_dir(parent.join("others")).unwrap();
    fs::write(parent.join("others/file"), "theirs").unwrap();
    // The files of a well-known database, whose lock file has the same name as ours.
    fs::create_dir(parent.join("database")).unwrap();
    fs::write(parent.join("database/LOCK"), "").unwrap();
    fs::write(parent.join("database/MANIFEST-000001"), "x").unwrap();
    fs::create_dir(parent.join("empty")).unwrap();
    for (link, to) in [("to-data", "data"), ("to-log", "data/wal"), ("to-backup", "backup")] {
        symlink(parent.join(to), parent.join(link)).unwrap();
    }
    (store, parent)
}

const IN_A_STORE: [&str; 6] =
    ["data/wal", "data/sub", "data/deep/sub", "to-log", "to-data/sub", "empty/../data/sub"];
const IN_A_BACKUP: [&str; 3] = ["backup/sub", "backup/wal/sub", "to-backup/sub"];
const OF_OTHERS: [&str; 2] = ["others", "database"];

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, EngineError>) -> bool {
    matches!(outcome, Err(EngineError::WrongFolder(_)))
}

#[tokio::test]
async fn a_backup_is_written_only_into_backups_and_empty_folders() {
    let (store, parent) = scene().await;
    let engine = store.open();
    let before = tree(&parent);
    for out in ["data", "to-data"].iter().chain(&IN_A_STORE).chain(&IN_A_BACKUP).chain(&OF_OTHERS) {
        assert!(is_refused(Receiver::open(&parent.join(out))), "{out}");
        assert_eq!(tree(&parent), before, "{out}");
    }
    fill(&engine, 51..=55).await;
    engine.close().await.unwrap();
    for out in ["backup", "to-backup", "empty", "new"] {
        let received = backup::copy(&store.config, &parent.join(out)).unwrap();
        assert_eq!(received.position, 55, "{out}");
        assert_eq!(backup::verify(&parent.join(out)).unwrap().damage, []);
    }
    expect(&store.open(), 55).await;
}

#[tokio::test]
async fn a_store_is_opened_only_as_a_store_or_created_in_an_empty_folder() {
    let (store, parent) = scene().await;
    let before = tree(&parent);
    for data in ["backup", "to-backup"].iter().chain(&IN_A_STORE).chain(&IN_A_BACKUP).chain(&OF_OTHERS) {
        let config = SledConfig { dir: parent.join(data), ..store.config.clone() };
        assert!(is_refused(SledEngine::open(config, |_| {})), "{data}");
        assert_eq!(tree(&parent), before, "{data}");
    }
    fs::create_dir(parent.join("empty/lost+found")).unwrap();
    for (data, last) in [("empty", 0), ("new", 0), ("to-data", 50)] {
        let config = SledConfig { dir: parent.join(data), ..store.config.clone() };
        expect(&SledEngine::open(config, |_| {}).unwrap(), last).await;
    }
}

#[tokio::test]
async fn a_restore_makes_a_folder_outside_of_stores_and_backups() {
    let (_store, parent) = scene().await;
    let before = tree(&parent);
    let wrong = ["data", "backup", "to-data"];
    for target in wrong.iter().chain(&IN_A_STORE).chain(&IN_A_BACKUP).chain(&OF_OTHERS) {
        assert!(is_refused(backup::Site::begin(&parent.join(target))), "{target}");
        assert_eq!(tree(&parent), before, "{target}");
    }
}

#[tokio::test]
async fn commands_for_stores_reject_backups_and_commands_for_backups_reject_stores() {
    let (store, parent) = scene().await;
    let before = tree(&parent);
    for data in ["backup", "to-backup", "others", "database", "empty", "new"] {
        let dir = parent.join(data);
        assert!(is_refused(check(&dir, |_| {})), "{data}");
        let config = SledConfig { dir, ..store.config.clone() };
        assert!(is_refused(backup::copy(&config, &parent.join("out"))), "{data}");
        assert!(!config.has_store(), "{data}");
    }
    assert!(is_refused(backup::verify(store.dir())));
    let target = SledConfig { dir: parent.join("new"), ..store.config.clone() };
    assert!(is_refused(backup::restore(store.dir(), &target, &mut |_| Ok(false))));
    assert_eq!(tree(&parent), before);
}

#[tokio::test]
async fn a_backup_interrupted_at_its_very_beginning_is_still_recognised_as_one() {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=3).await;
    engine.close().await.unwrap();
    let parent = store.dir().parent().unwrap();
    for (name, content) in [("begun", Some("")), ("marked", Some("memberbase backup\n")), ("opened", None)] {
        let out = parent.join(name);
        match content {
            Some(content) => {
                fs::create_dir(&out).unwrap();
                fs::write(out.join("MANIFEST.new"), content).unwrap();
            }
            // What a kill leaves: the files as they are during a write, and no lock.
            None => {
                let writing = parent.join("writing");
                let _receiver = Receiver::open(&writing).unwrap();
                copy_dir(&writing, &out);
            }
        }
        let config = SledConfig { dir: out.clone(), ..store.config.clone() };
        assert!(is_refused(SledEngine::open(config, |_| {})), "{name}");
        assert_eq!(backup::copy(&store.config, &out).unwrap().position, 3, "{name}");
        assert_eq!(backup::verify(&out).unwrap().damage, []);
    }
}

#[tokio::test]
async fn log_and_snapshots_alone_are_a_store_even_with_a_manifest() {
    let (store, parent) = scene().await;
    let bare = SledConfig { dir: parent.join("bare"), ..store.config.clone() };
    for part in ["wal", "snapshots"] {
        copy_dir(&store.dir().join(part), &bare.dir.join(part));
    }
    for name in ["CONFIRMED", "BOOT"] {
        drop(fs::remove_file(bare.log_dir().join(name)));
    }
    assert!(is_refused(Receiver::open(&bare.dir)));
    fs::copy(parent.join("backup/MANIFEST"), store.dir().join("MANIFEST")).unwrap();
    assert!(is_refused(Receiver::open(store.dir())));
    expect(&SledEngine::open(bare, |_| {}).unwrap(), 50).await;
    expect(&store.open(), 50).await;
}

#[tokio::test]
async fn files_are_not_written_into_stores_and_backups() {
    let (_store, parent) = scene().await;
    for file in
        ["data/x", "data/wal/0000000001.log", "to-log/x", "backup/x", "to-backup/MANIFEST", "data/new/x"]
    {
        assert!(is_refused(folder::refuse_inside(&parent.join(file))), "{file}");
    }
    symlink(parent.join("data/LOCK"), parent.join("link")).unwrap();
    assert!(is_refused(folder::refuse_inside(&parent.join("link"))));
    for file in ["x", "others/file", "database/x", "empty/x", "/dev/null", "/dev/stdout"] {
        folder::refuse_inside(&parent.join(file)).unwrap();
    }
}
