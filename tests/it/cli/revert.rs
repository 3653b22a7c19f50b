//! `memberbase jobs revert`.

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_shows_its_plan_and_takes_back_what_a_job_did() {
    let world = World::new().await;
    let rows = |count: usize| -> String { (0..count).map(|n| format!("m{n},m{n}@example.com\n")).collect() };
    let full = world.file("full.csv", format!("ref,email\n{}", rows(20)));
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let changed = format!("ref,email\n{}", rows(18)).replace("m3@example.com", "new@example.com");
    let changed = world.file("changed.csv", &changed);
    memberbase(&["sync", &changed, "--base", "people", "--server", &world.url, "--yes"]).await.expect(0);
    assert_eq!(world.get("people", "m19").await["status"], "inactive");
    let jobs = async |arguments: &[&str]| {
        memberbase(&[&["jobs"], arguments, &["--server", &world.url]].concat()).await
    };
    let listed = jobs(&["list", "--base", "people"]).await.expect(0).stdout;
    let id = listed.split(' ').next().unwrap().to_owned();
    let dry = jobs(&["revert", &id, "--dry-run", "--quiet"]).await.expect(0).stdout;
    for line in ["1  updated", "m3: email \"new@example.com\" to \"m3@example.com\"", "2  reactivated"] {
        assert!(dry.contains(line), "{dry}");
    }
    // Standard input is no terminal, so nobody can be asked.
    let ended = jobs(&["revert", &id, "--quiet"]).await.expect(2);
    assert!(ended.stderr.contains("memberbase jobs approve job_"), "{}", ended.stderr);
    assert_eq!(world.get("people", "m19").await["status"], "inactive");
    let done = jobs(&["revert", &id, "--quiet", "--yes", "--name", "oops"]).await.expect(0).stdout;
    assert!(done.contains("succeeded \"oops\"; done: 1 updated, 2 reactivated"), "{done}");
    assert_eq!(world.get("people", "m19").await["status"], "active");
    assert_eq!(world.get("people", "m3").await["email"], "m3@example.com");
    let listed = jobs(&["list", "--base", "people"]).await.expect(0).stdout;
    let revert = listed.split(' ').next().unwrap().to_owned();
    let results = jobs(&["results", &revert]).await.expect(0).stdout;
    assert_eq!(results.lines().filter(|line| line.contains("\"reactivated\"")).count(), 2, "{results}");
    jobs(&["revert", "--base", "people", "--revisions", "1..99999", "--yes"]).await.expect(69);
    jobs(&["revert", "--base", "people", "--revisions", "9..7"]).await.expect(64);
    jobs(&["revert", "--base", "people"]).await.expect(64);
    jobs(&["revert", &id, "--base", "people"]).await.expect(64);
    let all = jobs(&["revert", "--base", "people", "--revisions", "1..", "--dry-run", "--quiet"]).await;
    assert!(all.expect(0).stdout.contains("20  deleted"));
}
