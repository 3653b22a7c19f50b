//! A file of failed rows may have the only copy of its rows: no import overwrites the work of another import
//! or of a user.

use std::fs::{self, File};

use super::World;

/// The name of a list, a row that fails in it, the list of another night, and the file of failed rows.
const LISTS: [[&str; 4]; 2] = [
    ["members.csv", "ref,email\na,nonsense\n", "ref,email\nz,z@x.example\n", "members.failed.csv"],
    [
        "members.ndjson",
        "{\"ref\":\"a\",\"email\":\"nonsense\"}\n",
        "{\"ref\":\"z\",\"email\":\"z@x.example\"}\n",
        "members.failed.ndjson",
    ],
];

#[tokio::test(flavor = "multi_thread")]
async fn a_successful_import_keeps_the_failed_rows_of_an_earlier_one() {
    let world = World::new().await;
    for [name, first, next, failed] in LISTS {
        let file = world.file(name, first);
        world.import(&file, "staff", &["--create-base"]).await.expect(1);
        // The rows as they failed, and corrected but not imported yet. The next night's list is imported into
        // this memberbase and into another one.
        let left = world.read(failed);
        for text in [left.clone(), left.replace("nonsense", "a@x.example")] {
            let rows = world.file(failed, &text);
            for base in ["staff", "guests"] {
                let file = world.file(name, next);
                let ended = world.import(&file, base, &["--create-base"]).await.expect(0);
                assert!(
                    ended.stderr.contains(&format!("{rows} still has the failed rows")),
                    "{}",
                    ended.stderr
                );
                assert_eq!(world.read(failed), text);
            }
        }
        // The rows can still be imported, and stay in the file until a user deletes them.
        world.import(world.path(failed).to_str().unwrap(), "staff", &[]).await.expect(0);
        assert_eq!(world.get("staff", "a").await["email"], "a@x.example");
        assert!(world.path(failed).exists());
        fs::remove_file(world.path(failed)).unwrap();
        // An import does not mention other files of this name, or a file named with `--failed`.
        let file = world.file(name, next);
        let named = world.file("named", &left);
        for more in [&[][..], &["--failed", &named]] {
            world.file(failed, "ref,email,notes\na,,x\n");
            let ended = world.import(&file, "staff", more).await.expect(0);
            assert!(!ended.stderr.contains("still has"), "{}", ended.stderr);
            assert_eq!(
                (world.read(failed), world.read("named")),
                ("ref,email,notes\na,,x\n".into(), left.clone())
            );
        }
    }
}

/// The file as it is while another import writes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_import_writes_is_left_alone_and_the_rows_go_to_another() {
    let world = World::new().await;
    for [name, first, _, failed] in LISTS {
        let file = world.file(name, first);
        let theirs = world.file(failed, "rows of another import");
        let held = File::open(&theirs).unwrap();
        held.lock().unwrap();
        let [stem, ending] = failed.split_once(".failed.").map(|(stem, ending)| [stem, ending]).unwrap();
        for number in 1..=2 {
            let ended = world.import(&file, "staff", &["--create-base"]).await.expect(1);
            let own = format!("{stem}.failed.{number}.{ending}");
            assert!(
                ended.stderr.contains(&format!("it is in {}", world.path(&own).display())),
                "{}",
                ended.stderr
            );
            assert!(ended.stderr.contains(&format!("not in {theirs}, because another")), "{}", ended.stderr);
            assert!(world.read(&own).contains("EMAIL_INVALID"), "{}", world.read(&own));
            assert_eq!(world.read(failed), "rows of another import");
        }
        drop(held);
        let ended = world.import(&file, "staff", &[]).await.expect(1);
        assert!(ended.stderr.contains(&format!("it is in {theirs}")), "{}", ended.stderr);
        assert_eq!(world.read(&format!("{stem}.failed.3.{ending}")), "rows of another import");
    }
}
