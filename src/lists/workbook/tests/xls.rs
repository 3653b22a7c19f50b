//! What the cells of an `.xls` file read as, and which files are refused.

use std::io::{Cursor, Write};

use super::super::{CellFault, Content, Limits, Note, Refusal, Table};
use super::made::{first, read_with, refusal};

const BIFF8: [u8; 4] = [0x00, 0x06, 0x05, 0x00];
const SHEET: [u8; 4] = [0x00, 0x06, 0x10, 0x00];

fn record(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &u16::try_from(data.len()).unwrap().to_le_bytes(), data].concat()
}

/// An OLE file with one stream.
fn ole(name: &str, stream: &[u8]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    file.create_stream(name).unwrap().write_all(stream).unwrap();
    file.into_inner().into_inner()
}

/// A workbook with visible sheets, each from its records.
fn stream(globals: &[Vec<u8>], sheets: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    let listed: usize = sheets.iter().map(|(name, _)| 12 + name.len()).sum();
    let mut start = 8 + globals.concat().len() + listed + 4;
    let (mut list, mut bodies) = (Vec::new(), Vec::new());
    for (name, records) in sheets {
        let head = [&u32::try_from(start).unwrap().to_le_bytes()[..], &[0, 0]].concat();
        list.push(record(
            0x85,
            &[&head[..], &[u8::try_from(name.len()).unwrap(), 0], name.as_bytes()].concat(),
        ));
        let body = [record(0x809, &SHEET), records.concat(), record(0x0A, &[])].concat();
        start += body.len();
        bodies.push(body);
    }
    [record(0x809, &BIFF8), globals.concat(), list.concat(), record(0x0A, &[]), bodies.concat()].concat()
}

fn cell(kind: u16, row: u16, column: u16, rest: &[u8]) -> Vec<u8> {
    styled(kind, row, column, 0, rest)
}

fn styled(kind: u16, row: u16, column: u16, style: u16, rest: &[u8]) -> Vec<u8> {
    let head: Vec<u8> = [row, column, style].into_iter().flat_map(u16::to_le_bytes).collect();
    record(kind, &[&head, rest].concat())
}

fn text(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [&u16::try_from(units.len() / 2).unwrap().to_le_bytes()[..], &[1], &units].concat()
}

fn label(row: u16, column: u16, value: &str) -> Vec<u8> {
    cell(0x204, row, column, &text(value))
}

/// Records of a sheet below the headings `worker_id`, `name` and `dob`.
fn headed(records: &[Vec<u8>]) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut all: Vec<Vec<u8>> =
        (0..).zip(["worker_id", "name", "dob"]).map(|(c, h)| label(0, c, h)).collect();
    all.extend_from_slice(records);
    vec![("Members", all)]
}

/// The style 0 is General; styles 1 and so on have these formats.
fn formats(codes: &[&str]) -> Vec<Vec<u8>> {
    let ids: Vec<u16> = (164..).take(codes.len()).collect();
    let mut records: Vec<Vec<u8>> = ids
        .iter()
        .zip(codes)
        .map(|(id, code)| record(0x41E, &[&id.to_le_bytes()[..], &text(code)].concat()))
        .collect();
    let style = |id: &u16| record(0xE0, &[&[0, 0][..], &id.to_le_bytes(), &[0; 16]].concat());
    records.extend(std::iter::once(&0).chain(&ids).map(style));
    records
}

fn read(globals: &[Vec<u8>], sheets: &[(&str, Vec<Vec<u8>>)]) -> Result<Table, Refusal> {
    read_with(&ole("Workbook", &stream(globals, sheets)), None, Limits::default())
}

fn list() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    headed(&[label(1, 0, "1"), label(1, 1, "Ada")])
}

fn own(text: Result<std::borrow::Cow<'_, str>, CellFault>) -> Result<String, CellFault> {
    text.map(|text| text.into_owned())
}

#[test]
fn numbers_of_every_kind_are_shown_by_their_formats() {
    let whole = |value: i32| ((value << 2) | 2).to_le_bytes();
    let divided = |value: i32| ((value << 2) | 3).to_le_bytes();
    let row =
        [&4_u16.to_le_bytes()[..], &[0, 0], &[1, 0], &whole(7), &[0, 0], &divided(150), &[1, 0]].concat();
    let records = [
        styled(0x27E, 1, 0, 1, &whole(123)),
        styled(0x203, 2, 0, 0, &447_700_900_101_f64.to_le_bytes()),
        styled(0x203, 3, 0, 0, &123_456_789_012_345_678_f64.to_le_bytes()),
        record(0xBD, &row),
        styled(0x203, 5, 0, 9, &5_f64.to_le_bytes()),
    ];
    let table = read(&formats(&["00000"]), &headed(&records)).unwrap();
    let keys: Vec<_> = table.rows().map(|row| own(row.cells().next().unwrap().key())).collect();
    let expected = [
        Ok("00123".to_owned()),
        Ok("447700900101".to_owned()),
        Err(CellFault::TooManyDigits),
        Ok("00007".to_owned()),
        Err(CellFault::FormatUnknown("5".to_owned())),
    ];
    assert_eq!(keys, expected);
    assert_eq!(own(table.rows().nth(3).unwrap().cells().nth(1).unwrap().text()), Ok("1.5".to_owned()));
}

#[test]
fn dates_are_read_by_their_formats_and_system() {
    let date = |style, serial: f64, system: u8| {
        let globals = [formats(&["dd/mm/yyyy", "[h]:mm"]), vec![record(0x22, &[system, 0])]].concat();
        let records = [styled(0x203, 1, 2, style, &serial.to_le_bytes())];
        let table = read(&globals, &headed(&records)).unwrap();
        own(first(&table)[2].date())
    };
    assert_eq!(date(1, 32_878.0, 0), Ok("1990-01-05".to_owned()));
    assert_eq!(date(1, 32_878.0, 1), Ok("1994-01-06".to_owned()));
    assert_eq!(date(1, 32_878.5, 0), Err(CellFault::TimeOfDay("1990-01-05T12:00:00".to_owned())));
    assert_eq!(date(2, 0.5, 0), Err(CellFault::Duration));
    assert_eq!(date(0, 32_878.0, 0), Err(CellFault::NotADate));
    assert!(matches!(date(1, 1.0, 0), Err(CellFault::UnknownDate(_))));
}

#[test]
fn results_of_formulas_are_read_where_they_are_certain() {
    let formula = |row, result: [u8; 8]| cell(0x06, row, 0, &[&result[..], &[0; 8]].concat());
    let kind = |kind: u8, value: u8| [kind, 0, value, 0, 0, 0, 0xFF, 0xFF];
    let records = [
        formula(1, kind(0, 0)),
        record(0x4BC, &[0; 8]),
        record(0x207, &text("0012")),
        formula(2, kind(0, 0)),
        formula(3, 0_f64.to_le_bytes()),
        formula(4, kind(1, 1)),
        formula(5, kind(2, 0x2A)),
        formula(6, kind(3, 0)),
        label(6, 1, "Ada"),
        cell(0x205, 7, 0, &[0x07, 1]),
        cell(0x205, 8, 0, &[1, 0]),
        formula(9, kind(0, 0)),
    ];
    let table = read(&formats(&[]), &headed(&records)).unwrap();
    let keys: Vec<_> = table.rows().map(|row| own(row.cells().next().unwrap().key())).collect();
    let expected = [
        Ok("0012".to_owned()),
        Err(CellFault::NoResult),
        Err(CellFault::ResultNotText),
        Err(CellFault::ResultNotText),
        Err(CellFault::Error("#N/A")),
        Err(CellFault::EmptyResult),
        Err(CellFault::Error("#DIV/0!")),
        Ok("TRUE".to_owned()),
        Err(CellFault::NoResult),
    ];
    assert_eq!(keys, expected);
    assert!(
        refusal(read(&[], &headed(&[record(0x207, &text("x"))])))
            .ends_with("it holds the result of no formula")
    );
}

#[test]
fn what_a_sheet_hides_and_totals_is_left_out_and_counted() {
    let row = |row: u16, height: u16, flags: u8| {
        let numbers: Vec<u8> = [row, 0, 3, height, 0, 0].into_iter().flat_map(u16::to_le_bytes).collect();
        record(0x208, &[&numbers[..], &[flags, 1, 0, 0]].concat())
    };
    let mut records = vec![
        record(0x225, &[2, 0, 0xFF, 0]),
        record(0x7D, &[1, 0, 1, 0, 0, 9, 0, 0, 1, 0, 0, 0]),
        row(0, 255, 0),
        row(1, 255, 0),
        row(2, 255, 0x20),
        row(3, 0, 0),
        row(5, 255, 0),
        // The table in the rows 1 to 6, with a total row.
        record(
            0x872,
            &[
                &[0; 12][..],
                &[5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
                &[0, 0, 5, 0, 0, 0, 2, 0],
                &[0; 8],
                &[1, 0, 0, 0, 1, 0, 0, 0],
            ]
            .concat(),
        ),
        // A chart, whose cells are not those of the sheet.
        record(0x809, &[0x00, 0x06, 0x20, 0x00]),
        label(1, 0, "chart"),
        record(0x0A, &[]),
    ];
    records.extend((1..=5).flat_map(|row| [label(row, 1, "hidden"), label(row, 0, &row.to_string())]));
    let table = read(&[], &headed(&records)).unwrap();
    assert_eq!(table.rows().map(|row| row.number()).collect::<Vec<_>>(), [2]);
    assert_eq!(first(&table)[0].content, Content::Text("1"));
    assert_eq!(table.notes(), [Note::HiddenRows(3), Note::HiddenColumns(1), Note::TotalRows(1)]);
}

#[test]
fn merged_cells_over_the_list_refuse_it() {
    let mut sheets = list();
    sheets[0].1.push(record(0xE5, &[1, 0, 1, 0, 2, 0, 1, 0, 1, 0]));
    assert!(refusal(read(&[], &sheets)).contains("B3: covered by the merged cell B2:B3"));
}

#[test]
fn one_sheet_is_read() {
    let two = [list(), vec![("Old", list().remove(0).1)], vec![("Empty", Vec::new())]].concat();
    assert_eq!(
        refusal(read(&[], &two)),
        "several sheets hold data: \"Members\", \"Old\"; name the one to read"
    );
    let bytes = ole("Workbook", &stream(&[], &two));
    let named = |name| read_with(&bytes, Some(name), Limits::default());
    assert_eq!(named("Old").unwrap().sheet(), "Old");
    assert!(matches!(named("Empty"), Err(Refusal::NoData)));
    assert!(matches!(named("Other"), Err(Refusal::NoSuchSheet { .. })));
    // Both sheets begin in the same place.
    let mut overlapping = stream(&[], &two);
    let place = 8 + 4 + 6 + 2 + "Members".len() + 4;
    let start: [u8; 4] = overlapping[12..16].try_into().unwrap();
    overlapping[place..place + 4].copy_from_slice(&start);
    let place = place + 6 + 2 + "Old".len() + 4;
    overlapping[place..place + 4].copy_from_slice(&start);
    let read = read_with(&ole("Workbook", &overlapping), None, Limits::default());
    assert_eq!(refusal(read), "cannot read the workbook: its sheets overlap");
}

#[test]
fn protected_linked_and_older_workbooks_are_refused() {
    let with = |record: Vec<u8>| read(&[record], &list());
    assert_eq!(with(record(0x2F, &[0; 6])).unwrap_err(), Refusal::Encrypted);
    assert!(with(record(0x1AE, &[1, 0, 0x01, 0x04])).is_ok());
    assert!(matches!(with(record(0x1AE, &[1, 0, 5, 0, 0])), Err(Refusal::ExternalLink { .. })));
    assert!(read(&formats(&["0".repeat(255).as_str()]), &list()).is_ok());
    let long = refusal(read(&formats(&["0".repeat(256).as_str()]), &list()));
    assert_eq!(long, "cannot read the workbook: it holds a format that is too long");
    let kind =
        |name: &str, stream: &[u8]| read_with(&ole(name, stream), None, Limits::default()).unwrap_err();
    assert_eq!(kind("EncryptedPackage", &[]), Refusal::Encrypted);
    assert!(matches!(kind("Book", &[]), Refusal::Kind { .. }));
    assert!(matches!(kind("Contents", &[]), Refusal::Kind { .. }));
    assert!(matches!(kind("Workbook", &record(0x809, &[0x00, 0x05, 5, 0])), Refusal::Kind { .. }));
}

#[test]
fn a_workbook_cut_anywhere_or_with_faulty_cells_is_refused() {
    let whole = stream(&formats(&["0"]), &list());
    for length in 0..whole.len() {
        let read = read_with(&ole("Workbook", &whole[..length]), None, Limits::default());
        assert!(read.is_err(), "read after {length} of {} bytes", whole.len());
    }
    let file = ole("Workbook", &whole);
    for length in 0..file.len() {
        // What is cut off may be padding.
        if let Ok(table) = read_with(&file[..length], None, Limits::default()) {
            assert_eq!(table.rows().count(), 1);
        }
    }
    assert!(read_with(&file[..file.len() * 2 / 5], None, Limits::default()).is_err());
    let with = |record: Vec<u8>| refusal(read(&[], &headed(&[label(1, 0, "1"), record])));
    assert!(with(label(1, 0, "2")).ends_with("A2: the cell is stored twice"));
    assert!(
        with(cell(0xFD, 1, 1, &[7, 0, 0, 0])).ends_with("B2: the text of the cell is missing from the file")
    );
    assert!(with(label(1, 256, "x")).ends_with("a cell stands beyond the last column"));
    assert!(with(cell(0x205, 1, 1, &[9, 1])).ends_with("a cell shows an unknown error"));
    assert!(with(label(1, 1, "a\u{7}b")).ends_with("B2: the text holds the control character U+0007"));
    let limits = Limits { packed_xls: 1_000, ..Limits::default() };
    assert_eq!(refusal(read_with(&file, None, limits)), "the file exceeds 0 MiB");
    let limits = Limits { cells: 4, ..Limits::default() };
    assert!(refusal(read_with(&file, None, limits)).contains("filled cells"));
}

#[test]
fn cells_in_any_order_are_read_in_order() {
    let records = [label(2, 0, "2"), label(1, 1, "Ada"), label(1, 0, "1")];
    let table = read(&[], &headed(&records)).unwrap();
    let keys: Vec<_> = table.rows().map(|row| own(row.cells().next().unwrap().key()).unwrap()).collect();
    assert_eq!(keys, ["1", "2"]);
}
