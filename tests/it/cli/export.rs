//! `memberbase export`: its output can be imported.

use std::fs::File;

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
async fn an_imported_export_changes_nothing_and_creates_the_same_members_elsewhere() {
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

/// Values that a spreadsheet program would run, or that look like protected ones.
const FORMULAS: [(&str, &str); 6] = [
    ("first_name", "=HYPERLINK(\"http://x.example\";\"a\")"),
    ("last_name", "'=1+1"),
    ("role", "-2+3"),
    ("company", "@SUM(1;2) "),
    ("tier", "+cmd|' /C calc'!A0"),
    ("worker_id", "=\"007\""),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_cell_of_an_export_is_a_formula_and_all_values_come_back() {
    let world = World::new().await;
    let mut member: serde_json::Map<String, Value> =
        FORMULAS.into_iter().map(|(field, value)| (field.to_owned(), value.into())).collect();
    member.extend([("ref".to_owned(), "=r".into()), ("phone".to_owned(), "+447700900123".into())]);
    let file = world.file("members.ndjson", Value::Object(member).to_string());
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    world.export("staff", &world.path("export.csv"), &[]).await.expect(0);
    let text = world.read("export.csv");
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).into_records();
    let (header, row) = (rows.next().unwrap().unwrap(), rows.next().unwrap().unwrap());
    for (name, cell) in header.iter().zip(&row) {
        let is_text = cell.starts_with("=\"") && cell.ends_with('"');
        assert!(name == "phone" || is_text || !cell.starts_with(['=', '+', '-', '@']), "{name}: {cell}");
    }
    let cell = |wanted| row.get(header.iter().position(|name| name == wanted).unwrap()).unwrap();
    assert_eq!((cell("ref"), cell("last_name"), cell("phone")), ("'=r", "=\"'=1+1\"", "+447700900123"));
    let file = world.path("export.csv").to_str().unwrap().to_owned();
    assert_eq!(world.import(&file, "staff", &["--replace"]).await.expect(0).counts(), [0, 0, 1, 0, 0]);
    world.import(&file, "copy", &["--create-base"]).await.expect(0);
    let copy = world.get("copy", "=r").await;
    assert_eq!(own_fields(world.get("staff", "=r").await), own_fields(copy.clone()));
    for (field, value) in FORMULAS {
        assert_eq!(copy[field], value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_an_earlier_version_is_read_as_it_was_written() {
    let world = World::new().await;
    let header = "ref,email,first_name,last_name,phone,worker_id,tier,status,gender,role,company,enable_payroll,\
                  attributes,id,member_base_id,created_at,updated_at,revision";
    let row = "a,,'=1,\"=\"\"x\"\"\",,,,,,,,,,,,,,";
    let file = world.file("export.csv", format!("{header}\n{row}\n"));
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let member = world.get("staff", "a").await;
    assert_eq!((&member["first_name"], &member["last_name"]), (&"'=1".into(), &"=\"x\"".into()));
}

fn own_fields(mut member: Value) -> Value {
    for name in ["id", "member_base_id", "created_at", "updated_at", "revision"] {
        member.as_object_mut().unwrap().remove(name).unwrap();
    }
    member
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_is_not_written_and_other_kinds_are_not_read() {
    let world = world().await;
    for name in ["staff.xlsx", "staff.XLS", "staff.ods", "staff.numbers"] {
        for more in [&[][..], &["--format", "csv"], &["--records"]] {
            let ended = world.export("staff", &world.path(name), more).await.expect(64);
            assert!(ended.stderr.contains("name the file .csv"), "{}", ended.stderr);
        }
        assert!(!world.path(name).exists());
    }
    for (name, code, said) in [
        ("staff.numbers", 64, "save it as CSV"),
        ("staff.xlsb", 64, "save it as CSV"),
        ("staff.xlsx", 65, "not a spreadsheet"),
        ("staff.ods", 65, "not a spreadsheet"),
    ] {
        let file = world.file(name, "ref,tier\na,x\n");
        let ended = world.import(&file, "staff", &[]).await.expect(code);
        assert!(ended.stderr.contains(said), "{name}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_selects_the_exported_members() {
    let world = world().await;
    let arguments = ["export", "--base", "staff", "--server", &world.url, "--format", "ndjson", "--filter"];
    let gold = memberbase(&[&arguments[..], &[r#"{"key": "tier", "eq": "Gold"}"#]].concat()).await.expect(0);
    let refs: Vec<Value> =
        gold.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["ref"].take()).collect();
    assert_eq!(refs, ["a", " c "]);
    let short = memberbase(&[&arguments[..], &["tier=Gold"]].concat()).await.expect(0);
    assert_eq!((&short.stdout, short.stderr.as_str()), (&gold.stdout, "2 members\n"));
    let both = ["tier=Gold", "--filter", "attributes.age>41"];
    let both = memberbase(&[&arguments[..], &both].concat()).await.expect(0);
    assert_eq!((both.stdout.lines().count(), both.stderr.as_str()), (1, "1 member\n"));
    let wrong = memberbase(&[&arguments[..], &["tier:Gold"]].concat()).await.expect(64);
    assert!(wrong.stderr.contains("such as tier=Gold"), "{}", wrong.stderr);
    memberbase(&[&arguments[..], &[r#"{"key": "tier", "equals": "Gold"}"#]].concat()).await.expect(64);
    let refused =
        memberbase(&[&arguments[..], &[r#"{"key": "shoe", "eq": "Gold"}"#]].concat()).await.expect(64);
    assert!(refused.stderr.contains("FILTER_INVALID"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_export_leaves_no_file() {
    let world = world().await;
    let out = world.path("out.csv");
    world.export("nobody", &out, &[]).await.expect(64);
    assert!(!out.exists());
    world.export("staff", &world.path("no/such/folder.csv"), &[]).await.expect(74);
}

/// The file as it is while another export writes it, and as a killed export leaves it.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_never_writes_into_another_exports_unfinished_file() {
    let world = world().await;
    for (name, more, start) in [("out.csv", &[][..], "ref,email,"), ("out.ndjson", &["--records"], "")] {
        let (out, part) = (world.path(name), format!("{name}.memberbase-part"));
        let theirs = world.file(&format!("{name}.part"), "a file of the user");
        let held = File::open(world.file(&part, "what another export has written")).unwrap();
        held.lock().unwrap();
        let ended = world.export("staff", &out, more).await.expect(74);
        let said = format!("cannot write {}: another export is writing this file", out.display());
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        assert_eq!(world.read(&part), "what another export has written");
        assert!(!out.exists());
        drop(held);
        world.export("staff", &out, more).await.expect(0);
        let written = world.read(name);
        assert!(written.starts_with(start) && !written.contains("another"), "{written}");
        assert!(!world.path(&part).exists());
        assert_eq!(std::fs::read_to_string(theirs).unwrap(), "a file of the user");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_exported_record_is_a_line_with_its_kind_and_member() {
    use memberbase::api::grpc::v1;
    use memberbase::api::grpc::v1::record_service_client::RecordServiceClient;
    let world = world().await;
    let member_id = world.get("staff", "a").await["id"].as_str().unwrap().to_owned();
    let mut records = RecordServiceClient::connect(world.url.clone()).await.unwrap();
    let creative_id = "dc_1".to_owned();
    let content = prost_types::Struct { fields: [("n".to_owned(), crate::harness::number(5.0))].into() };
    let clip = v1::SaveClipRequest {
        member_id: member_id.clone(),
        creative_id,
        deal_creative_content: Some(content),
        ..Default::default()
    };
    records.save_clip(clip).await.unwrap();
    let collection = v1::CreateStampCollectionRequest {
        member_id: member_id.clone(),
        loyalty_program_id: "lp_1".into(),
        external_id: "sc_1".into(),
        ..Default::default()
    };
    records.create_stamp_collection(collection).await.unwrap();
    let out = world.path("records.ndjson");
    world.export("staff", &out, &["--records"]).await.expect(0);
    let text = std::fs::read_to_string(&out).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["kind"], &lines[1]["kind"]), (&"clip".into(), &"stamp_collection".into()));
    assert!(lines.iter().all(|line| line["member_id"] == member_id.as_str()));
    assert_eq!(lines[0]["deal_creative_content"].to_string(), r#"{"n":5}"#);
    assert!(lines[0].get("redeemed_at").is_none());
    world.export("staff", &out, &["--records", "--format", "csv"]).await.expect(64);
}
