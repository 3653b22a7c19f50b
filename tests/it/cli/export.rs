//! `memberbase export`: what comes out goes in again.

use serde_json::Value;

use super::{World, memberbase};

const LINES: &str = r#"{"ref":"a","email":"Ana@example.com","first_name":"Ana-María","last_name":"Lee, \"Jr.\"","phone":"+447700900123","worker_id":"007","tier":"Gold","dob":"1990-01-02","gender":"Female","role":"QA \"Tester\", lead","company":"株式会社例","enable_payroll":false,"account_details":{"uk":{"account_holder":"A","sort_code":"123456","account_number":"12345678"}},"attributes":{"age":41.5,"n":3,"on":true,"tags":["x","y, z"],"text":"4\n1"}}
{"ref":"b","status":"inactive","account_details":{"eu":{"account_holder":"B","iban":"DE89370400440532013000"}}}
{"ref":" c ","status":"invited","enable_payroll":true,"tier":"Gold"}
"#;

/// The attributes of the lines.
const TYPES: [(&str, &str); 5] =
    [("age", "number"), ("n", "number"), ("on", "boolean"), ("tags", "array"), ("text", "string")];

async fn world() -> World {
    let world = World::new().await;
    world.base("staff", &TYPES).await;
    let file = world.file("members.ndjson", LINES);
    assert_eq!(world.import(&file, "staff", &["--create-base"]).await.expect(0).counts(), [3, 0, 0, 0, 0]);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_imports_as_unchanged_and_makes_the_same_members_elsewhere() {
    let world = world().await;
    for format in ["csv", "ndjson"] {
        let name = format!("export.{format}");
        world.export("staff", &world.path(&name), &["--format", format]).await.expect(0);
        let file = world.path(&name).to_str().unwrap().to_owned();
        let again = world.import(&file, "staff", &["--replace"]).await.expect(0);
        assert_eq!(again.counts(), [0, 0, 3, 0, 0], "{format}");
        let elsewhere = format!("copy of {format}");
        world.base(&elsewhere, &TYPES).await;
        assert_eq!(
            world.import(&file, &elsewhere, &["--create-base"]).await.expect(0).counts(),
            [3, 0, 0, 0, 0]
        );
        for r#ref in ["a", "b", " c "] {
            let (original, copy) = (world.get("staff", r#ref).await, world.get(&elsewhere, r#ref).await);
            assert_eq!(own_fields(original), own_fields(copy), "{format}");
        }
    }
}

fn own_fields(mut member: Value) -> Value {
    for name in ["id", "member_base_id", "created_at", "updated_at", "revision"] {
        member.as_object_mut().unwrap().remove(name).unwrap();
    }
    member
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_chooses_what_is_exported() {
    let world = world().await;
    let arguments = ["export", "--base", "staff", "--server", &world.url, "--format", "ndjson", "--filter"];
    let gold = memberbase(&[&arguments[..], &[r#"{"key": "tier", "eq": "Gold"}"#]].concat()).await.expect(0);
    let refs: Vec<Value> =
        gold.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["ref"].take()).collect();
    assert_eq!(refs, ["a", " c "]);
    memberbase(&[&arguments[..], &[r#"{"key": "tier", "equals": "Gold"}"#]].concat()).await.expect(64);
    let refused =
        memberbase(&[&arguments[..], &[r#"{"key": "shoe", "eq": "Gold"}"#]].concat()).await.expect(69);
    assert!(refused.stderr.contains("InvalidArgument"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_leaves_no_file() {
    let world = world().await;
    let out = world.path("out.csv");
    world.export("nobody", &out, &[]).await.expect(64);
    assert!(!out.exists());
    world.export("staff", &world.path("no/such/folder.csv"), &[]).await.expect(74);
}
