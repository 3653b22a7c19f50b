//! Carelessly written lists: an import reads them as a person would, or refuses them with the line.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use serde_json::json;

use super::{World, memberbase_reading};

/// Imports by worker id into a new memberbase.
async fn import(world: &World, name: &str, text: &str) -> super::Ended {
    let file = world.file(&format!("{name}.csv"), text);
    world.import(&file, name, &["--create-base", "--match", "worker-id"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misplaced_quote_refuses_the_file_with_its_line_and_writes_nothing() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    for (text, said) in [
        (
            "ref,first_name,email\nu0,a,\nu1,\"likes tea,ann@x.example\nu2,\"coffee\",bob@x.example\n",
            "line 3: text comes after",
        ),
        ("ref,tier\nu0,a\nu1,\"b\nu2,c\nu3,d\n", "line 3: the quote that is opened here is never closed"),
        (
            "ref,first_name\nu0,a\nu1,\"Bob \\\"Bobby\\\" Lee\"\n",
            "line 3: there is a backslash before a quote",
        ),
        ("ref,company\nu0,a\nu1,\"12\" Pizza Ltd\"\n", "line 3: text comes after"),
        ("ref,first_name\nu0,a\nu1,\"Ben\" Benny\nu2,c\n", "line 3: text comes after"),
        ("ref,first_name\nu0,a\nu1,\"Ben\nu2,c\nu3,\"Dee\"\n", "line 3: text comes after"),
        ("ref,first_name\ru0,a\ru1,\"Ben\ru2,c\r", "line 3: the quote"),
        ("ref,first_name,tier\nu0,a,\nu1, \"Lee, Bob\"\n", "line 3, column 2: there are spaces between"),
        ("ref,first_name\nu0,a\nu1,b\u{0}c\n", "line 3, column 2: the control character U+0000"),
    ] {
        let file = world.file("members.csv", text);
        let ended = world.import(&file, "staff", &[]).await.expect(65);
        assert!(ended.stderr.contains(said), "{text:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{text:?}: the import must send nothing");
    }
    let export = world.path("export.csv");
    world.export("staff", &export, &[]).await.expect(0);
    assert_eq!(world.read("export.csv").lines().count(), 1, "the import must write no member");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_before_a_fault_in_standard_input_are_written() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    let file = world.file("members.csv", "ref,tier\na,x\nb,\"y\nc,z\n");
    let arguments = ["import", "-", "--base", "staff", "--server", &world.url, "--format", "csv"];
    let ended = memberbase_reading(&arguments, Stdio::from(File::open(&file).unwrap())).await.expect(65);
    assert!(ended.stderr.contains("line 3: the quote"), "{}", ended.stderr);
    assert_eq!(ended.counts(), [1, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_real_tools_are_read_as_a_person_would() {
    let world = World::new().await;
    let json2csv = "\"=\"\"worker_id\"\"\",\"=\"\"last_name\"\"\",\"=\"\"phone\"\"\"\n\
                    \"=\"\"00101\"\"\",\"=\"\"de \"\"\"\"Muster\"\"\"\"\"\"\",\"=\"\"+447700900101\"\"\"\n";
    let papaparse = "worker_id,last_name,phone\r\n00101,\"de \"\"Muster\"\"\",\"'+447700900101\"\r\n";
    let trailing =
        "worker_id,last_name,phone,\r\n00101,\"de \"\"Muster\"\"\",+447700900101,\r\n,,,\r\n\r\n   \r\n";
    let spaces = "worker_id , last_name,phone\n 00101 ,  \"\n";
    let sep = "sep=;\r\nworker_id;last_name;phone\r\n00101;\"de \"\"Muster\"\"\";+447700900101\r\n";
    let mixed =
        "worker_id,last_name,phone\r\n00101,\"de \"\"Muster\"\"\",+447700900101\r01E05,Probe,\n00103,c,";
    for (name, text, created) in [
        ("json2csv", json2csv, 1),
        ("papaparse", papaparse, 1),
        ("trailing", trailing, 1),
        ("sep", sep, 1),
        ("mixed", mixed, 3),
    ] {
        let ended = import(&world, name, text).await.expect(0);
        assert_eq!(ended.counts(), [created, 0, 0, 0, 0], "{name}");
        let got =
            super::memberbase(&["get", "--base", name, "--worker-id", "00101", "--server", &world.url]).await;
        let member: serde_json::Value = serde_json::from_str(&got.expect(0).stdout).unwrap();
        assert_eq!(
            (&member["last_name"], &member["phone"]),
            (&json!("de \"Muster\""), &json!("+447700900101")),
            "{name}"
        );
    }
    let ended = import(&world, "spaces", spaces).await.expect(65);
    assert!(ended.stderr.contains("line 2, column 2: there are spaces between"), "{}", ended.stderr);
    let guessed = "worker_id,phone\n101.0,\n00102,4.47701E+11\n00103,+447700900103\n";
    assert_eq!(import(&world, "guessed", guessed).await.expect(1).counts(), [1, 0, 0, 0, 2]);
    assert_eq!(world.read("guessed.failed.csv").matches("NUMBER_NOT_TEXT").count(), 2);
    let twice = import(&world, "twice", "worker_id,email,Email\na,b,c\n").await.expect(65);
    assert!(
        twice.stderr.contains("line 1: column 3 \"Email\" is a duplicate of column 2 \"email\""),
        "{}",
        twice.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn spaces_around_cells_are_removed_unless_the_user_keeps_them() {
    let world = World::new().await;
    let file = world.file("members.csv", "ref,tier,gender\n  a b , Gold ,FEMALE\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(0);
    let member = world.get("staff", "a b").await;
    assert_eq!((&member["tier"], &member["gender"]), (&json!("Gold"), &json!("Female")));
    let again = world.import(&file, "staff", &["--no-trim"]).await;
    assert_eq!(again.counts()[0], 1, "with its spaces the ref must be another one: {}", again.stderr);
    assert_eq!(world.get("staff", "  a b ").await["ref"], "  a b ");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_keep_their_cells_and_fail_until_they_are_corrected() {
    let world = World::new().await;
    let text = "sep=;\nref;tier;role\na;x;y;extra\nb;x\nref;tier;role\nc;x;y;;\nd;\"two\nlines\";z;\"more;\"\n e ;x;y\n";
    let file = world.file("members.csv", text);
    assert_eq!(world.import(&file, "staff", &["--create-base"]).await.expect(1).counts(), [2, 0, 0, 0, 4]);
    let failed = world.read("members.failed.csv");
    for row in [
        "sep=;\nref;tier;role;line;reason;field;message\n",
        "\na;x;y;extra;3;CELL_COUNT;",
        "\nb;x;4;CELL_COUNT;",
        "\nref;tier;role;5;HEADER_REPEATED;",
        "\nd;\"two\nlines\";z;\"more;\";7;CELL_COUNT;",
    ] {
        assert!(failed.contains(row), "{row:?}: {failed}");
    }
    let mode = fs::metadata(world.path("members.failed.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The file unchanged, with fields to clear, and as a spreadsheet pads it.
    let filled = failed
        .lines()
        .map(|line| if line.starts_with("sep") { line.to_owned() } else { format!("{line};;") });
    let filled = filled.collect::<Vec<_>>().join("\n");
    for text in [failed.clone(), filled.replace("\"two;;", "\"two")] {
        let file = world.file("again.csv", text);
        let again = world.import(&file, "staff", &["--replace", "--clear-missing"]).await.expect(1);
        assert_eq!(again.counts(), [0, 0, 0, 0, 4], "{}", world.read("again.failed.csv"));
    }
    let rows = |text: &str| {
        text.lines()
            .map(|line| {
                line.split(";CELL").next().unwrap().rsplit_once(';').map(|(cells, _)| cells.to_owned())
            })
            .collect::<Vec<_>>()
    };
    let file = world.file("again.csv", &failed);
    world.import(&file, "staff", &[]).await.expect(1);
    assert_eq!(
        rows(&world.read("again.failed.csv"))[2..4],
        rows(&failed)[2..4],
        "the cells are those of the list"
    );
    let mended =
        failed.replace("a;x;y;extra", "a;x;y").replace("b;x;4", "b;x;;4").replace("ref;tier;role;5", "f;;;5");
    let file = world.file("mended.csv", mended.replace(";\"more;\"", "").replace("two\nlines", "two"));
    assert_eq!(world.import(&file, "staff", &[]).await.expect(0).counts(), [4, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_ndjson_that_failed_twice_is_imported_when_it_is_corrected() {
    let world = World::new().await;
    let file = world.file("members.ndjson", "{\"ref\":\"a\",\"tier\":7}\n{\"ref\":\"b\",\"email\":\"x\"}\n");
    world.import(&file, "staff", &["--create-base"]).await.expect(1);
    let once = world.read("members.failed.ndjson");
    let fields: Vec<serde_json::Value> =
        once.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&fields[0]["failed"]["field"], &fields[1]["failed"]["field"]),
        (&json!("tier"), &json!("email"))
    );
    let text = fields[1]["failed"]["message"].as_str().unwrap();
    assert_eq!(text.matches("email:").count(), 1, "not reported exactly once: {text}");
    let file = world.file("once.ndjson", &once);
    world.import(&file, "staff", &[]).await.expect(1);
    let twice = world.read("once.failed.ndjson");
    assert_eq!(twice.matches("\"failed\"").count(), 2, "{twice}");
    let mended =
        twice.replace("\"tier\":7", "\"tier\":\"7\"").replace("\"email\":\"x\"", "\"email\":\"x@y.example\"");
    let file = world.file("twice.ndjson", mended);
    assert_eq!(world.import(&file, "staff", &[]).await.expect(0).counts(), [2, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_never_written_while_it_is_read() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    let text = "ref,email\na,nonsense\n";
    let file = world.file("members.csv", text);
    symlink(&file, world.path("soft")).unwrap();
    fs::hard_link(&file, world.path("hard")).unwrap();
    let around =
        world.folder.path().join("../").join(world.folder.path().file_name().unwrap()).join("members.csv");
    for name in [world.path("members.csv"), world.path("soft"), world.path("hard"), around] {
        let failed = ["--failed", name.to_str().unwrap()];
        let ended = world.import(&file, "staff", &failed).await.expect(64);
        assert!(ended.stderr.contains("would be overwritten"), "{}", ended.stderr);
        let arguments = ["import", "-", "--base", "staff", "--server", &world.url, "--format", "csv"];
        let arguments = [&arguments[..], &failed].concat();
        memberbase_reading(&arguments, Stdio::from(File::open(&file).unwrap())).await.expect(64);
        assert_eq!(world.read("members.csv"), text);
    }
    let ca = world.file("ca.pem", "a certificate");
    world.export("staff", &world.path("ca.pem"), &["--ca", &ca]).await.expect(64);
    symlink(&ca, world.path("out.csv.memberbase-part")).unwrap();
    world.export("staff", &world.path("out.csv"), &["--ca", &ca]).await.expect(64);
    assert_eq!(world.read("ca.pem"), "a certificate");
    let data = world.path("data");
    fs::create_dir(&data).unwrap();
    let data = data.to_str().unwrap();
    for out in [data.to_owned(), format!("{data}/backup"), world.folder.path().to_str().unwrap().to_owned()] {
        super::memberbase(&["backup", "--data", data, "--out", &out]).await.expect(64);
        super::memberbase(&["restore", "--from", data, "--data", &out]).await.expect(64);
    }
    assert_eq!(fs::read_dir(data).unwrap().count(), 0);
}
