//! Backups with missing batches: never made, never verified as good, never restored.

use super::super::backup::{self, Receiver};
use super::backups::{folder, restore, whole};
use super::snapshots::{confirm, small};
use super::*;

/// A store whose backup consists of a snapshot and several segments.
async fn scene() -> (Store, SledEngine, PathBuf) {
    let store = small();
    let engine = store.open();
    fill(&engine, 1..=20).await;
    confirm(&engine).await;
    engine.snapshot().await.unwrap();
    fill(&engine, 21..=60).await;
    let out = folder(&store, "backup");
    assert_eq!(whole(&engine, &out).await.position, 60);
    (store, engine, out)
}

/// Removes a file from the backup and from its manifest, as if the backup had never had it.
fn forget(out: &Path, name: &str) {
    fs::remove_file(out.join(name)).unwrap();
    let text = fs::read_to_string(out.join("MANIFEST")).unwrap();
    let kept = text.lines().filter(|line| !line.contains(name) && !line.starts_with("sum "));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    let sum = crc32c::crc32c(kept.as_bytes());
    fs::write(out.join("MANIFEST"), format!("{kept}sum {sum:08x}\n")).unwrap();
}

fn files_of(out: &Path) -> Vec<String> {
    let parts = ["snapshots", "wal"].iter().flat_map(|part| files::list(&out.join(part)).unwrap());
    parts.map(|path| path.strip_prefix(out).unwrap().to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_backup_that_lacks_any_of_its_files_is_not_whole_and_not_restored() {
    let (store, engine, out) = scene().await;
    let names = files_of(&out);
    assert!(names.len() >= 4 && names[0].starts_with("snapshots"), "{names:?}");
    for listed in [true, false] {
        for name in &names {
            let copy = folder(&store, "copy");
            copy_dir(&out, &copy);
            if listed {
                fs::remove_file(copy.join(name)).unwrap();
            } else {
                forget(&copy, name);
            }
            assert!(!backup::verify(&copy).unwrap().damage.is_empty(), "{name} {listed}");
            let target = SledConfig { dir: folder(&store, "new"), ..store.config.clone() };
            assert!(backup::restore(&copy, &target, &mut |_| Ok(false)).is_err(), "{name} {listed}");
            assert!(!target.dir.exists());
            // A second backup does not extend it either.
            let again = Receiver::open(&copy);
            assert!(listed == again.is_err(), "{name} {listed}");
            fs::remove_dir_all(&copy).unwrap();
        }
    }
    let all_log = folder(&store, "copy");
    copy_dir(&out, &all_log);
    names.iter().filter(|name| name.starts_with("wal")).for_each(|name| forget(&all_log, name));
    let damage = backup::verify(&all_log).unwrap().damage;
    assert!(damage.iter().any(|error| error.to_string().contains("batches 21 to 60")), "{damage:?}");
    drop(engine);
}

#[tokio::test]
async fn a_store_whose_log_is_gone_gives_no_backup_and_the_one_before_stays_whole() {
    let (store, engine, out) = scene().await;
    fill(&engine, 61..=65).await;
    let segments = store.segments();
    segments.iter().for_each(|path| fs::remove_file(path).unwrap());
    let fresh = folder(&store, "fresh");
    for folder in [&out, &fresh] {
        let (_, held) = Receiver::open(folder).unwrap();
        let error = engine.backup(held).await.unwrap_err();
        assert!(error.to_string().contains("no file of the log has the batches"), "{error}");
    }
    assert_eq!(backup::verify(&out).unwrap().damage, []);
    let (restored, _copy) = restore(&store, &out, "restored", None);
    expect(&restored, 60).await;
}

#[tokio::test]
async fn a_plan_that_lacks_what_it_announces_becomes_no_backup() {
    let (store, engine, out) = scene().await;
    for keep_log in [false, true] {
        let fresh = folder(&store, if keep_log { "log" } else { "snapshot" });
        let (mut receiver, held) = Receiver::open(&fresh).unwrap();
        let backup = engine.backup(held).await.unwrap();
        let mut outline = backup.outline().clone();
        let kept: Vec<_> = (0..outline.files.len())
            .filter(|index| outline.files[*index].name.starts_with("wal") == keep_log)
            .collect();
        outline.files = kept.iter().map(|index| outline.files[*index].clone()).collect();
        receiver.begin(outline.clone()).unwrap();
        for (at, index) in kept.into_iter().enumerate() {
            receiver.write(at, 0, &backup.read(index, 0).unwrap()).unwrap();
        }
        receiver.finish().unwrap_err();
        assert!(!fresh.join("MANIFEST").exists());
    }
    // The same, as an extension of an existing backup.
    let (mut receiver, held) = Receiver::open(&out).unwrap();
    fill(&engine, 61..=62).await;
    let mut outline = engine.backup(held).await.unwrap().outline().clone();
    assert!(outline.extends);
    outline.files.clear();
    receiver.begin(outline).unwrap();
    receiver.finish().unwrap_err();
    assert_eq!(backup::verify(&out).unwrap().position, 60);
    assert_eq!(backup::verify(&out).unwrap().damage, []);
}
