//! `memberbase import`.

use std::fs::File;
use std::process::Stdio;

use serde_json::json;

use super::{World, memberbase, memberbase_reading};

const CSV: &str = "\u{feff}Ref,E-Mail,First Name,last-name,Worker ID,TIER,enable_payroll,attributes.team,attributes.age:number\r\n\
                   a,Ana@example.com,Ana,\"Lee, Jr.\",W-1,Gold,yes,Ops,41\r\n\
                   b,b@example.com,Þóra,,,,,,\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_imported_and_a_repeat_changes_nothing() {
    let world = World::new().await;
    world.base("staff", &[("team", "string"), ("age", "number")]).await;
    let file = world.file("members.csv", CSV);
    let first = world.import(&file, "staff", &["--create-base"]).await.expect(0);
    assert_eq!(first.counts(), [2, 0, 0, 0, 0]);
    let again = world.import(&file, "staff", &["--create-base"]).await.expect(0);
    assert_eq!(again.counts(), [0, 0, 2, 0, 0]);
    let member = world.get("staff", "a").await;
    assert_eq!(member["last_name"], "Lee, Jr.");
    assert_eq!(member["enable_payroll"], true);
    assert_eq!(member["attributes"], json!({"team": "Ops", "age": 41}));
    assert!(world.get("staff", "b").await.get("tier").is_none());
    assert!(!world.path("members.failed.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_is_imported_from_standard_input_too() {
    let world = World::new().await;
    let lines = r#"{"ref":"a","email":"a@example.com","account_details":{"uk":{"account_holder":"A","sort_code":"12-34-56","account_number":"12345678"}}}

{"ref":"b","attributes":{"tags":["x","y"],"on":true},"tier":null}"#;
    world.base("staff", &[("tags", "array"), ("on", "boolean")]).await;
    let file = world.file("members.ndjson", lines);
    assert_eq!(world.import(&file, "staff", &["--create-base"]).await.expect(0).counts(), [2, 0, 0, 0, 0]);
    let arguments = ["import", "-", "--base", "staff", "--server", &world.url, "--format", "ndjson"];
    let again = memberbase_reading(&arguments, Stdio::from(File::open(&file).unwrap())).await.expect(0);
    assert_eq!(again.counts(), [0, 0, 2, 0, 0]);
    memberbase(&arguments[..6]).await.expect(64);
    assert_eq!(world.get("staff", "b").await["attributes"], json!({"tags": ["x", "y"], "on": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_are_written_with_reasons_and_can_be_corrected_and_imported() {
    let world = World::new().await;
    let file = world.file(
        "members.csv",
        "ref,email,enable_payroll,dob\n\
         a,a@example.com,yes,1990-01-02\n\
         b,not an address,no,1990-01-02\n\
         c,c@example.com,maybe,1990-01-02\n\
         d,d@example.com\n\
         e,A@EXAMPLE.COM,no,1990-13-02\n\
         f,f@example.com,no,\n\
         g,a@example.com,no,\n",
    );
    let ended = world.import(&file, "staff", &["--create-base", "--chunk-rows", "3"]).await.expect(1);
    assert_eq!(ended.counts(), [2, 0, 0, 0, 5]);
    assert!(ended.stderr.contains("members.failed.csv"), "{}", ended.stderr);
    let failed = world.read("members.failed.csv");
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(failed.as_bytes());
    assert_eq!(
        rows.headers().unwrap(),
        vec!["ref", "email", "enable_payroll", "dob", "line", "reason", "field", "message"]
    );
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let told: Vec<[&str; 3]> =
        rows.iter().map(|row| [&row[0], &row[row.len() - 4], &row[row.len() - 2]]).collect();
    let expected = [
        ["b", "3", "email"],
        ["c", "4", "enable_payroll"],
        ["d", "5", ""],
        ["e", "6", "dob"],
        ["g", "8", "email"],
    ];
    assert_eq!(told, expected);
    let says_why = |row: &csv::StringRecord| !row[row.len() - 3].is_empty() && !row[row.len() - 1].is_empty();
    assert!(rows.iter().all(says_why), "{failed}");
    assert_eq!(rows[2].len(), 6, "a short row must not be padded");

    let mended = failed
        .replace("d,d@example.com,", "d,d@example.com,,,")
        .replace("not an address", "b@example.com")
        .replace("maybe", "no")
        .replace("1990-13-02", "1990-12-02")
        .replace("A@EXAMPLE.COM", "e@example.com")
        .replace("g,a@example.com", "g,g@example.com");
    let file = world.file("members.failed.csv", mended);
    let again = world.import(&file, "staff", &[]).await.expect(0);
    assert_eq!(again.counts(), [5, 0, 0, 0, 0]);
    assert_eq!(world.get("staff", "e").await["dob"], "1990-12-02");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_lines_of_ndjson_can_be_corrected_too() {
    let world = World::new().await;
    let file = world.file(
        "members.ndjson",
        "{\"ref\":\"a\"}\n{\"ref\":\"b\",\"nick\":\"x\"}\nnonsense\n{\"email\":\"c@example.com\"}\n",
    );
    let ended = world.import(&file, "staff", &["--create-base"]).await.expect(1);
    assert_eq!(ended.counts(), [1, 0, 0, 0, 3]);
    let failed = world.read("members.failed.ndjson");
    let lines: Vec<serde_json::Value> =
        failed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["failed"]["reason"], "UNKNOWN_FIELD");
    assert_eq!(lines[1]["text"], "nonsense");
    assert_eq!(lines[2]["failed"]["line"], 4);
    let mended = failed
        .replace(",\"nick\":\"x\"", "")
        .replace("\"email\":", "\"ref\":\"c\",\"email\":")
        .replace("\"text\":\"nonsense\"", "\"ref\":\"d\"");
    let file = world.file("mended.ndjson", mended);
    assert_eq!(world.import(&file, "staff", &[]).await.expect(0).counts(), [3, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_header_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    for (header, said) in [
        ("ref,nickname", "known columns are ref, email,"),
        ("ref,first_name,First Name", "is a duplicate of column 2"),
        ("email,tier", "no column \"ref\""),
        ("", "the file is empty"),
    ] {
        let file = world.file("members.csv", format!("{header}\na,b,c\n").trim_start());
        let file = if header.is_empty() { world.file("members.csv", "") } else { file };
        let ended = world.import(&file, "staff", &["--create-base"]).await.expect(65);
        assert!(ended.stderr.contains(said), "{header}: {}", ended.stderr);
    }
    let file = world.file("members.csv", "email,tier\na@example.com,Gold\n");
    world.import(&file, "staff", &["--match", "email"]).await.expect(64);
    let ended = world.import(&file, "staff", &["--match", "email", "--create-base"]).await.expect(0);
    assert_eq!(ended.counts(), [1, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_in_another_encoding_is_reported_with_line_and_column() {
    let world = World::new().await;
    let file = world.file("members.csv", b"ref,first_name\na,Zo\xc3\xab\nb,Zo\xeb\n");
    let ended = world.import(&file, "staff", &["--create-base"]).await.expect(65);
    assert!(ended.stderr.contains("line 3, column \"first_name\": not valid UTF-8"), "{}", ended.stderr);
    let file = world.file("members.ndjson", b"{\"ref\":\"a\"}\n{\"ref\":\"\xff\"}\n");
    let ended = world.import(&file, "staff", &["--create-base", "--chunk-rows", "1"]).await.expect(65);
    assert!(ended.stderr.contains("line 2: not valid UTF-8"), "{}", ended.stderr);
    assert_eq!(ended.counts()[0], 1, "the rows before it must be imported");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_cell_keeps_the_value_and_with_replace_clears_it() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,tier,role\na,Gold,Driver\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let file = world.file("members.csv", "ref,tier,role\na,,Courier\n");
    assert_eq!(world.import(&file, "staff", &[]).await.expect(0).counts(), [0, 1, 0, 0, 0]);
    assert_eq!(world.get("staff", "a").await["tier"], "Gold");
    let replace = ["--replace", "--clear-missing"];
    assert_eq!(world.import(&file, "staff", &replace).await.expect(0).counts(), [0, 1, 0, 0, 0]);
    let member = world.get("staff", "a").await;
    assert_eq!((member.get("tier"), &member["role"]), (None, &json!("Courier")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_is_found_by_name_or_id_and_never_guessed() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref\na\n");
    let missing = world.import(&file, "Test", &[]).await.expect(64);
    assert!(missing.stderr.contains("\"Test\""), "{}", missing.stderr);
    let (one, two) = (world.server.base().await.id, world.server.base().await.id);
    let ambiguous = world.import(&file, "Test", &[]).await.expect(64);
    assert!(ambiguous.stderr.contains(&one) && ambiguous.stderr.contains(&two), "{}", ambiguous.stderr);
    assert_eq!(world.import(&file, &one, &[]).await.expect(0).counts(), [1, 0, 0, 0, 0]);
    assert_eq!(world.import(&file, &two, &[]).await.expect(0).counts(), [1, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_failure_has_its_exit_code() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref\na\n");
    memberbase(&["import"]).await.expect(64);
    memberbase(&["import", "--help"]).await.expect(0);
    memberbase(&["frobnicate"]).await.expect(64);
    world.import(&file, "mb_0123456789abcdefghjkmnpqrs", &[]).await.expect(69);
    world.import("no-such-file.csv", "staff", &["--create-base"]).await.expect(74);
    memberbase(&["import", &file, "--base", "staff", "--server", "ftp://127.0.0.1:1"]).await.expect(64);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    memberbase(&["import", &file, "--base", "staff", "--server", &format!("http://{closed}")])
        .await
        .expect(69);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_if_failed_rows_could_not_be_written() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,email\na,a@example.com\n");
    let taken = world.file("taken", "");
    for failed in
        [world.path("missing/failed.csv"), world.path("taken/failed.csv"), world.folder.path().to_owned()]
    {
        let failed = failed.to_str().unwrap();
        let ended = world.import(&file, "staff", &["--create-base", "--failed", failed]).await.expect(74);
        assert!(ended.stderr.contains(failed) && ended.stderr.contains("--failed"), "{ended:?}");
        assert_eq!(ended.stdout, "", "an import that did nothing must print no counts");
    }
    world.import(&file, "staff", &["--failed", &taken]).await.expect(64);
    // A writable file is checked, and stays unchanged until a row fails.
    let kept = world.file("kept.csv", "rows of an earlier import");
    world.import(&file, "staff", &["--create-base", "--failed", &kept]).await.expect(0);
    assert_eq!(world.read("kept.csv"), "rows of an earlier import");
    world.import(&file, "staff", &[]).await.expect(0);
    assert!(!world.path("members.failed.csv").exists());
}
