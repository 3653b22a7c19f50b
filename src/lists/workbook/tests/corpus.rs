//! The workbooks in `tests/lists`, which many programs made.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::super::{Limits, Note, Options, Refusal, Table, read};

const HEADINGS: [&str; 10] =
    ["worker_id", "email", "first_name", "last_name", "phone", "tier", "dob", "points", "name", "note"];

const EIGHT: &str = include_str!("../../tests/eight.csv");

fn open(name: &str) -> Result<Table, Refusal> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists").join(name);
    let is_heading = |text: &str| HEADINGS.contains(&text);
    let options = Options { sheet: None, is_heading: &is_heading, limits: Limits::default() };
    read(BufReader::new(File::open(path).unwrap()), &options)
}

/// The rows as a caller reads them, and the faults with their cells.
fn rows(table: &Table) -> (Vec<Vec<String>>, Vec<String>) {
    let headings: Vec<&str> = table.headings().iter().map(|heading| &*heading.text).collect();
    let mut rows = vec![headings.iter().map(|&heading| heading.to_owned()).collect()];
    let mut faults = Vec::new();
    for row in table.rows() {
        let cells = row.cells().zip(&headings).map(|(cell, &heading)| {
            let text = match heading {
                "worker_id" => cell.key(),
                "dob" => cell.date(),
                _ => cell.text(),
            };
            let text = text.map(|text| text.into_owned());
            text.unwrap_or_else(|fault| {
                faults.push(format!("{}: {fault}", cell.name));
                String::new()
            })
        });
        rows.push(cells.collect());
    }
    (rows, faults)
}

fn parsed(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[track_caller]
fn reads(name: &str, csv: &str) -> Table {
    let table = open(name).unwrap();
    let (rows, faults) = rows(&table);
    assert_eq!(faults, Vec::<String>::new(), "{name}");
    assert_eq!(rows, parsed(csv), "{name}");
    table
}

#[track_caller]
fn faults(name: &str) -> Vec<String> {
    rows(&open(name).unwrap()).1
}

#[test]
fn plain_lists_of_many_writers_are_read() {
    for name in [
        "openpyxl-plain.xlsx",
        "xlsxwriter-plain.xlsx",
        "sheetjs-plain.xlsx",
        "libreoffice.xlsx",
        "libreoffice.ods",
        "sheetjs-indented.ods",
        "gnumeric.xls",
        "sheetjs-plain.xls",
        "xlwt-plain.xls",
        "xlwt-1904.xls",
    ] {
        let table = reads(name, EIGHT);
        assert_eq!(table.notes(), [], "{name}");
        assert_eq!(table.rows().map(|row| row.number()).collect::<Vec<_>>(), (2..=9).collect::<Vec<_>>());
    }
}

#[test]
fn a_list_below_a_title_is_read_with_the_names_of_its_cells() {
    let table = reads("openpyxl-starts-at-b3.xlsx", EIGHT);
    assert_eq!(table.notes(), [Note::RowsAbove(1)]);
    let first = table.rows().next().unwrap().cells().next().unwrap();
    assert_eq!(first.name.to_string(), "B4");
}

#[test]
fn numbers_are_read_as_their_formats_show_them() {
    let without_one: Vec<&str> = EIGHT.lines().filter(|line| !line.starts_with("01E05")).collect();
    for name in ["openpyxl-number-formats.xlsx", "gnumeric-number-formats.xls", "xlwt-number-formats.xls"] {
        reads(name, &without_one.join("\n"));
    }
}

#[test]
fn dates_of_the_1904_system_are_read_as_shown() {
    let shown = [
        ("1990-01-05", "1994-01-06"),
        ("1924-02-29", "1928-03-01"),
        ("2001-12-31", "2006-01-01"),
        ("1985-07-14", "1989-07-15"),
        ("1999-02-28", "2003-03-01"),
        ("1952-11-30", "1956-12-01"),
        ("1968-08-08", "1972-08-09"),
    ];
    let expected = shown.iter().fold(EIGHT.to_owned(), |csv, (stored, shown)| csv.replace(stored, shown));
    reads("sheetjs-1904-flag.xlsx", &expected);
}

#[test]
fn hidden_rows_columns_and_sheets_are_left_out_and_counted() {
    let hidden = [Note::HiddenRows(2), Note::HiddenColumns(1)];
    let below_a_title = [&hidden[..], &[Note::RowsAbove(1)]].concat();
    for (name, notes) in [
        ("exceljs-hidden-rows-column-sheet.xlsx", &hidden[..]),
        ("gnumeric-hidden-rows-column-sheet.xls", &hidden),
        ("xlwt-hidden-rows-column-sheet.xls", &below_a_title),
    ] {
        let table = reads(
            name,
            "worker_id,email,first_name,last_name,phone,dob
00101,ada.example@example.org,Ada,Example,+447700900101,1990-01-05
00102,ben.beispiel@example.org,Ben,Beispiel,,1924-02-29
00104,dee.osample@example.org,Dee,O'Sample,07700900104,
00105,eve.mueller@example.org,Eve,Müller,+447700900105,1985-07-14
01E05,gus.probe@example.org,Gus,Probe,+447700900107,1952-11-30
00108,zoe.lucka@example.org,Zoë,Łucka,,1968-08-08
",
        );
        assert_eq!(table.notes(), notes, "{name}");
        assert_eq!(table.sheet(), "Members", "{name}");
    }
}

#[test]
fn the_total_row_of_a_table_is_no_member() {
    let table = reads(
        "exceljs-table-with-total.xlsx",
        "worker_id,email,tier,points
00101,ada.example@example.org,gold,10
00102,ben.beispiel@example.org,silver,20
00103,cyd.junior@example.org,gold,30
00104,dee.osample@example.org,silver,40
",
    );
    assert_eq!(table.notes(), [Note::TotalRows(1)]);
}

#[test]
fn error_cells_are_faults_with_their_names() {
    assert_eq!(
        faults("openpyxl-error-cells.xlsx"),
        ["E3: the cell shows the error #N/A", "F5: the cell shows the error #REF!"]
    );
}

#[test]
fn cells_of_an_old_workbook_that_are_not_certain_are_faults() {
    let faults = faults("xlwt-faults.xls");
    let names: Vec<&str> = faults.iter().map(|fault| &fault[..3]).collect();
    assert_eq!(names, ["A2:", "D3:", "E4:", "E5:"]);
    assert!(faults[0].contains("a formula with an empty stored result"), "{faults:?}");
    assert!(faults[1].contains("a formula with an empty stored result"), "{faults:?}");
    assert!(faults[2].contains("more than 15 digits"), "{faults:?}");
    assert!(faults[3].ends_with("the cell shows the error #N/A"), "{faults:?}");
}

#[test]
fn formulas_without_results_are_faults() {
    let faults = faults("openpyxl-formulas-without-results.xlsx");
    let expected = |row| {
        format!("A{row}: a formula without a stored result; open and save the file in a spreadsheet program")
    };
    assert_eq!(faults, (2..=9).map(expected).collect::<Vec<_>>());
}

#[test]
fn formulas_with_the_result_0_are_no_keys() {
    let faults = faults("xlsxwriter-formula-result-zero.xlsx");
    let names: Vec<&str> = faults.iter().map(|fault| &fault[..3]).collect();
    assert_eq!(names, ["A2:", "A3:", "A4:"]);
    assert!(faults[0].contains("a formula whose result is not text"), "{faults:?}");
}

#[test]
fn merged_cells_over_the_list_refuse_it() {
    let refusal = open("pandas-grouped-merged.xlsx").unwrap_err().to_string();
    assert!(
        refusal.ends_with("A3: covered by the merged cell A2:A3; unmerge it and fill in every row"),
        "{refusal}"
    );
    let refusal = open("xlwt-merged.xls").unwrap_err().to_string();
    assert!(refusal.contains("F3: covered by the merged cell F2:F3"), "{refusal}");
}

#[test]
fn texts_in_parts_without_the_mark_for_spaces_are_faults() {
    let faults = faults("xlsx-populate-two-run-names.xlsx");
    let names: Vec<&str> = faults.iter().map(|fault| &fault[..3]).collect();
    assert_eq!(names, ["B2:", "B3:", "B4:"]);
}
