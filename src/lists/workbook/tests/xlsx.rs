//! What the cells of an `.xlsx` file read as.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::{CellFault, Content, Limits, Note, Refusal};
use super::made::{Xlsx, escaped, first, headed, inline, read_with, refusal, sheet};

/// The first cell below the headings, from its XML, as a key and as a text.
fn cell(xml: &str, formats: &[&'static str]) -> (Result<String, CellFault>, Result<String, CellFault>) {
    let mut file = Xlsx::of(&headed(&format!(r#"<row r="2">{xml}</row>"#)));
    file.formats = formats.to_vec();
    let table = file.read().unwrap();
    let cells = first(&table);
    let own = |text: Result<std::borrow::Cow<'_, str>, CellFault>| text.map(|text| text.into_owned());
    (own(cells[0].key()), own(cells[0].text()))
}

fn date(xml: &str, code: &'static str, properties: &'static str) -> Result<String, CellFault> {
    let mut file = Xlsx::of(&headed(&format!(r#"<row r="2">{xml}</row>"#)));
    file.formats = vec![code];
    file.properties = properties;
    let table = file.read().unwrap();
    first(&table)[2].date().map(|date| date.into_owned())
}

#[test]
fn numbers_are_texts_as_their_formats_show_them() {
    for (xml, format, expected) in [
        (r#"<c r="A2" s="1"><v>123</v></c>"#, "00000", "00123"),
        (r#"<c r="A2"><v>447700900101</v></c>"#, "0", "447700900101"),
        (r#"<c r="A2"><v>4.477009001E11</v></c>"#, "0", "447700900100"),
        (r#"<c r="A2" s="1"><v>12</v></c>"#, "\"M-\"000", "M-012"),
        (r#"<c r="A2" s="1"><v>1234567</v></c>"#, "#,##0", "1,234,567"),
        (r#"<c r="A2" s="1"><v>0.25</v></c>"#, "0%", "25%"),
        (r#"<c r="A2" t="b"><v>1</v></c>"#, "0", "TRUE"),
        (r#"<c r="A2" t="str"><f>"0"&amp;"12"</f><v>012</v></c>"#, "0", "012"),
    ] {
        let (key, text) = cell(xml, &[format]);
        assert_eq!(key.as_deref(), Ok(expected), "{xml}");
        assert_eq!(text.as_deref(), Ok(expected), "{xml}");
    }
}

#[test]
fn numbers_that_are_not_shown_whole_are_faults() {
    let long = r#"<c r="A2"><v>123456789012345678</v></c>"#;
    assert_eq!(cell(long, &[]).0, Err(CellFault::TooManyDigits));
    let scaled = cell(r#"<c r="A2" s="1"><v>123.7</v></c>"#, &["0"]).1.unwrap_err().to_string();
    assert_eq!(scaled, "the number 123.7 in the format `0`, which cannot be shown exactly; store it as text");
    let unknown = cell(r#"<c r="A2" s="1"><v>5</v></c>"#, &["[Red]0"]).1;
    assert!(matches!(unknown, Err(CellFault::Format { .. })), "{unknown:?}");
}

#[test]
fn faulty_cells_share_the_code_of_their_format() {
    let rows = headed(r#"<row><c s="1"><v>5</v></c><c s="1"><v>6</v></c></row>"#);
    let table = Xlsx { formats: vec!["[Red]0"], ..Xlsx::of(&rows) }.read().unwrap();
    let cells = first(&table);
    let (Err(CellFault::Format { format: one, .. }), Err(CellFault::Format { format: other, .. })) =
        (cells[0].text(), cells[1].text())
    else {
        panic!("both are faults");
    };
    assert!(Arc::ptr_eq(&one, &other));
}

#[test]
fn results_of_formulas_are_read_where_they_are_certain() {
    let (key, text) = cell(r#"<c r="A2"><f>B1+1</f><v>7</v></c>"#, &[]);
    assert_eq!((key, text), (Err(CellFault::ResultNotText), Ok("7".to_owned())));
    let (key, text) = cell(r#"<c r="A2"><f>B1</f><v>0</v></c>"#, &[]);
    assert_eq!((key, text), (Err(CellFault::ResultNotText), Err(CellFault::ZeroResult)));
    for none in [r#"<c r="A2"><f>B1</f></c>"#, r#"<c r="A2"><f>B1</f><v></v></c>"#, r#"<c r="A2"><f/></c>"#] {
        assert_eq!(cell(none, &[]).1, Err(CellFault::NoResult), "{none}");
    }
    let (key, _) = cell(r#"<c r="A2" t="e"><f>1/0</f><v>#DIV/0!</v></c>"#, &[]);
    assert_eq!(key, Err(CellFault::Error("#DIV/0!")));
}

#[test]
fn dates_are_read_by_their_formats_and_system() {
    let serial = r#"<c r="C2" s="1"><v>32878</v></c>"#;
    assert_eq!(date(serial, "d. mmmm yyyy", "").as_deref(), Ok("1990-01-05"));
    assert_eq!(date(serial, "dd/mm/yy", r#"date1904="1""#).as_deref(), Ok("1994-01-06"));
    let with_time = date(r#"<c r="C2" s="1"><v>32878.5</v></c>"#, "yyyy-mm-dd", "");
    assert_eq!(with_time, Err(CellFault::TimeOfDay("1990-01-05T12:00:00".to_owned())));
    assert_eq!(date(r#"<c r="C2" t="d"><v>1990-01-05</v></c>"#, "0", "").as_deref(), Ok("1990-01-05"));
    assert_eq!(date(&inline("C2", "5/1/1990"), "0", "").as_deref(), Ok("5/1/1990"));
    assert_eq!(date(r#"<c r="C2"><v>32878</v></c>"#, "0", ""), Err(CellFault::NotADate));
    assert_eq!(date(r#"<c r="C2" s="1"><v>0.5</v></c>"#, "[h]:mm", ""), Err(CellFault::Duration));
    // The day 60 of the 1900 system does not exist, and days 0 to 2 stand for unknown dates.
    let date_of = |serial| date(&format!(r#"<c r="C2" s="1"><v>{serial}</v></c>"#), "yyyy-mm-dd", "");
    assert!(matches!(date_of("60"), Err(CellFault::NoSuchDate(_))));
    assert!(matches!(date_of("1"), Err(CellFault::UnknownDate(_))));
    assert!(matches!(date_of("-1"), Err(CellFault::NoSuchDate(_))));
    assert!(matches!(date_of("1e9"), Err(CellFault::NoSuchDate(_))));
}

#[test]
fn a_date_is_no_key_and_no_text() {
    let mut file = Xlsx::of(&headed(r#"<row r="2"><c r="A2" s="1"><v>32878</v></c></row>"#));
    file.formats = vec!["d-mmm"];
    let table = file.read().unwrap();
    let cell = first(&table).swap_remove(0);
    assert_eq!(cell.key(), Err(CellFault::DateNotText("1990-01-05".to_owned())));
    assert_eq!(cell.any().as_deref(), Ok("1990-01-05"));
}

#[test]
fn rich_texts_are_joined_and_phonetics_left_out() {
    let mut file = Xlsx::of(&headed(
        r#"<row r="2"><c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c></row>"#,
    ));
    file.strings = concat!(
        r#"<si><r><t xml:space="preserve">Ada </t></r><r><rPr><b/></rPr><t>Example</t></r></si>"#,
        "<si><t>田中</t><rPh sb=\"0\" eb=\"2\"><t>タナカ </t></rPh></si>",
        "<si><r><t>Ada </t></r><r><t>Example</t></r></si>"
    )
    .to_owned();
    let table = file.read().unwrap();
    let texts: Vec<_> = first(&table).iter().map(|cell| cell.text().map(|text| text.into_owned())).collect();
    assert_eq!(texts, [Ok("Ada Example".to_owned()), Ok("田中".to_owned()), Err(CellFault::Glued)]);
}

#[test]
fn line_breaks_in_texts_are_line_feeds() {
    let row = format!("<row r=\"2\">{}</row>", inline("A2", "one_x000D_\ntwo\nthree"));
    let table = Xlsx::of(&headed(&row)).read().unwrap();
    assert_eq!(first(&table)[0].content, Content::Text("one\ntwo\nthree"));
}

#[test]
fn hidden_rows_and_columns_are_left_out_and_counted() {
    let rows = headed(&format!(
        r#"<row r="2" hidden="1">{}</row><row r="3" ht="0" customHeight="1">{}</row><row r="4">{}{}</row><row r="9" hidden="1"/>"#,
        inline("A2", "1"),
        inline("A3", "2"),
        inline("A4", "3"),
        inline("B4", "Ada")
    ));
    let columns =
        r#"<cols><col min="2" max="2" hidden="true"/><col min="20" max="16384" hidden="1"/></cols>"#;
    let table = Xlsx::with(columns, &rows, "").read().unwrap();
    assert_eq!(table.notes(), [Note::HiddenRows(2), Note::HiddenColumns(1)]);
    assert_eq!(table.notes()[0].to_string(), "2 hidden rows left out");
    assert_eq!(table.notes()[1].to_string(), "1 hidden column left out");
    assert_eq!(
        table.headings().iter().map(|heading| &*heading.text).collect::<Vec<_>>(),
        ["worker_id", "dob"]
    );
    assert_eq!(table.rows().map(|row| row.number()).collect::<Vec<_>>(), [4]);
}

#[test]
fn the_caller_names_one_of_several_sheets() {
    let rows = headed(&format!("<row>{}</row>", inline("", "1")));
    let mut file = Xlsx::of(&rows);
    file.sheets.push(("Empty", "visible", sheet("", "<row><c s=\"1\"/></row>", "")));
    assert_eq!(file.read().unwrap().sheet(), "Members");
    file.sheets.push(("Old", "visible", sheet("", &rows, "")));
    file.sheets.push(("Secret", "veryHidden", sheet("", &rows, "")));
    assert_eq!(refusal(file.read()), "several sheets hold data: \"Members\", \"Old\"; name the one to read");
    let named = |name| read_with(&file.bytes(), Some(name), Limits::default());
    assert_eq!(named("Old").unwrap().sheet(), "Old");
    assert!(matches!(named("Secret"), Err(Refusal::NoSuchSheet { .. })));
    assert!(matches!(named("Empty"), Err(Refusal::NoData)));
    // A sheet that cannot be read refuses the file, even if it is not the one to read.
    file.sheets.push(("Torn", "visible", "<worksheet><sheetData><row>".to_owned()));
    let torn = refusal(read_with(&file.bytes(), Some("Old"), Limits::default()));
    assert_eq!(torn, "cannot read xl/worksheets/s4.xml: the XML is cut off");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn texts_come_back_unchanged(
        texts in prop::collection::vec("[ \t\n0-9A-Za-z=+'\"<>&;_äß漢🙂\u{a0}\u{200b}-]{1,40}", 1..20),
        is_shared in any::<bool>(),
    ) {
        // `_x0041_` is an escape, which writers escape themselves.
        let texts: Vec<String> = texts.into_iter().map(|text| format!("#{}", text.replace("_x", "_y"))).collect();
        let (mut rows, mut strings) = (String::new(), String::new());
        for (place, text) in texts.iter().enumerate() {
            if is_shared {
                strings += &format!(r#"<si><t xml:space="preserve">{}</t></si>"#, escaped(text));
                rows += &format!(r#"<row><c t="s"><v>{place}</v></c></row>"#);
            } else {
                rows += &format!("<row>{}</row>", inline("", text));
            }
        }
        let mut file = Xlsx::of(&headed(&rows));
        file.strings = strings;
        let table = file.read().unwrap();
        let read: Vec<String> =
            table.rows().map(|row| row.cells().next().unwrap().key().unwrap().into_owned()).collect();
        prop_assert_eq!(read, texts);
    }
}
