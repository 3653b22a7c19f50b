//! Lists in other formats than CSV with commas, and with other headings.

use std::fs;

use serde_json::json;

use super::World;

#[tokio::test(flavor = "multi_thread")]
async fn spreadsheets_are_imported_and_their_failed_rows_come_back_as_csv() {
    let world = World::new().await;
    let lists = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let copy = |name: &str, to: &str| {
        fs::copy(lists.join(name), world.path(to)).unwrap();
        world.path(to).to_str().unwrap().to_owned()
    };
    let arguments = ["--create-base", "--match", "worker-id"];
    for (name, to) in [
        ("openpyxl-plain.xlsx", "a.xlsx"),
        ("libreoffice.ods", "b.ODS"),
        ("xlsxwriter-plain.xlsx", "c"),
        ("gnumeric.xls", "d.xls"),
        ("xlwt-plain.xls", "e"),
    ] {
        let base = to.replace('.', "-");
        let ended = world.import(&copy(name, to), &base, &arguments).await.expect(1);
        // One phone number has no country code.
        assert_eq!(ended.counts(), [7, 0, 0, 0, 1], "{name}");
        let key = ["get", "--base", &base, "--worker-id", "00106", "--server", &world.url];
        let member: serde_json::Value =
            serde_json::from_str(&super::memberbase(&key).await.expect(0).stdout).unwrap();
        assert_eq!((&member["last_name"], &member["dob"]), (&json!("de \"Muster\""), &json!("1999-02-28")));
    }
    let hidden = copy("exceljs-hidden-rows-column-sheet.xlsx", "hidden.xlsx");
    let ended = world.import(&hidden, "hidden", &arguments).await.expect(1);
    assert_eq!(ended.counts(), [5, 0, 0, 0, 1]);
    assert!(ended.stderr.contains("2 hidden rows left out"), "{}", ended.stderr);
    let sheet = [&arguments[..], &["--sheet", "2025"]].concat();
    let ended = world.import(&hidden, "hidden", &sheet).await.expect(65);
    assert!(ended.stderr.contains("no visible sheet is called \"2025\""), "{}", ended.stderr);

    let errors = copy("openpyxl-error-cells.xlsx", "errors.xlsx");
    let ended = world.import(&errors, "errors", &arguments).await.expect(1);
    assert_eq!(ended.counts(), [6, 0, 0, 0, 2]);
    let failed = world.read("errors.failed.csv");
    assert!(failed.contains(",3,CELL_INVALID,phone,E3: the cell shows the error #N/A"), "{failed}");
    let again = world.path("errors.failed.csv").to_str().unwrap().to_owned();
    let ended = world.import(&again, "errors", &arguments).await.expect(1);
    assert_eq!(ended.counts(), [0, 0, 0, 0, 2], "a cell that nobody filled in must fail again");
    let file = world.file(
        "mended.csv",
        world.read("errors.failed.failed.csv").replace("#ERROR!", "").replace("07700900104", "+447700900104"),
    );
    assert_eq!(world.import(&file, "errors", &arguments).await.expect(0).counts(), [2, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn delimiters_encodings_and_other_headings_are_understood() {
    let world = World::new().await;
    let arguments = ["--create-base", "--match", "worker-id", "--column", "Staff No=worker_id"];
    let file = world.file("a.tsv", "Staff no\tlast_name\n7\tLee; Bob\n");
    world.import(&file, "staff", &arguments).await.expect(0);
    let file = world.file("b.csv", b"staff_no;last_name\n8;M\xfcller\n");
    let ended = world.import(&file, "staff", &arguments).await.expect(0);
    assert_eq!(ended.stderr.matches("was read as Windows-1252").count(), 1, "{}", ended.stderr);
    for (key, name) in [("7", "Lee; Bob"), ("8", "Müller")] {
        let key = ["get", "--base", "staff", "--worker-id", key, "--server", &world.url];
        let member: serde_json::Value =
            serde_json::from_str(&super::memberbase(&key).await.expect(0).stdout).unwrap();
        assert_eq!(member["last_name"], name);
    }
    let unknown = world.import(&file, "staff", &["--match", "worker-id"]).await.expect(65);
    assert!(unknown.stderr.contains("give --column HEADING=NAME"), "{}", unknown.stderr);
}
