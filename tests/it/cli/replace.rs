//! `memberbase import --replace` clears no field that the file does not have.

use serde_json::{Value, json};

use super::{Ended, World, memberbase};
use crate::harness::Server;

const LINE: &str = r#"{"ref":"a","email":"a@x.example","dob":"1990-01-02","tier":"Gold","account_details":{"uk":{"account_holder":"A","sort_code":"123456","account_number":"12345678"}}}"#;

/// A server that requires tokens, with one member, and one token with the `pii` right and one without.
struct Guarded {
    world: World,
    admin: String,
    blind: String,
}

async fn guarded() -> Guarded {
    let (server, admin) = Server::start_with_token().await;
    let url = format!("http://{}", server.address());
    let world = World { server, url, folder: tempfile::tempdir().unwrap() };
    let file = world.file("members.ndjson", LINE);
    world.import(&file, "staff", &["--create-base", "--token", &admin]).await.expect(0);
    let create =
        ["token", "create", "--access", "write", "--pii", "false", "--server", &world.url, "--token", &admin];
    let blind = memberbase(&create).await.expect(0).stdout.lines().last().unwrap().to_owned();
    Guarded { world, admin, blind }
}

impl Guarded {
    async fn export(&self, name: &str, token: &str) -> Ended {
        let format = name.rsplit('.').next().unwrap();
        self.world
            .export("staff", &self.world.path(name), &["--format", format, "--token", token])
            .await
            .expect(0)
    }

    async fn import(&self, name: &str, more: &[&str]) -> Ended {
        let file = self.world.path(name).to_str().unwrap().to_owned();
        self.world.import(&file, "staff", &[&["--token", &self.admin], more].concat()).await
    }

    async fn member(&self) -> Value {
        let arguments =
            ["get", "--base", "staff", "--ref", "a", "--server", &self.world.url, "--token", &self.admin];
        serde_json::from_str(&memberbase(&arguments).await.expect(0).stdout).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_hidden_from_a_token_are_not_exported_and_such_an_export_cannot_clear_them() {
    let guarded = guarded().await;
    let before = guarded.member().await;
    for name in ["blind.csv", "blind.ndjson"] {
        let ended = guarded.export(name, &guarded.blind).await;
        assert!(ended.stderr.contains("no right to see them: dob, account_details"), "{}", ended.stderr);
        let text = guarded.world.read(name);
        for hidden in ["dob", "account_", "sort_code", "iban"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let again = guarded.import(name, &[]).await.expect(0);
        assert_eq!(again.counts(), [0, 0, 1, 0, 0], "merging the export must change nothing");
    }
    let refused = guarded.import("blind.csv", &["--replace"]).await.expect(64);
    let named = "no columns dob, sort_code, account_number, account_holder, iban:";
    assert!(refused.stderr.contains(named), "{}", refused.stderr);
    assert_eq!(refused.stdout, "", "the import must send nothing");
    let failed = guarded.import("blind.ndjson", &["--replace"]).await.expect(1);
    assert_eq!(failed.counts(), [0, 0, 0, 0, 1]);
    let row: Value = serde_json::from_str(&guarded.world.read("blind.failed.ndjson")).unwrap();
    assert_eq!(row["failed"]["reason"], "FIELD_MISSING");
    assert_eq!(row["failed"]["field"], "dob, account_details");
    assert_eq!(guarded.member().await, before);

    // With the `pii` right the export has all fields and can replace the members unchanged.
    for name in ["all.csv", "all.ndjson"] {
        let ended = guarded.export(name, &guarded.admin).await;
        assert!(!ended.stderr.contains("warning"), "{}", ended.stderr);
        let again = guarded.import(name, &["--replace"]).await.expect(0);
        assert_eq!(again.counts(), [0, 0, 1, 0, 0]);
    }
    let line: Value = serde_json::from_str(&guarded.world.read("all.ndjson")).unwrap();
    assert_eq!((&line["phone"], line.get("dob")), (&Value::Null, Some(&json!("1990-01-02"))));

    // The user says explicitly what to clear.
    let cleared =
        guarded.import("blind.csv", &["--replace", "--clear-missing=dob,account_details"]).await.expect(0);
    assert_eq!(cleared.counts(), [0, 1, 0, 0, 0]);
    let after = guarded.member().await;
    assert_eq!(
        (after.get("dob"), after.get("account_details"), &after["tier"]),
        (None, None, &json!("Gold"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_without_a_column_clears_the_field_only_on_request() {
    let world = World::new().await;
    world.base("staff", &[("team", "string"), ("age", "number")]).await;
    let file = world.file(
        "members.csv",
        "ref,tier,phone,attributes.team,attributes.age:number\na,Gold,+447700900123,Ops,41\n",
    );
    world.import(&file, "staff", &[]).await.expect(0);
    let file = world.file("members.csv", "ref,tier,attributes.team\na,Gold,Ops\n");
    let refused = world.import(&file, "staff", &["--replace"]).await.expect(64);
    for said in [
        "email, first_name",
        "phone",
        "attributes (a column attributes.<key> sets only one",
        "--clear-missing=email,",
    ] {
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    let flag = refused.stderr.split_whitespace().find(|word| word.starts_with("--clear-missing=")).unwrap();
    let most = flag.replace("phone,", "");
    let refused = world.import(&file, "staff", &["--replace", &most]).await.expect(64);
    assert!(refused.stderr.contains("no column phone:"), "{}", refused.stderr);
    assert_eq!(world.get("staff", "a").await["phone"], "+447700900123");
    assert_eq!(world.import(&file, "staff", &["--replace", flag]).await.expect(0).counts(), [0, 1, 0, 0, 0]);
    let member = world.get("staff", "a").await;
    assert_eq!((member.get("phone"), &member["attributes"]), (None, &json!({"team": "Ops"})));
    let wrong = world.import(&file, "staff", &["--replace", "--clear-missing=nick"]).await.expect(64);
    assert!(wrong.stderr.contains("\"nick\" is not a field that --replace clears"), "{}", wrong.stderr);
    world.import(&file, "staff", &["--clear-missing"]).await.expect(64);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_ndjson_must_name_every_field() {
    let world = World::new().await;
    let all = r#""email":null,"first_name":null,"last_name":null,"phone":null,"worker_id":null,"dob":null,"gender":null,"role":null,"company":null,"enable_payroll":null,"account_details":null"#;
    let text = "{\"ref\":\"a\",\"tier\":\"Gold\",\"role\":\"QA\"}\n{\"ref\":\"b\",\"tier\":\"Gold\"}\n";
    let file = world.file("members.ndjson", text);
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    // The first line lacks one key; the second clears that field by name.
    let text = format!(
        "{{\"ref\":\"a\",\"attributes\":null,{all}}}\n{{\"ref\":\"b\",\"attributes\":null,\"clear_fields\":[\"tier\"],{all}}}\n"
    );
    let file = world.file("members.ndjson", text);
    let ended = world.import(&file, "staff", &["--replace"]).await.expect(1);
    assert_eq!(ended.counts(), [0, 1, 0, 0, 1]);
    let row: Value = serde_json::from_str(&world.read("members.failed.ndjson")).unwrap();
    assert_eq!((&row["ref"], &row["failed"]["field"]), (&json!("a"), &json!("tier")));
    assert_eq!(world.get("staff", "a").await["role"], "QA");
    let ended = world.import(&file, "staff", &["--replace", "--clear-missing=tier"]).await.expect(0);
    assert_eq!(ended.counts(), [0, 1, 1, 0, 0]);
    assert_eq!(world.get("staff", "a").await.get("tier"), None);
}
