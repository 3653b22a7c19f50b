//! `memberbase history`.

use serde_json::Value;

use super::{World, memberbase};

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_printed_as_text_and_as_json() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,email,tier\na,ana@example.com,\nb,bo@example.com,\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    for tier in ["Gold", "Silver"] {
        let file = world.file("tiers.csv", format!("ref,tier\na,{tier}\n"));
        world.import(&file, "staff", &[]).await.expect(0);
    }
    let history = ["history", "--server", &world.url];
    let by_ref = [&history[..], &["--base", "staff", "--ref", "a"]].concat();
    let ended = memberbase(&by_ref).await.expect(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let is_change = |line: &&&str| !line.starts_with(' ');
    let changes: Vec<&&str> = lines.iter().filter(is_change).collect();
    assert_eq!(changes.len(), 3, "{}", ended.stdout);
    assert!(changes[0].contains("Z  updated in revision ") && changes[2].contains("Z  created in revision "));
    assert!(changes[0].contains("by a caller without a token, call import_members, door grpc, import "));
    assert_eq!((lines[1], lines[3]), ("    tier  \"Gold\" → \"Silver\"", "    tier  nothing → \"Gold\""));
    assert!(lines.contains(&"    email   \"ana@example.com\""), "{}", ended.stdout);
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);

    let id = world.get("staff", "a").await["id"].as_str().unwrap().to_owned();
    let by_id = [&history[..], &["--id", &id, "--format", "ndjson"]].concat();
    let ended = memberbase(&by_id).await.expect(0);
    let objects: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["updated", "updated", "created"]);
    assert_eq!(objects[1]["fields"][0]["after"], "Gold");
    assert_eq!(
        (&objects[0]["origin"]["actor"], &objects[0]["origin"]["door"]),
        (&"anybody".into(), &"grpc".into())
    );

    let ended = memberbase(&[&by_id[..], &["--limit", "2"]].concat()).await.expect(0);
    assert_eq!(ended.stdout.lines().count(), 2);
    let ended = memberbase(&[&history[..], &["--base", "staff", "--ref", "nobody"]].concat()).await.expect(1);
    assert!(ended.stdout.is_empty() && ended.stderr.contains("MEMBER_NOT_FOUND"), "{ended:?}");
    memberbase(&history).await.expect(64);
    memberbase(&[&by_ref[..], &["--id", &id]].concat()).await.expect(64);
    memberbase(&[&by_ref[..], &["--format", "csv"]].concat()).await.expect(64);
}
