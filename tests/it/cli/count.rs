//! `memberbase count`.

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn members_are_counted_together_and_by_the_values_of_a_field() {
    let world = World::new().await;
    let rows = "ref,tier,role\na,Gold,cook\nb,Gold,driver\nc,\"Silver\",cook\nd,,cook\n";
    let file = world.file("members.csv", rows);
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let count = ["count", "--base", "staff", "--server", &world.url];
    for (more, expected) in [
        (&[][..], "4\n"),
        (&["--filter", "tier=Gold"], "2\n"),
        (&["--filter", "tier=Gold", "--filter", "role=cook"], "1\n"),
        (&["--by", "tier"], "2\t\"Gold\"\n1\t\"Silver\"\n1\tnull\n4\n"),
        (&["--by", "tier", "--filter", "role=cook"], "1\t\"Gold\"\n1\t\"Silver\"\n1\tnull\n3\n"),
    ] {
        let ended = memberbase(&[&count[..], more].concat()).await.expect(0);
        assert_eq!(ended.stdout, expected, "{more:?}");
    }
    let refused = memberbase(&[&count[..], &["--by", "role"]].concat()).await.expect(64);
    assert!(refused.stderr.contains("group_by: must be `tier`, `status`"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_counted_by_their_audiences() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,tier\na,Gold\nb,Gold\nc,Iron\nd,\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let create = async |name: &str, filter: &str| {
        let arguments = ["audiences", "create", name, "--base", "staff", "--filter", filter];
        let made = memberbase(&[&arguments[..], &["--server", &world.url]].concat()).await.expect(0);
        made.stdout.trim().to_owned()
    };
    let gold = create("Gold tier", "tier=Gold").await;
    let named = create("Tier named", r#"{"key": "tier", "exists": true}"#).await;
    let count = ["count", "--base", "staff", "--by", "audience", "--server", &world.url];
    let counted = memberbase(&count).await.expect(0);
    let expected = format!("2\t\"{gold}\"\tGold tier\n3\t\"{named}\"\tTier named\n1\tnull\n4\n");
    assert_eq!(counted.stdout, expected);
    let counted = memberbase(&[&count[..], &["--filter", "tier=Iron"]].concat()).await.expect(0);
    assert_eq!(counted.stdout, format!("1\t\"{named}\"\tTier named\n1\n"));
}
