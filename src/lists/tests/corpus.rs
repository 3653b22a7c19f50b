//! The lists in `tests/lists`, which many programs made.

use std::fs;
use std::path::Path;

use super::{placed, read, said};
use crate::lists::columns::Wanted;
use crate::lists::{Format, Note, Options, Reading};

const EIGHT: &str = include_str!("eight.csv");
const THREE: &str = "worker_id,email,tier
00101,ada.example@example.org,gold
00102,ben.beispiel@example.org,silver
00103,cyd.junior@example.org,gold
";
const HIDDEN: &str = "worker_id,email,first_name,last_name,phone,dob
00101,ada.example@example.org,Ada,Example,+447700900101,1990-01-05
00102,ben.beispiel@example.org,Ben,Beispiel,,1924-02-29
00104,dee.osample@example.org,Dee,O'Sample,07700900104,
00105,eve.mueller@example.org,Eve,Müller,+447700900105,1985-07-14
01E05,gus.probe@example.org,Gus,Probe,+447700900107,1952-11-30
00108,zoe.lucka@example.org,Zoë,Łucka,,1968-08-08
";
const TOTAL: &str = "worker_id,email,tier,points
00101,ada.example@example.org,gold,10
00102,ben.beispiel@example.org,silver,20
00103,cyd.junior@example.org,gold,30
00104,dee.osample@example.org,silver,40
";
const POSTGRES: &str = r#"worker_id,email,first_name,last_name,active,dob,joined
00101,ada.example@example.org,Ada,Example,t,1990-01-05,2024-01-05 09:30:00+00
00102,ben.beispiel@example.org,Ben,Beispiel,f,,2024-06-01 00:00:00+00
00103,cyd.junior@example.org,Cyd,"Example, Jr.",t,2001-12-31,
00104,dee@example.org,Dee,,t,,2023-12-31 23:59:59+00
00106,fay.muster@example.org,Fay,"de ""Muster""",f,1999-02-28,
"#;
const SQLITE: &str = r#"worker_id,email,first_name,last_name,phone,tier,note
00101,ada.example@example.org,Ada,Example,+447700900101,gold,
00102,ben.beispiel@example.org,Ben,Beispiel,,silver,
00103,cyd.junior@example.org,Cyd,"Example, Jr.",+447700900103,gold,"first line
second line"
00104,dee.osample@example.org,Dee,O'Sample,07700900104,silver, two spaces around 
00105,eve.mueller@example.org,Eve,Müller,+447700900105,bronze,
00106,fay.muster@example.org,Fay,"de ""Muster""",+447700900106,gold,
01E05,gus.probe@example.org,Gus,Probe,+447700900107,bronze,
00108,zoe.lucka@example.org,Zoë,Łucka,,gold,
"#;

/// What must happen with a file.
enum Must {
    /// It has these rows.
    Read(String),
    /// These rows fail.
    Fail(&'static [&'static str]),
    /// It is refused, and the refusal begins so.
    Refuse(&'static str),
}

use Must::{Fail, Read, Refuse};

fn eight() -> Must {
    Read(EIGHT.to_owned())
}

/// The eight members without one.
fn without(worker_id: &str) -> Must {
    let lines = EIGHT.lines().filter(|line| !line.starts_with(worker_id));
    Read(lines.collect::<Vec<_>>().join("\n"))
}

/// The eight members, with the dates that a workbook of the 1904 system shows.
fn later() -> Must {
    let shown = [
        ("1990-01-05", "1994-01-06"),
        ("1924-02-29", "1928-03-01"),
        ("2001-12-31", "2006-01-01"),
        ("1985-07-14", "1989-07-15"),
        ("1999-02-28", "2003-03-01"),
        ("1952-11-30", "1956-12-01"),
        ("1968-08-08", "1972-08-09"),
    ];
    Read(shown.iter().fold(EIGHT.to_owned(), |csv, (stored, shown)| csv.replace(stored, shown)))
}

fn expected() -> Vec<(&'static str, Must)> {
    let read = |csv: &str| Read(csv.to_owned());
    vec![
        ("duplicate-heading.csv", Refuse("line 1: column 3 \"Email\" is a duplicate of column 2 \"email\"")),
        ("empty-rows-at-the-end.csv", read(THREE)),
        ("exceljs-hidden-rows-column-sheet.xlsx", read(HIDDEN)),
        ("exceljs-table-with-total.xlsx", read(TOTAL)),
        ("gnumeric-hidden-rows-column-sheet.xls", read(HIDDEN)),
        ("gnumeric-number-formats.xls", without("01E05")),
        ("gnumeric.csv", eight()),
        ("gnumeric.xls", eight()),
        ("json2csv-excel-strings.csv", eight()),
        ("libreoffice.ods", eight()),
        ("libreoffice.xlsx", eight()),
        ("mac-roman-cr-only.csv", Refuse("line 6, column \"last_name\": not valid UTF-8, and the lines end")),
        ("mixed-line-ends.csv", read(THREE)),
        ("nul-byte.csv", Refuse("line 3, column 2: the control character U+0000")),
        ("openpyxl-error-cells.xlsx", Fail(&["3: CELL_INVALID phone", "5: CELL_INVALID tier"])),
        (
            "openpyxl-formulas-without-results.xlsx",
            Fail(&[
                "2: CELL_INVALID worker_id",
                "3: CELL_INVALID worker_id",
                "4: CELL_INVALID worker_id",
                "5: CELL_INVALID worker_id",
                "6: CELL_INVALID worker_id",
                "7: CELL_INVALID worker_id",
                "8: CELL_INVALID worker_id",
                "9: CELL_INVALID worker_id",
            ]),
        ),
        ("openpyxl-number-formats.xlsx", without("01E05")),
        ("openpyxl-plain.xlsx", eight()),
        ("openpyxl-starts-at-b3.xlsx", eight()),
        ("pandas-backslash-escapes.csv", Refuse("line 7: there is a backslash before a quote")),
        ("pandas-grouped-merged.xlsx", Refuse("sheet \"Sheet1\", A3: covered by the merged cell A2:A3")),
        (
            "pandas-guessed-numbers.csv",
            Fail(&[
                "2: NUMBER_NOT_TEXT worker_id",
                "3: NUMBER_NOT_TEXT worker_id",
                "4: NUMBER_NOT_TEXT worker_id",
            ]),
        ),
        ("papaparse-escaped-formulas.csv", eight()),
        ("postgres-copy.csv", read(POSTGRES)),
        ("python-csv-default.csv", eight()),
        ("python-csv-quote-all-semicolon-bom.csv", eight()),
        ("quote-opened-and-closed-rows-later.csv", Refuse("line 3: text comes after the closing quote")),
        ("sep-line.csv", read(THREE)),
        ("sheetjs-1904-flag.xlsx", later()),
        ("sheetjs-indented.ods", eight()),
        ("sheetjs-plain.xls", eight()),
        ("sheetjs-plain.xlsx", eight()),
        ("sheetjs-rounded-phones.csv", Fail(&["2: NUMBER_NOT_TEXT phone", "4: NUMBER_NOT_TEXT phone"])),
        ("sqlite-shell-tabs.tsv", Fail(&["5: CELL_COUNT"])),
        ("sqlite-shell.csv", read(SQLITE)),
        ("text-after-closing-quote.csv", Refuse("line 3: text comes after the closing quote")),
        ("trailing-comma-everywhere.csv", read(THREE)),
        ("unicode-text-utf16le-tab.txt", eight()),
        (
            "utf8-with-one-windows-1252-row.csv",
            Refuse("line 4, column \"last_name\": not valid UTF-8; save the file as UTF-8"),
        ),
        ("windows-1252-semicolon.csv", without("00108")),
        (
            "xlsx-populate-two-run-names.xlsx",
            Fail(&["2: CELL_INVALID name", "3: CELL_INVALID name", "4: CELL_INVALID name"]),
        ),
        (
            "xlsxwriter-formula-result-zero.xlsx",
            Fail(&["2: CELL_INVALID worker_id", "3: CELL_INVALID worker_id", "4: CELL_INVALID worker_id"]),
        ),
        ("xlsxwriter-plain.xlsx", eight()),
        ("xlwt-1904.xls", eight()),
        (
            "xlwt-faults.xls",
            Fail(&[
                "2: CELL_INVALID worker_id",
                "3: CELL_INVALID last_name",
                "4: CELL_INVALID phone",
                "5: CELL_INVALID phone",
            ]),
        ),
        ("xlwt-hidden-rows-column-sheet.xls", read(HIDDEN)),
        ("xlwt-merged.xls", Refuse("sheet \"Members\", F3: covered by the merged cell F2:F3")),
        ("xlwt-number-formats.xls", without("01E05")),
        ("xlwt-plain.xls", eight()),
    ]
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists")
}

/// Some lists have columns that no field has.
fn options(name: &str) -> Options {
    let others = ["active", "joined", "note", "points", "name"];
    let renamed = others.map(|name| (name.to_owned(), format!("attributes.{name}")));
    let ending = name.rsplit_once('.').unwrap().1;
    // This one has a note with spaces around it, which count only if cells are read as they are.
    let reading = if name == "sqlite-shell.csv" { Reading::Exact } else { Reading::Cleaned };
    let columns = Wanted { renamed: renamed.to_vec(), reading, ..Wanted::default() };
    Options { format: Format::of_ending(ending), columns, ..Options::default() }
}

#[test]
fn every_list_is_read_as_a_person_sees_it_or_refused() {
    for (name, must) in expected() {
        let bytes = fs::read(folder().join(name)).unwrap();
        let (rows, end) = read(&bytes, &options(name));
        let faults: Vec<String> =
            rows.iter().filter_map(|row| Some(placed(row, &row.read().err()?))).collect();
        match must {
            Refuse(text) => {
                let refusal = end.expect_err(name).to_string();
                assert!(refusal.starts_with(text), "{name}: {refusal}");
            }
            Fail(expected) => {
                end.expect(name);
                assert_eq!(faults, expected, "{name}");
            }
            Read(csv) => {
                assert_eq!(end.expect(name).rows, rows.len() as u64, "{name}");
                assert_eq!(faults, [] as [&str; 0], "{name}");
                let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
                let header = reader.headers().unwrap().clone();
                let expected: Vec<Vec<Option<String>>> = reader
                    .records()
                    .map(|row| row.unwrap().iter().map(|cell| Some(cell.to_owned())).collect())
                    .collect();
                let got = rows.iter().map(|row| {
                    let row = row.read().unwrap();
                    header.iter().map(|name| said(&row, name)).collect::<Vec<_>>()
                });
                assert_eq!(got.collect::<Vec<_>>(), expected, "{name}");
            }
        }
    }
}

#[test]
fn every_list_of_the_folder_is_in_the_table() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let table: Vec<&str> = expected().iter().map(|(name, _)| *name).collect();
    assert_eq!(names, table);
}

#[test]
fn rows_of_lists_stand_where_their_makers_see_them() {
    let first = |name: &str| {
        let (rows, end) = read(&fs::read(folder().join(name)).unwrap(), &options(name));
        (rows[0].place().to_string(), end.unwrap().notes)
    };
    assert_eq!(first("sep-line.csv").0, "line 3");
    let (place, notes) = first("openpyxl-starts-at-b3.xlsx");
    assert!(place.ends_with("row 4") && notes.len() == 1, "{place}: {notes:?}");
    let (_, notes) = first("exceljs-hidden-rows-column-sheet.xlsx");
    let notes: Vec<String> = notes.iter().map(Note::to_string).collect();
    assert_eq!(notes, ["2 hidden rows left out", "1 hidden column left out"]);
    let (_, notes) = first("windows-1252-semicolon.csv");
    assert!(notes[0].to_string().contains("Windows-1252"), "{notes:?}");
}
