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
