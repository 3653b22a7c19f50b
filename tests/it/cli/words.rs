//! How `memberbase import` reports faults, in the terms of the file's author.

use serde_json::Value;

use super::World;

/// The last four cells of the failed rows of a CSV file: line, reason, field and message.
fn failures(text: &str) -> Vec<[String; 4]> {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let cells = |row: csv::StringRecord| -> Vec<String> { row.iter().map(str::to_owned).collect() };
    rows.records().map(|row| cells(row.unwrap()).last_chunk::<4>().unwrap().clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_name_their_fields_by_the_columns_of_the_file() {
    let world = World::new().await;
    world.base("staff", &[("age", "number"), ("team", "string")]).await;
    let header = "Ref,E-Mail,Sort Code,Account Number,Account Holder,IBAN,Attributes.age:number,Enable Payroll,attributes.team:json,Phone";
    let rows = "a,nonsense,1,12345678,A,,,,,\n\
                b,,,,B,,,,,\n\
                c,,,,,,old,,,\n\
                d,,,,,,,maybe,,\n\
                e,,,,,,,,7,\n\
                f,,,,,,,,[,\n\
                g,,,,,,,,,07700 900123\n\
                h,,,,H,DE00,,,,\n";
    let file = world.file("members.csv", format!("{header}\n{rows}"));
    world.import(&file, "staff", &[]).await.expect(1);
    let failed = failures(&world.read("members.failed.csv"));
    let fields: Vec<&str> = failed.iter().map(|row| row[2].as_str()).collect();
    let expected = [
        "E-Mail, Sort Code",
        "Sort Code, Account Number, Account Holder, IBAN",
        "Attributes.age:number",
        "Enable Payroll",
        "attributes.team:json",
        "attributes.team:json",
        "Phone",
        "IBAN",
    ];
    assert_eq!(fields, expected, "{failed:?}");
    for (row, said) in [
        (0, "E-Mail: "),
        (0, "; Sort Code: "),
        (1, "must be account_holder with either sort_code and account_number, or iban"),
        (3, "\"maybe\" is not one of true, yes, 1, false, no and 0"),
        (5, "must be a JSON value, but it ends too early"),
        (6, "Phone: must be `+`, the country code and the number"),
    ] {
        assert!(failed[row][3].contains(said), "{said}: {:?}", failed[row]);
    }
    // A field without a column is reported by its own name, so that the user can add it.
    let rows = "A,123456,\nB,,\"{\"\"age\"\": \"\"x\"\"}\"\nC,,{]\n";
    let file = world.file("members.csv", format!("ref,Sort Code,Attributes\n{rows}"));
    world.import(&file, "staff", &[]).await.expect(1);
    let failed = failures(&world.read("members.failed.csv"));
    let fields: Vec<&str> = failed.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(fields, ["account_holder, account_number", "Attributes", "Attributes"], "{failed:?}");
    assert!(
        failed[2][3].contains("such as {\"team\": \"Ops\"}, but it is not valid JSON at byte 2"),
        "{failed:?}"
    );
    let file = world.file("members.csv", "ref,last_name\na,\"two\nlines\"\n");
    world.import(&file, "staff", &[]).await.expect(1);
    assert!(world.read("members.failed.csv").contains("such as line breaks and tabs; use spaces instead"));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_ndjson_lines_name_the_key_and_its_rule() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    let lines = [
        (r#"{"ref":"a","nick":"x"}"#, "nick: unknown key; known keys are ref, email, first_name"),
        (
            r#"{"ref":"a","account_details":{"us":{}}}"#,
            "account_details.us: unknown key; known keys are uk, eu",
        ),
        (r#"{"ref":"a","ref":"b"}"#, "ref: duplicate key"),
        (r#"{"ref":7}"#, "ref: must be text in quotes, but is a number"),
        (r#"{"ref":"a","enable_payroll":"yes"}"#, "enable_payroll: must be true or false, but is text"),
        (r#"{"ref":"a","attributes":[1]}"#, "attributes: must be an object, but is a list"),
        (
            r#"{"ref":"a","if_revision":-1}"#,
            "if_revision: must be a whole number, 0 or more, but is a number",
        ),
        (r#"{"ref":"a""#, "the line must be a JSON object, but it ends too early"),
        (r#"{"ref":"a"} x"#, "the line must be a JSON object, but it is not valid JSON at byte 13"),
        ("ref,tier", "the line is not a JSON object such as {\"ref\": \"a\"}"),
    ];
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let file = world.file("members.ndjson", text);
    world.import(&file, "staff", &[]).await.expect(1);
    let failed = world.read("members.failed.ndjson");
    let said: Vec<Value> = failed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(said.len(), lines.len());
    for ((line, expected), row) in lines.iter().zip(said) {
        let message = row["failed"]["message"].as_str().unwrap();
        assert!(message.starts_with(expected), "{line}: {message}");
        for word in ["expected", "invalid type", "struct", "u64", " column "] {
            assert!(!message.contains(word), "{line}: {message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do_with_a_file_in_utf_16_or_with_another_key() {
    let world = World::new().await;
    for (name, text) in [("members.csv", "ref,tier\na,Gold\n"), ("members.ndjson", "{\"ref\":\"a\"}\n")] {
        let units: Vec<u16> = text.encode_utf16().collect();
        let marked: Vec<u16> = [&[0xfeff], &units[..]].concat();
        let both = |units: &[u16]| {
            [
                units.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<u8>>(),
                units.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            ]
        };
        for bytes in both(&units) {
            let ended = world.import(&world.file(name, bytes), "staff", &["--create-base"]).await.expect(65);
            assert!(ended.stderr.contains("the file is UTF-16; save it as UTF-8"), "{}", ended.stderr);
        }
        for bytes in both(&marked) {
            world.import(&world.file(name, bytes), "staff", &["--create-base"]).await.expect(0);
        }
    }
    for (header, given) in [("E-Mail,tier", "--match email"), ("worker id,tier", "--match worker-id")] {
        let file = world.file("members.csv", format!("{header}\na,b\n"));
        let ended = world.import(&file, "staff", &[]).await.expect(65);
        assert!(
            ended
                .stderr
                .contains(&format!("no column \"ref\", by which members are matched; give {given} to match")),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_file_decides_its_format() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref\na\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    for (name, start) in
        [("x.ndjson", "{\""), ("x.JSONL", "{\""), ("x.csv", "ref,"), ("x", "ref,"), ("x.txt", "ref,")]
    {
        world.export("staff", &world.path(name), &[]).await.expect(0);
        assert!(world.read(name).starts_with(start), "{name}: {}", world.read(name));
    }
    for (name, more) in [
        ("y.ndjson", &["--format", "csv"][..]),
        ("y.csv", &["--format", "ndjson"]),
        ("y.csv", &["--records"]),
        ("y.json", &[]),
    ] {
        let ended = world.export("staff", &world.path(name), more).await.expect(64);
        assert!(ended.stderr.contains(name) && !world.path(name).exists(), "{}", ended.stderr);
    }
    world.export("staff", &world.path("y.json"), &["--format", "ndjson"]).await.expect(0);
    std::fs::rename(world.path("x.ndjson"), world.path("z.csv")).unwrap();
    let file = world.path("z.csv").to_str().unwrap().to_owned();
    let ended = world.import(&file, "staff", &["--format", "ndjson"]).await.expect(0);
    assert_eq!(ended.counts(), [0, 0, 1, 0, 0]);
    assert!(
        ended.stderr.contains("z.csv as NDJSON, because --format overrides its name"),
        "{}",
        ended.stderr
    );
}

/// A user who corrects a list must know which member has the value.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_a_taken_value_reports_its_holder() {
    let world = World::new().await;
    let first = "ref,email,worker_id\nann,ann@x.example,w1\nbob,bob@x.example,w2\n";
    world.import(&world.file("first.csv", first), "staff", &["--create-base"]).await.expect(0);
    let id = async |r#ref| world.get("staff", r#ref).await["id"].as_str().unwrap().to_owned();
    let (ann, bob) = (id("ann").await, id("bob").await);
    // One taken value, another one, and two that different members hold: the row reports the first holder.
    let rows = "c,ANN@x.example,\nd,,w2\ne,ann@x.example,w2\nbob,ann@x.example,\nann,ann@x.example,w1\n";
    let file = world.file("members.csv", format!("ref,E-Mail,Worker ID\n{rows}"));
    let email = format!("E-Mail: belongs to another member of the memberbase ({ann})");
    let worker = "Worker ID: belongs to another member of the memberbase";
    for chunk in ["1", "1000"] {
        let ended = world.import(&file, "staff", &["--chunk-rows", chunk]).await.expect(1);
        assert_eq!(ended.counts(), [0, 0, 1, 0, 4]);
        let failed = failures(&world.read("members.failed.csv"));
        let told: Vec<_> =
            failed.iter().map(|[_, reason, _, text]| (reason.as_str(), text.as_str())).collect();
        let (of_bob, both) = (format!("{worker} ({bob})"), format!("{email}; {worker}"));
        let expected = [
            ("EMAIL_TAKEN", &email),
            ("WORKER_ID_TAKEN", &of_bob),
            ("EMAIL_TAKEN", &both),
            ("EMAIL_TAKEN", &email),
        ];
        assert_eq!(told, expected.map(|(reason, text)| (reason, text.as_str())));
    }
    // A taken ref in rows that are matched by e-mail, and a line of NDJSON.
    let file = world.file("by-mail.csv", "email,ref\nnew@x.example,bob\n");
    world.import(&file, "staff", &["--match", "email"]).await.expect(1);
    let [[_, reason, field, text]] = &failures(&world.read("by-mail.failed.csv"))[..] else { panic!() };
    assert_eq!((reason.as_str(), field.as_str()), ("REF_TAKEN", "ref"));
    assert!(text.ends_with(&format!(" ({bob})")), "{text}");
    let file = world.file("members.ndjson", "{\"ref\":\"f\",\"worker_id\":\"w1\"}\n");
    world.import(&file, "staff", &[]).await.expect(1);
    let row: Value = serde_json::from_str(&world.read("members.failed.ndjson")).unwrap();
    assert!(row["failed"]["message"].as_str().unwrap().ends_with(&format!(" ({ann})")), "{row}");
    // Once corrected, the row can be imported together with the columns that the import added.
    let mended = world.read("members.failed.csv").replace("ann@x.example", "").replace("ANN@x.example", "");
    world.import(&world.file("mended.csv", mended.replace("w2", "")), "staff", &[]).await.expect(0);
}
