//! `memberbase sync` and `memberbase jobs`.

use std::sync::atomic::Ordering;

use super::proxy::Proxy;
use super::{World, memberbase};

/// A list of the members `m0` to `m<count - 1>`.
fn list(count: usize) -> String {
    let rows: Vec<String> = (0..count).map(|n| format!("m{n},m{n}@example.com\n")).collect();
    format!("ref,email\n{}", rows.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_shows_its_plan_and_applies_it_only_if_it_may() {
    let world = World::new().await;
    let full = world.file("full.csv", list(40));
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let sync = async |file: &str, more: &[&str]| {
        let known = ["sync", file, "--base", "people", "--server", &world.url, "--quiet"];
        memberbase(&[&known[..], more].concat()).await
    };
    let file = list(38).replace("m3,m3@example.com", "m3,new@example.com") + "n1,n1@example.com\n";
    let changed = world.file("changed.csv", &file);
    let ended = sync(&changed, &["--dry-run"]).await.expect(0);
    for line in [
        "1  added",
        "1  updated",
        "2  removed",
        "line 5: m3: email \"m3@example.com\" to \"new@example.com\"",
    ] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
    // Standard input is no terminal, so nobody can be asked.
    let ended = sync(&changed, &[]).await.expect(2);
    assert!(ended.stderr.contains("memberbase jobs approve job_"), "{}", ended.stderr);
    sync(&changed, &["--yes-if-under", "5%"]).await.expect(2);
    assert_eq!(world.get("people", "m39").await["status"], "active");
    sync(&changed, &["--yes-if-under", "5.1%"]).await.expect(0);
    assert_eq!(world.get("people", "m39").await["status"], "inactive");
    // What the limits hold is not applied, even with --yes.
    let few = world.file("few.csv", list(5));
    let ended = sync(&few, &["--yes"]).await.expect(2);
    assert!(ended.stdout.contains("Held: it would remove 3"), "{}", ended.stdout);
    assert_eq!(world.get("people", "m20").await["status"], "active");
    let jobs = async |arguments: &[&str]| {
        memberbase(&[&["jobs"], arguments, &["--server", &world.url]].concat()).await
    };
    let listed = jobs(&["list", "--base", "people"]).await.expect(0).stdout;
    let id = listed.split(' ').next().unwrap().to_owned();
    let mut words = listed.split(' ').skip(1);
    let created = memberbase::model::Timestamp::parse(words.next().unwrap()).unwrap();
    assert!(created.micros() > 0, "{listed}");
    assert_eq!((words.next(), words.next()), (Some("sync"), Some("held;")), "{listed}");
    let shown = jobs(&["show", &id]).await.expect(0).stdout;
    assert!(shown.starts_with(listed.lines().next().unwrap()), "{shown}");
    let hash = shown.lines().last().unwrap().strip_prefix("Plan ").unwrap().to_owned();
    jobs(&["approve", &id, "--plan", &"0".repeat(32)]).await.expect(69);
    jobs(&["approve", &id, "--plan", &hash]).await.expect(0);
    assert_eq!(world.get("people", "m20").await["status"], "inactive");
    let results = jobs(&["results", &id]).await.expect(0).stdout;
    let removed: Vec<_> = results.lines().filter(|line| line.contains("\"removed\"")).collect();
    assert_eq!(removed.len(), 34, "{results}");
    assert!(removed.iter().any(|line| line.contains("\"key\":\"m20\"")), "{results}");
    jobs(&["reject", &id]).await.expect(69);
    jobs(&["cancel", &id]).await.expect(69);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_are_in_a_file_that_can_be_imported_once_it_is_corrected() {
    let world = World::new().await;
    let full = world.file("full.csv", list(3));
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let file = world.file("people.csv", "ref;phone;first_name\nm0;x;\"a;b\"\nm1;;\nm2;;\n");
    let name = file.as_str();
    let ended = memberbase(&["sync", name, "--base", "people", "--server", &world.url, "--quiet", "--yes"])
        .await
        .expect(1);
    assert!(ended.stderr.contains("line 2: phone"), "{}", ended.stderr);
    assert!(ended.stderr.contains("1 row failed; it is in"), "{}", ended.stderr);
    let failed = world.path("people.failed.csv").to_str().unwrap().to_owned();
    let text = world.read("people.failed.csv");
    let (headings, row) = text.trim_end().split_once('\n').unwrap();
    assert_eq!(headings, "ref;phone;first_name;line;reason;field;message");
    assert!(
        row.starts_with("m0;x;\"a;b\";2;") && row.contains(";phone;") && row.contains("phone: "),
        "{row}"
    );
    // As it is, it fails again; once it is corrected, it is applied.
    world.import(&failed, "people", &["--delimiter", ";"]).await.expect(1);
    std::fs::write(&failed, text.replace(";x;", ";+447700900101;")).unwrap();
    world.import(&failed, "people", &["--delimiter", ";"]).await.expect(0);
    assert_eq!(world.get("people", "m0").await["first_name"], "a;b");
    // What somebody has corrected is not overwritten by the next run.
    let again = ["sync", name, "--base", "people", "--server", &world.url, "--quiet", "--yes"];
    let ended = memberbase(&again).await.expect(1);
    assert!(ended.stderr.contains("people.failed.1.csv"), "{}", ended.stderr);
    assert_eq!(world.read("people.failed.csv"), text);
    assert!(world.read("people.failed.1.csv").contains("+447700900101"));
    // The same rows fail again: one file is enough.
    let ended = memberbase(&again).await.expect(1);
    assert!(!ended.stderr.contains("renamed"), "{}", ended.stderr);
    assert!(!world.path("people.failed.2.csv").exists());
    // The list itself is never the file of failed rows.
    memberbase(&[&again[..], &["--failed", name]].concat()).await.expect(64);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cell_of_a_failed_row_is_a_formula_and_its_values_come_back() {
    let world = World::new().await;
    let full = world.file("full.csv", list(3));
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let rows = "m0,x,=1+1,@a\nm1,,b,c\nm2,,d,e\n";
    let file = world.file("people.csv", format!("ref,phone,first_name,last_name\n{rows}"));
    memberbase(&["sync", &file, "--base", "people", "--server", &world.url, "--quiet", "--yes"])
        .await
        .expect(1);
    world
        .import(&file, "people", &["--failed", world.path("imported.csv").to_str().unwrap()])
        .await
        .expect(1);
    for name in ["people.failed.csv", "imported.csv"] {
        let text = world.read(name);
        assert!(text.contains("\nm0,x,'=1+1,'@a,2,"), "{text}");
        let corrected = world.file("corrected.csv", text.replace(",x,", ",+447700900101,"));
        world.import(&corrected, "people", &[]).await.expect(0);
        let member = world.get("people", "m0").await;
        assert_eq!((&member["first_name"], &member["last_name"]), (&"=1+1".into(), &"@a".into()));
    }
    // Cells that are taken literally stay as they are.
    let failed = world.path("literal.csv").to_str().unwrap().to_owned();
    world.import(&file, "people", &["--no-trim", "--failed", &failed]).await.expect(1);
    assert!(world.read("literal.csv").contains("\nm0,x,=1+1,@a,2,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_of_ndjson_have_their_reason_too() {
    let world = World::new().await;
    let file = world.file("people.ndjson", "{\"ref\":\"m0\",\"phone\":\"x\"}\n{\"ref\":\"m1\"}\n");
    let empty = world.file("empty.csv", "ref\nm1\n");
    world.import(&empty, "people", &["--create-base"]).await.expect(0);
    let known = ["sync", &file, "--base", "people", "--server", &world.url, "--quiet", "--yes"];
    memberbase(&known).await.expect(1);
    let failed: serde_json::Value = serde_json::from_str(&world.read("people.failed.ndjson")).unwrap();
    assert_eq!((&failed["ref"], &failed["phone"]), (&"m0".into(), &"x".into()));
    assert_eq!((&failed["failed"]["line"], &failed["failed"]["field"]), (&1.into(), &"phone".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_has_the_name_that_the_caller_gives_it_and_expected_changes_pass() {
    let world = World::new().await;
    let rows: Vec<String> = (0..30).map(|n| format!("m{n},gold\n")).collect();
    let full = world.file("full.csv", format!("ref,tier\n{}", rows.concat()));
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let moved =
        world.file("moved.csv", format!("Staff No,tier\n{}", rows.concat().replace("gold", "silver")));
    let sync = async |more: &[&str]| {
        let known = ["sync", &moved, "--base", "people", "--server", &world.url, "--quiet", "--yes"];
        memberbase(&[&known[..], more].concat()).await
    };
    let ended = sync(&[]).await.expect(65);
    assert!(ended.stderr.contains("Staff No"), "{}", ended.stderr);
    let ended = sync(&["--column", "Staff No=ref"]).await.expect(2);
    assert!(ended.stdout.contains("change the tier of 30 of 30 members"), "{}", ended.stdout);
    sync(&["--column", "Staff No=ref", "--expect-tiers", "29"]).await.expect(2);
    sync(&["--column", "staff no=ref", "--expect-tiers", "30"]).await.expect(0);
    assert_eq!(world.get("people", "m29").await["tier"], "silver");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_the_members_that_stay() {
    let world = World::new().await;
    let full = world.file("full.csv", "ref,tier\nm0,gold\nm1,gold\nm2,silver\nm3,silver\nm4,silver\n");
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let few = world.file("few.csv", "ref,tier\nm0,gold\n");
    let sync = async |more: &[&str]| {
        let known = ["sync", &few, "--base", "people", "--server", &world.url, "--quiet", "--dry-run"];
        memberbase(&[&known[..], more].concat()).await.expect(0).stdout
    };
    let shown = sync(&["--scope", "tier=gold"]).await;
    assert!(shown.contains("1  removed") && shown.contains("3  out of scope"), "{shown}");
    let shown = sync(&["--scope", "tier=gold", "--as-of", "2020-01-01T00:00:00Z"]).await;
    assert!(shown.contains("1  newer than the list") && shown.contains("3  out of scope"), "{shown}");
    assert!(!shown.contains("removed"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_older_than_the_last_list_is_not_applied() {
    let world = World::new().await;
    let (old, new) = (world.file("old.csv", list(30)), world.file("new.csv", list(31)));
    world.import(&old, "people", &["--create-base"]).await.expect(0);
    let last_month = std::time::SystemTime::now() - std::time::Duration::from_secs(30 * 86_400);
    std::fs::File::options().append(true).open(&old).unwrap().set_modified(last_month).unwrap();
    let sync = async |file: &str, more: &[&str]| {
        let known = ["sync", file, "--base", "people", "--server", &world.url, "--quiet", "--yes"];
        memberbase(&[&known[..], more].concat()).await
    };
    sync(&new, &[]).await.expect(0);
    let ended = sync(&old, &[]).await.expect(69);
    assert!(ended.stdout.contains("LIST_SUPERSEDED"), "{}", ended.stdout);
    assert_eq!(world.get("people", "m30").await["status"], "active");
    // Unless somebody says that it is the truth now.
    let now = memberbase::model::Timestamp::from_micros(
        i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap(),
    );
    sync(&old, &["--as-of", &now.to_string()]).await.expect(0);
    assert_eq!(world.get("people", "m30").await["status"], "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_refused_with_the_reason() {
    let world = World::new().await;
    let full = world.file("full.csv", list(3));
    world.import(&full, "people", &["--create-base"]).await.expect(0);
    let sync = async |file: &str| {
        memberbase(&["sync", file, "--base", "people", "--server", &world.url, "--quiet"]).await
    };
    let wrong = world.file("wrong.csv", "name\nx\n");
    let ended = sync(&wrong).await.expect(65);
    assert!(ended.stderr.contains("ref"), "{}", ended.stderr);
    sync("/nonexistent/list.csv").await.expect(74);
    let empty = world.file("empty.csv", "");
    sync(&empty).await.expect(65);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_sheet_removes_nobody_until_somebody_has_seen_it() {
    let world = World::new().await;
    let lists = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let sheet = world.path("people.xlsx");
    std::fs::copy(lists.join("exceljs-hidden-rows-column-sheet.xlsx"), &sheet).unwrap();
    let sheet = sheet.to_str().unwrap();
    world.import(sheet, "people", &["--create-base", "--match", "worker-id"]).await.expect(1);
    let more = world.file("more.csv", "worker_id,last_name\nw-77,Hidden\n");
    world.import(&more, "people", &["--match", "worker-id"]).await.expect(0);
    let now = "--as-of=2100-01-01T00:00:00Z";
    let known = ["sync", sheet, "--base", "people", "--match", "worker_id", "--server", &world.url, "--yes"];
    memberbase(&[&known[..], &[now]].concat()).await.expect(64);
    std::fs::File::options()
        .append(true)
        .open(sheet)
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    let ended = memberbase(&known).await.expect(2);
    assert!(ended.stderr.contains("2 hidden rows left out"), "{}", ended.stderr);
    assert!(ended.stdout.contains("rows of the sheet are hidden"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_whose_connection_breaks_is_sent_again_and_becomes_one_job() {
    let world = World::new().await;
    let file = world.file("full.csv", list(40_000));
    world.import(&world.file("one.csv", list(1)), "people", &["--create-base"]).await.expect(0);
    // Twice in the middle of the list.
    let proxy = Proxy::start(world.server.address(), vec![300_007, 500_001], true).await;
    let ended =
        memberbase(&["sync", &file, "--base", "people", "--yes", "--server", &proxy.url]).await.expect(0);
    assert_eq!(ended.stderr.matches("sending the list again").count(), 2, "{}", ended.stderr);
    assert_eq!(proxy.connections.load(Ordering::Relaxed), 3);
    let listed = memberbase(&["jobs", "list", "--base", "people", "--server", &world.url]).await.expect(0);
    assert_eq!(listed.stdout.lines().count(), 1, "{}", listed.stdout);
}
