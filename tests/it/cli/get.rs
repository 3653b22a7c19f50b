//! `memberbase get`.

use serde_json::Value;

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_found_by_each_of_its_keys() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,email,worker id\na,Ana@example.com,W-1\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let member = world.get("staff", "a").await;
    let id = member["id"].as_str().unwrap();
    for key in [
        &["--id", id][..],
        &["--base", "staff", "--email", "ana@EXAMPLE.com"],
        &["--base", "staff", "--worker-id", "W-1"],
    ] {
        let got = memberbase(&[&["get", "--server", &world.url], key].concat()).await.expect(0);
        assert_eq!(serde_json::from_str::<Value>(&got.stdout).unwrap(), member, "{key:?}");
    }
    let missing =
        memberbase(&["get", "--server", &world.url, "--base", "staff", "--ref", "nobody"]).await.expect(1);
    assert!(missing.stdout.is_empty() && missing.stderr.contains("MEMBER_NOT_FOUND"), "{missing:?}");
    let nothing = memberbase(&["get", "--server", &world.url]).await.expect(64);
    for key in ["--id", "--ref", "--email", "--worker-id"] {
        assert!(nothing.stderr.contains(key), "{key} is not in {}", nothing.stderr);
    }
    let two = ["get", "--server", &world.url, "--base", "staff", "--ref", "a", "--email", "ana@example.com"];
    memberbase(&two).await.expect(64);
    memberbase(&["get", "--server", &world.url, "--ref", "a"]).await.expect(64);
    let unnamed = memberbase(&["get", "--server", &world.url, "--base", "", "--ref", "a"]).await.expect(64);
    assert!(unnamed.stderr.contains("--base is empty"), "{unnamed:?}");
    let malformed = memberbase(&["get", "--server", &world.url, "--id", "m_short"]).await.expect(64);
    let what = malformed.stderr.lines().next().unwrap().rsplit(": ").next().unwrap();
    assert_eq!(malformed.stderr.matches(what).count(), 1, "not reported exactly once: {}", malformed.stderr);
}
