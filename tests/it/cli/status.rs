//! Lists with a status column, and exports that are imported again.

use serde_json::Value;

use super::{World, memberbase};

/// A memberbase with members that have a ref, and one member without.
async fn world() -> World {
    let world = World::new().await;
    let file =
        world.file("members.csv", "ref,email,tier\na,a@x.example,Gold\nb,b@x.example,\n' c,c@x.example,\n");
    world.import(&file, "staff", &["--create-base", "--no-trim"]).await.expect(0);
    let file = world.file("members.csv", "email,tier,first_name\nnobody@x.example,Gold,'=A\n");
    world.import(&file, "staff", &["--match", "email", "--no-trim"]).await.expect(0);
    world
}

async fn export(world: &World, format: &str) -> String {
    let name = format!("export.{format}");
    world.export("staff", &world.path(&name), &["--format", format]).await.expect(0);
    world.path(&name).to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_imports_as_unchanged_even_for_members_without_a_ref() {
    let world = world().await;
    for format in ["csv", "ndjson"] {
        let file = export(&world, format).await;
        for more in [&[][..], &["--replace"], &["--match", "id"], &["--match", "email"], &["--apply-status"]]
        {
            let again = world.import(&file, "staff", more).await.expect(0);
            assert_eq!(again.counts(), [0, 0, 4, 0, 0], "{format} {more:?}");
            assert!(!again.stderr.contains("warning"), "{}", again.stderr);
        }
        // A change in the file changes the member by id, and creates none.
        let text = std::fs::read_to_string(&file).unwrap().replace("'=A", "Changed");
        let changed = world.file(&format!("changed.{format}"), text);
        assert_eq!(
            world.import(&changed, "staff", &[]).await.expect(0).counts(),
            [0, 1, 3, 0, 0],
            "{format}"
        );
        assert_eq!(world.import(&file, "staff", &[]).await.expect(0).counts(), [0, 1, 3, 0, 0], "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_memberbase_fails_with_its_field_and_rows_with_a_ref_do_not_need_it() {
    let world = world().await;
    let file = export(&world, "csv").await;
    let ended = world.import(&file, "copy", &["--create-base"]).await.expect(1);
    assert_eq!(ended.counts(), [3, 0, 0, 0, 1]);
    assert!(
        world.read("export.failed.csv").contains(",MEMBER_NOT_FOUND,id,"),
        "{}",
        world.read("export.failed.csv")
    );
    assert_eq!(world.import(&file, "copy", &["--match", "id"]).await.expect(1).counts(), [0, 0, 0, 0, 4]);
    assert_eq!(
        world.get("copy", "' c").await["email"],
        "c@x.example",
        "cells of an export are read as they are"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_match_by_id_the_ref_is_an_ordinary_field() {
    let world = world().await;
    let id = world.get("staff", "a").await["id"].as_str().unwrap().to_owned();
    let file = world.file("members.csv", format!("id,ref,email\n{id},z,z@x.example\n{id},b,\nm_7,y,\n"));
    let ended = world.import(&file, "staff", &["--match", "id"]).await.expect(1);
    assert_eq!(ended.counts(), [0, 1, 0, 0, 2]);
    let failed = world.read("members.failed.csv");
    assert!(failed.contains("REF_TAKEN,ref") && failed.contains("ID_MALFORMED,id"), "{failed}");
    assert_eq!(world.get("staff", "z").await["id"], id.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_not_applied_is_reported_and_an_applied_one_follows_the_table() {
    let world = world().await;
    let file = world.file("members.csv", "ref,status,tier\na,inactive,Gold\nb,active,\nnew,invited,\n");
    for (more, counts) in
        [(&[][..], [1, 0, 2, 0, 0]), (&[], [0, 0, 3, 0, 0]), (&["--reactivate"], [0, 0, 3, 0, 0])]
    {
        let ended = world.import(&file, "staff", more).await.expect(0);
        assert_eq!(ended.counts(), counts);
        assert!(
            ended
                .stderr
                .contains("warning: 1 row has another status than its member, which was not changed;"),
            "{}",
            ended.stderr
        );
    }
    let tiered = world.file("members.csv", "ref,status,tier\na,inactive,Silver\n");
    for counts in [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]] {
        let ended = world.import(&tiered, "staff", &[]).await.expect(0);
        assert_eq!(ended.counts(), counts);
        assert!(
            ended.stderr.contains("warning: 1 row has another status"),
            "a repeat must report it again: {}",
            ended.stderr
        );
    }
    let applied = world.import(&tiered, "staff", &["--apply-status"]).await.expect(0);
    assert_eq!(applied.counts(), [0, 1, 0, 0, 0]);
    assert!(!applied.stderr.contains("warning"), "{}", applied.stderr);
    assert_eq!(world.get("staff", "a").await["status"], "inactive");
    let file = world.file("members.csv", "ref,status\na,active\nb,invited\nnew,active\n");
    let ended = world.import(&file, "staff", &["--apply-status"]).await.expect(1);
    assert_eq!(ended.counts(), [0, 1, 0, 1, 1]);
    assert!(world.read("members.failed.csv").contains(",STATUS_TRANSITION,status,"));
    let statuses: Vec<Value> =
        [world.get("staff", "a").await, world.get("staff", "b").await, world.get("staff", "new").await]
            .map(|mut member| member["status"].take())
            .into();
    assert_eq!(statuses, ["active", "active", "active"]);
    memberbase(&["import", "--help"]).await.expect(0);
}
