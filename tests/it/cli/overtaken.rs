//! Failed rows of `memberbase import` that a later row of the same member has made outdated.

use serde_json::Value;

use super::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_row_does_not_undo_a_later_row_of_its_member() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    // The later row is in the same chunk, in another one, or missing. The first rows fail because of a cell
    // or because of the server.
    let text = "sep=;\nRef;email;enable_payroll;tier\n\
                a;nonsense;;Old\na;a@x.example;;New\n\
                b;;maybe;\"Old;\"\nc;c@;;Old\nd;;no;Old\n\
                b;;yes;New\n c ;c@;;Older\n";
    let file = world.file("members.csv", text);
    let ended = world.import(&file, "staff", &["--chunk-rows", "2"]).await.expect(1);
    assert_eq!(ended.counts(), [3, 0, 0, 0, 4]);
    assert!(
        ended.stderr.contains("warning: 2 failed rows are older than applied rows of the same members"),
        "{}",
        ended.stderr
    );
    let failed = world.read("members.failed.csv");
    let marked: Vec<&str> = failed.lines().filter(|line| line.contains(";LATER_ROW_APPLIED;")).collect();
    assert_eq!(marked.len(), 2, "{failed}");
    assert!(marked[0].starts_with("a;nonsense;;Old;3;LATER_ROW_APPLIED;email;"), "{failed}");
    assert!(marked[0].contains("EMAIL_INVALID") && marked[0].contains("the newer row of line 4"), "{failed}");
    assert!(marked[1].starts_with("b;;maybe;\"Old;\";5;LATER_ROW_APPLIED;"), "{failed}");
    assert!(
        failed.starts_with("sep=;\nRef;email;enable_payroll;tier;line;reason;field;message\n"),
        "{failed}"
    );

    // After a correction the other rows are applied. These fail again in the same way until a user decides.
    let mended = failed.replace("nonsense", "old@x.example").replace("maybe", "yes");
    let file = world.file("mended.csv", mended.replace("c@;", "c@x.example;"));
    let again = world.import(&file, "staff", &[]).await.expect(1);
    assert_eq!(again.counts(), [1, 1, 0, 0, 2]);
    for r#ref in ["a", "b"] {
        assert_eq!(world.get("staff", r#ref).await["tier"], "New");
    }
    let twice = world.read("mended.failed.csv");
    assert!(twice.contains("the newer row of line 4") && !twice.contains("LATER_ROW_APPLIED,"), "{twice}");
    let file = world.file("decided.csv", twice.replacen("LATER_ROW_APPLIED", "MENDED", 1));
    assert_eq!(world.import(&file, "staff", &[]).await.expect(1).counts(), [0, 1, 0, 0, 1]);
    assert_eq!(world.get("staff", "a").await["tier"], "Old");
    assert_eq!(world.get("staff", "b").await["tier"], "New");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_ndjson_and_rows_that_waited_are_marked_too() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    let file = world.file("first.ndjson", "{\"ref\":\"x\",\"email\":\"x@x.example\"}\n");
    world.import(&file, "staff", &[]).await.expect(0);
    // The row of b waits for the address; meanwhile a later row of b is applied.
    let lines = "{\"ref\":\"a\",\"tier\":7}\n{\"ref\":\"b\",\"email\":\"x@x.example\"}\n{\"ref\":\"a\",\"tier\":\"New\"}\n{\"ref\":\"b\"}\n";
    let file = world.file("members.ndjson", lines);
    assert_eq!(
        world.import(&file, "staff", &["--chunk-rows", "1"]).await.expect(1).counts(),
        [2, 0, 0, 0, 2]
    );
    let read = |name: &str| -> Vec<Value> {
        world.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let rows = read("members.failed.ndjson");
    let told: Vec<_> = rows.iter().map(|row| (&row["ref"], &row["failed"]["reason"])).collect();
    let marked = Value::from("LATER_ROW_APPLIED");
    assert_eq!(told, [(&Value::from("a"), &marked), (&Value::from("b"), &marked)]);
    assert!(rows[1]["failed"]["message"].as_str().unwrap().contains("EMAIL_TAKEN"), "{rows:?}");
    let file = world.file("mended.ndjson", world.read("members.failed.ndjson").replace(":7}", ":\"Old\"}"));
    assert_eq!(world.import(&file, "staff", &[]).await.expect(1).counts(), [0, 0, 0, 0, 2]);
    assert_eq!(world.get("staff", "a").await["tier"], "New");
}

/// In any other order the corrected file would leave members as an older row has them.
#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_stand_in_the_order_of_their_lines() {
    let world = World::new().await;
    let first = world.file("first.csv", "ref,email\nh,t@x.example\nr,r@x.example\ns,s@x.example\n");
    world.import(&first, "staff", &["--create-base"]).await.expect(0);
    // The rows of lines 2 and 6 wait in vain; those of lines 4 and 5 swap values.
    let rows =
        "a,t@x.example,Old\na,bad,New\nr,s@x.example,R\ns,r@x.example,S\nc,t@x.example,Old\nc,bad,New\n";
    let file = world.file("members.csv", format!("ref,email,last_name\n{rows}"));
    for chunk in ["1", "1000"] {
        world.import(&first, "staff", &[]).await.expect(0);
        let ended = world.import(&file, "staff", &["--chunk-rows", chunk]).await.expect(1);
        assert_eq!(ended.counts()[1..], [2, 0, 0, 4]);
        let failed = world.read("members.failed.csv");
        let rows: Vec<_> = failed.lines().skip(1).map(|row| row.split(',').collect::<Vec<_>>()).collect();
        let told: Vec<_> = rows.iter().map(|row| [row[0], row[2], row[3], row[4]]).collect();
        let taken = |member, line| [member, "Old", line, "EMAIL_TAKEN"];
        let bad = |member, line| [member, "New", line, "EMAIL_INVALID"];
        assert_eq!(told, [taken("a", "2"), bad("a", "3"), taken("c", "6"), bad("c", "7")], "{failed}");
    }
    // The corrected file does what the list would have done.
    let mended = world.read("members.failed.csv").replace(",bad,", ",,").replace("t@x.example", "");
    let mended = world.file("mended.csv", mended);
    world.import(&mended, "staff", &["--chunk-rows", "1"]).await.expect(0);
    for member in ["a", "c"] {
        assert_eq!(world.get("staff", member).await["last_name"], "New");
    }
    // Output to a pipe is final, so a row that fails there ends the waiting of the rows before it.
    world.import(&first, "staff", &[]).await.expect(0);
    let ended = world.import(&file, "staff", &["--failed", "/dev/stderr"]).await.expect(1);
    let told = ended.stderr.lines().filter_map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        Some((cells.get(3)?.parse::<u64>().ok()?, *cells.get(4)?))
    });
    let (taken, bad) = ("EMAIL_TAKEN", "EMAIL_INVALID");
    let expected = [(2, taken), (3, bad), (4, taken), (5, taken), (6, taken), (7, bad)];
    assert_eq!(told.collect::<Vec<_>>(), expected, "{}", ended.stderr);
}

/// Without it spreadsheets assume another encoding.
#[tokio::test(flavor = "multi_thread")]
async fn failed_rows_of_a_list_with_a_byte_order_mark_begin_with_one() {
    let world = World::new().await;
    let first = world.file("first.csv", "ref,email\nh,t@x.example\n");
    world.import(&first, "staff", &["--create-base"]).await.expect(0);
    // One of the failing rows fails at once, one waits in vain, and one is marked as outdated.
    let rows = "zo\u{eb};bad\nb;t@x.example\nc;bad\nc;c@x.example\n";
    for (mark, sep) in [("\u{feff}", ""), ("\u{feff}", "sep=;\n"), ("", "sep=;\n"), ("", "")] {
        let file = world.file("members.csv", format!("{mark}{sep}ref;email\n{rows}"));
        world.import(&file, "staff", &["--delimiter", ";"]).await.expect(1);
        let failed = world.read("members.failed.csv");
        let header = format!("{mark}{sep}ref;email;line;reason;field;message\nzo\u{eb};bad;");
        assert!(failed.starts_with(&header), "{failed:?}");
        assert!(
            failed.matches('\u{feff}').count() <= 1 && failed.contains(";LATER_ROW_APPLIED;"),
            "{failed:?}"
        );
        // The file of failed rows can be imported again, and a successful import mentions that it is kept.
        let again = world.file("again.csv", failed);
        world.import(&again, "staff", &["--delimiter", ";"]).await.expect(1);
        let good = world.file("members.csv", format!("{mark}{sep}ref;email\nb;\n"));
        let ended = world.import(&good, "staff", &["--delimiter", ";"]).await.expect(0);
        assert!(ended.stderr.contains("still has the failed rows"), "{}", ended.stderr);
    }
}

/// Rows that a user corrected in the file but has not imported yet exist nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn an_existing_file_of_failed_rows_is_kept_unless_it_has_the_same_content() {
    let world = World::new().await;
    world.base("staff", &[]).await;
    let file = world.file("members.csv", "ref,email\na,nonsense\nb,b@x.example\n");
    let taken = world.file("taken.csv", "ref,email\nc,b@x.example\n");
    let failed = "members.failed.csv";
    for _ in 0..2 {
        let ended = world.import(&file, "staff", &[]).await.expect(1);
        assert!(!ended.stderr.contains("renamed"), "{}", ended.stderr);
    }
    let (first, mended) = (world.read(failed), world.read(failed).replace("nonsense", "a@x.example"));
    world.file(failed, &mended);
    let ended = world.import(&file, "staff", &[]).await.expect(1);
    assert!(ended.stderr.contains("members.failed.1.csv"), "{}", ended.stderr);
    assert_eq!((world.read(failed), world.read("members.failed.1.csv")), (first, mended));
    // A row that waited before it failed, and a file that no import wrote.
    let notes = world.file("taken.failed.csv", "my notes");
    let ended = world.import(&taken, "staff", &["--failed", &notes]).await.expect(1);
    assert!(ended.stderr.contains("taken.failed.1.csv"), "{}", ended.stderr);
    assert_eq!(world.read("taken.failed.1.csv"), "my notes");
    assert!(world.read("taken.failed.csv").contains("EMAIL_TAKEN"));
}
