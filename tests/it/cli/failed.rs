//! Files of failed rows hold rows that may be nowhere else: no import loses what another one or somebody has
//! written there.

use std::fs::{self, File};

use super::World;

/// The name of a list, a row in it that fails, the list of another night, and where failed rows go.
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
async fn an_import_that_goes_through_keeps_the_failed_rows_of_an_earlier_one() {
    let world = World::new().await;
    for [name, first, next, failed] in LISTS {
        let file = world.file(name, first);
        world.import(&file, "staff", &["--create-base"]).await.expect(1);
        // As they failed, and mended but not imported yet; by the next night's list, into this memberbase and
        // another one.
        let left = world.read(failed);
        for text in [left.clone(), left.replace("nonsense", "a@x.example")] {
            let rows = world.file(failed, &text);
            for base in ["staff", "guests"] {
                let file = world.file(name, next);
                let ended = world.import(&file, base, &["--create-base"]).await.expect(0);
                assert!(ended.stderr.contains(&format!("{rows} is kept")), "{}", ended.stderr);
                assert_eq!(world.read(failed), text);
            }
        }
        // Then they can still go in, and stay until somebody deletes them.
        world.import(world.path(failed).to_str().unwrap(), "staff", &[]).await.expect(0);
        assert_eq!(world.get("staff", "a").await["email"], "a@x.example");
        assert!(world.path(failed).exists());
        fs::remove_file(world.path(failed)).unwrap();
        // What somebody else wrote under the name, or was named, is nothing to speak of.
        let file = world.file(name, next);
        let named = world.file("named", &left);
        for more in [&[][..], &["--failed", &named]] {
            world.file(failed, "ref,email,notes\na,,x\n");
            let ended = world.import(&file, "staff", more).await.expect(0);
            assert!(!ended.stderr.contains("kept"), "{}", ended.stderr);
            assert_eq!(
                (world.read(failed), world.read("named")),
                ("ref,email,notes\na,,x\n".into(), left.clone())
            );
        }
    }
}

/// As while another import writes the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_import_writes_is_left_to_it_and_the_rows_go_beside_it() {
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
