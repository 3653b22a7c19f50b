//! Restores: one at a time assembles a store, and the leftovers of a failed or killed one do not disturb the
//! next.

use super::super::backup::{self, Site};
use super::backups::{FAILS_AT, folder};
use super::snapshots::{DISK_FAULTS, names, small, two_generations};
use super::*;

#[tokio::test]
async fn a_restore_whose_disk_fails_at_any_operation_leaves_nothing_and_works_next_time() {
    let store = two_generations().await;
    let out = folder(&store, "backup");
    backup::copy(&store.config, &out).unwrap();
    for (kind, fail) in DISK_FAULTS {
        for n in FAILS_AT {
            let mut target = small();
            let parent = target.dir().parent().unwrap().to_owned();
            let new = parent.join("new");
            let site = Site::begin(&new).unwrap();
            target.config.dir = site.dir().to_owned();
            fail(&target.config.faults, n);
            let outcome = backup::restore(&out, &target.config, &mut |_| Ok(false));
            target.config.faults.clear();
            if outcome.is_ok() {
                break;
            }
            assert!(!new.exists(), "{kind} {n}");
            // As if the restore had been killed.
            drop(site);
            let site = Site::begin(&new).unwrap();
            assert_eq!(site.dir(), target.config.dir, "{kind} {n}");
            backup::restore(&out, &target.config, &mut |_| Ok(false)).unwrap();
            site.settle().unwrap();
            target.config.dir = new;
            expect(&target.open(), 50).await;
        }
    }
}

#[tokio::test]
async fn two_restores_never_assemble_the_same_store() {
    let store = two_generations().await;
    let out = folder(&store, "backup");
    backup::copy(&store.config, &out).unwrap();
    let mut copy = small();
    let (new, work) = (folder(&copy, "new"), folder(&copy, "new.restoring"));
    let refused = || Site::begin(&new).unwrap_err().to_string();
    // The first restore is killed.
    for ends in [false, true] {
        let site = Site::begin(&new).unwrap();
        assert_eq!(names(&work), ["RESTORING"], "what a killed one left is removed");
        copy.config.dir = site.dir().to_owned();
        backup::restore(&out, &copy.config, &mut |_| Ok(false)).unwrap();
        let made = names(&work);
        assert!(refused().contains("another restore is at work there"), "{}", refused());
        assert_eq!(names(&work), made);
        if ends {
            site.settle().unwrap();
        }
    }
    assert!(refused().contains("not empty") && !work.exists(), "{}", refused());
    copy.config.dir = new;
    expect(&copy.open(), 50).await;
}

#[tokio::test]
async fn a_restore_leaves_a_folder_with_other_files_untouched() {
    let store = small();
    let (new, work) = (folder(&store, "new"), folder(&store, "new.restoring"));
    fs::create_dir(&work).unwrap();
    fs::write(work.join("file"), "theirs").unwrap();
    assert!(Site::begin(&new).unwrap_err().to_string().contains("is in the way"));
    assert_eq!(names(&work), ["file"]);
    // An empty directory can be that of a restore that was killed at its beginning.
    fs::remove_file(work.join("file")).unwrap();
    Site::begin(&new).unwrap().discard().unwrap();
    assert!(!work.exists() && !new.exists());
}
