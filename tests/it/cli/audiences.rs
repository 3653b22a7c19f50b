//! `memberbase audiences`.

use super::{Ended, World, memberbase};

async fn audiences(world: &World, arguments: &[&str]) -> Ended {
    memberbase(&[&["audiences"], arguments, &["--server", &world.url]].concat()).await
}

/// A server with the members a (gold), b (iron) and c (gold) in the memberbase `staff`.
async fn staff() -> World {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,tier\na,gold\nb,iron\nc,gold\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_is_created_listed_changed_archived_and_brought_back() {
    let world = staff().await;
    let create = ["create", "VIP", "--base", "staff", "--filter", "tier=gold", "--filter", "status=active"];
    let created = audiences(&world, &create).await.expect(0);
    let id = created.stdout.trim().to_owned();
    assert!(id.starts_with("aud_"), "{id}");
    let again = audiences(&world, &create).await.expect(69);
    assert!(again.stderr.contains("AUDIENCE_NAME_TAKEN"), "{}", again.stderr);
    let list = ["list", "--base", "staff"];
    assert_eq!(audiences(&world, &list).await.expect(0).stdout, format!("{id}\tVIP\t2\n"));
    let got = audiences(&world, &["get", "VIP", "--base", "staff"]).await.expect(0);
    let got: serde_json::Value = serde_json::from_str(&got.stdout).unwrap();
    assert_eq!(got["filters"][0], serde_json::json!({ "key": "tier", "eq": "gold" }));
    assert_eq!((&got["state"], &got["member_count"], &got["id"]), (&"READY".into(), &2.into(), &id.into()));
    let id = got["id"].as_str().unwrap();
    let update = ["update", id, "--name", "Iron", "--filter", "tier=iron"];
    assert_eq!(audiences(&world, &update).await.expect(0).stdout, format!("{id}\tIron\t1\n"));
    let cleared = audiences(&world, &["update", id, "--no-filter"]).await.expect(0);
    assert_eq!(cleared.stdout, format!("{id}\tIron\t0\n"));
    audiences(&world, &["update", id]).await.expect(64);
    let archived = audiences(&world, &["archive", "Iron", "--base", "staff"]).await.expect(0);
    assert_eq!(archived.stdout, format!("{id}\tIron\t-\tarchived\n"));
    assert_eq!(audiences(&world, &list).await.expect(0).stdout, "");
    let all = audiences(&world, &[&list[..], &["--archived"]].concat()).await.expect(0);
    assert_eq!(all.stdout, archived.stdout);
    audiences(&world, &["get", "Iron", "--base", "staff"]).await.expect(64);
    // It may get another name and filter, and comes back with them.
    let update = ["update", "Iron", "--base", "staff", "--name", "Ore", "--filter", "tier=gold"];
    assert_eq!(audiences(&world, &update).await.expect(0).stdout, format!("{id}\tOre\t-\tarchived\n"));
    let back = audiences(&world, &["unarchive", "Ore", "--base", "staff"]).await.expect(0);
    assert_eq!(back.stdout, format!("{id}\tOre\t2\n"));
    audiences(&world, &["update", "Ore", "--base", "staff", "--name", "Iron"]).await.expect(0);
    audiences(&world, &["get", "Iron", "--base", "staff"]).await.expect(0);
    let nameless = audiences(&world, &["get", "Iron"]).await.expect(64);
    assert!(nameless.stderr.contains("give --base too"), "{}", nameless.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_added_removed_shown_and_explained() {
    let world = staff().await;
    let vip = ["VIP", "--base", "staff"];
    audiences(&world, &[&["create"], &vip[..], &["--filter", "tier=gold"]].concat()).await.expect(0);
    let with = |command: &'static str, more: &[&'static str]| [&[command], &vip[..], more].concat();
    let added = audiences(&world, &with("add", &["--ref", "b", "--ref", "nobody"])).await.expect(1);
    assert_eq!(added.stdout, "1 member changed\n");
    assert!(added.stderr.contains("1 member not found"), "{}", added.stderr);
    let a = world.get("staff", "a").await["id"].as_str().unwrap().to_owned();
    let remove = [&["remove"], &vip[..], &["--id", &a]].concat();
    assert_eq!(audiences(&world, &remove).await.expect(0).stdout, "1 member changed\n");
    let members = audiences(&world, &with("members", &[])).await.expect(0);
    let refs: Vec<String> = members
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["ref"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!((refs, members.stderr.as_str()), (vec!["b".to_owned(), "c".to_owned()], "2 members\n"));
    let explained = audiences(&world, &with("explain", &["--ref", "a"])).await.expect(0);
    let wanted = format!(
        "{a} is not in the audience: it was removed by hand\nfilters[0]\ttier eq\tholds\tsaw \"gold\"\tdecided\n"
    );
    assert_eq!(explained.stdout, wanted);
    audiences(&world, &with("explain", &["--ref", "nobody"])).await.expect(1);
    let preview = ["preview", "--base", "staff", "--filter", "tier=gold", "--limit", "1"];
    let preview = audiences(&world, &preview).await.expect(0);
    assert_eq!((preview.stdout.lines().count(), preview.stderr.as_str()), (1, "2 members match\n"));
}
