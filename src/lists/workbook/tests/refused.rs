//! Workbooks that are refused: damaged, ambiguous, or larger than they may be.

use super::super::{Limits, Note, Refusal};
use super::made::{Xlsx, headed, inline, ods, read_with, refusal, zipped};

fn small() -> Limits {
    Limits {
        packed: 1 << 20,
        packed_ods: 1 << 20,
        packed_xls: 1 << 20,
        unpacked: 1 << 20,
        cells: 1_000,
        area: 2_000,
        text: 4 << 10,
    }
}

fn list() -> Xlsx {
    Xlsx::of(&headed(&format!(r#"<row r="2">{}{}</row>"#, inline("A2", "1"), inline("B2", "Ada"))))
}

#[test]
fn other_files_are_refused_by_their_kind() {
    let kind = |bytes: &[u8]| read_with(bytes, None, Limits::default()).unwrap_err();
    assert_eq!(kind(b"worker_id,name\n1,Ada\n"), Refusal::NotAWorkbook);
    assert_eq!(kind(b""), Refusal::NotAWorkbook);
    assert!(matches!(kind(&zipped(&[("a.txt", "x")])), Refusal::Broken { .. }));
    assert!(matches!(kind(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and nothing else"), Refusal::Broken { .. }));
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let files = [list().bytes(), ods("", "<table:table table:name=\"A\"><table:table-row/></table:table>")];
    for bytes in files {
        for length in 0..bytes.len() {
            let refused = read_with(&bytes[..length], None, Limits::default());
            assert!(refused.is_err(), "read after {length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn parts_cut_within_the_zip_are_refused() {
    let mut file = list();
    let whole = file.sheets[0].2.clone();
    for length in 0..whole.len() {
        file.sheets[0].2 = whole[..length].to_owned();
        assert!(file.read().is_err(), "read after {length} of {} bytes", whole.len());
    }
}

#[test]
fn a_flipped_byte_in_a_part_is_refused() {
    let mut bytes = list().bytes();
    let place = bytes.len() / 2;
    for place in place..place + 40 {
        bytes[place] ^= 0x10;
        // The name of an entry that nobody reads may have changed. What is read is still the list.
        if let Ok(table) = read_with(&bytes, None, Limits::default()) {
            assert_eq!(table.rows().count(), 1);
        }
        bytes[place] ^= 0x10;
    }
}

#[test]
fn a_stray_cell_in_the_last_corner_costs_nothing() {
    let rows = headed(&format!(
        r#"<row r="2">{}</row><row r="1048576">{}</row>"#,
        inline("A2", "1"),
        inline("XFD1048576", "stray")
    ));
    let dimension = r#"<dimension ref="A1:XFD1048576"/>"#;
    let refused = refusal(Xlsx::with(dimension, &rows, "").read());
    assert_eq!(refused, "sheet \"Members\", XFD1048576: a value in a column without a heading");
    let far = Xlsx::of(&headed("<row r=\"1048577\"/>"));
    assert_eq!(refusal(far.read()), "cannot read xl/worksheets/s0.xml: it has a row 1048577");
}

#[test]
fn a_zip_that_unpacks_beyond_the_limit_is_refused() {
    let mut file = list();
    file.others = vec![("xl/media/image1.png", "0".repeat(2 << 20))];
    let bytes = file.bytes();
    assert!(bytes.len() < 1 << 16);
    let refused = refusal(read_with(&bytes, None, small()));
    assert!(refused.starts_with("the unpacked workbook exceeds"), "{refused}");
    assert!(read_with(&bytes, None, Limits::default()).is_ok());
}

#[test]
fn too_many_cells_texts_and_long_texts_are_refused() {
    let rows: String = (2..=1_002).map(|row| format!("<row r=\"{row}\"><c><v>1</v></c></row>")).collect();
    let refused = refusal(read_with(&Xlsx::of(&headed(&rows)).bytes(), None, small()));
    assert_eq!(refused, "the number of filled cells of sheet \"Members\" exceeds 1000");
    let mut file = list();
    file.strings = "<si><t>x</t></si>".repeat(1_001);
    let refused = refusal(read_with(&file.bytes(), None, small()));
    assert_eq!(refused, "cannot read xl/sharedStrings.xml: it holds more than 1000 texts");
    // One text in many cells.
    let mut file = Xlsx::of(&headed(&"<row><c t=\"s\"><v>0</v></c></row>".repeat(100)));
    file.strings = format!("<si><t>{}</t></si>", "x".repeat(100));
    let refused = refusal(read_with(&file.bytes(), None, small()));
    assert_eq!(refused, "the text of sheet \"Members\" exceeds 4096 bytes");
    let long = Xlsx::of(&headed(&format!("<row>{}</row>", inline("A2", &"x".repeat(32_768)))));
    assert_eq!(refusal(long.read()), "sheet \"Members\", A2: the text is longer than 32767 characters");
    let longer = Xlsx::of(&headed(&format!("<row>{}</row>", inline("A2", &"x".repeat(2 << 20)))));
    assert!(refusal(longer.read()).ends_with("it holds a text or a tag that is too long"));
}

#[test]
fn a_cell_of_a_gigabyte_is_refused_before_it_is_in_memory() {
    // The other 1,008 MiB would not be unpacked either.
    let cell = inline("A2", &"x".repeat(16 << 20));
    let bytes = Xlsx::of(&headed(&format!("<row>{cell}</row>"))).bytes();
    assert!(bytes.len() < 64 << 10);
    let refused = refusal(read_with(&bytes, None, Limits::default()));
    assert_eq!(refused, "cannot read xl/worksheets/s0.xml: it holds a text or a tag that is too long");
}

#[test]
fn elements_nested_without_end_are_refused() {
    let nested = "<a>".repeat(1 << 20);
    let mut file = list();
    file.sheets[0].2 = nested.clone();
    assert!(refusal(file.read()).ends_with("its elements are nested too deeply"));
    let refused = refusal(read_with(&zipped(&[("content.xml", &nested)]), None, Limits::default()));
    assert!(refused.ends_with("its elements are nested too deeply"));
    // Empty elements and those that end are not nested.
    let mut file = list();
    file.strings = "<a/><b></b><?c d?>".repeat(1_000);
    assert_eq!(file.read().unwrap().rows().count(), 1);
}

#[test]
fn entries_of_a_zip_are_counted_before_they_are_read() {
    let names: Vec<String> = (0..=10_000).map(|place| format!("{place}")).collect();
    let parts: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "")).collect();
    let refused = refusal(read_with(&zipped(&parts), None, Limits::default()));
    assert_eq!(refused, "the number of entries of the zip exceeds 10000");
    assert!(refusal(read_with(&zipped(&parts[1..]), None, Limits::default())).starts_with("cannot read"));
}

#[test]
fn empty_cells_of_a_list_and_copies_of_styles_are_limited() {
    let rows = |count: usize| headed(&"<row><c><v>1</v></c></row>".repeat(count));
    assert_eq!(read_with(&Xlsx::of(&rows(666)).bytes(), None, small()).unwrap().rows().count(), 666);
    let refused = refusal(read_with(&Xlsx::of(&rows(667)).bytes(), None, small()));
    assert_eq!(refused, "the number of rows times columns of sheet \"Members\" exceeds 2000");
    let mut file = list();
    file.formats = vec!["0"; 40];
    assert!(read_with(&file.bytes(), None, small()).is_ok());
    // calamine may copy this one 41 times.
    file.formats[0] =
        "0\" xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"";
    let refused = refusal(read_with(&file.bytes(), None, small()));
    assert_eq!(refused, "cannot read xl/styles.xml: its styles are longer than 4096 bytes together");
}

#[test]
fn a_part_that_is_named_again_and_again_is_read_once() {
    let mut file = list();
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let to = |id: usize, path: &str| {
        format!(r#"<Relationship Id="r{id}" Type="{relations}/table" Target="{path}"/>"#)
    };
    let targets: String =
        (0..1_000).map(|id| to(id, if id % 2 == 0 { "/xl/T.xml" } else { "../t.xml" })).collect();
    let table = |count: u32| format!(r#"<table ref="A1:C2" totalsRowCount="{count}"/>"#);
    file.others = vec![
        ("xl/worksheets/_rels/s0.xml.rels", format!("<Relationships>{targets}</Relationships>")),
        ("xl/t.xml", table(1)),
    ];
    assert_eq!(file.read().unwrap().notes(), [Note::TotalRows(1)]);
    file.others[1].1 = table(1 << 20);
    assert!(refusal(file.read()).ends_with("a table with 1048576 total rows"));
    let twice = ["s0", "s1"].map(|id| {
        let sheet = format!(r#"<sheet name="{id}" sheetId="1" r:id="{id}"/>"#);
        let to = format!(r#"<Relationship Id="{id}" Type="{relations}/worksheet" Target="s.xml"/>"#);
        (sheet, to)
    });
    let [(one, to_one), (other, to_other)] = twice;
    let document = format!(r#"<Relationship Id="d" Type="{relations}/officeDocument" Target="xl/w.xml"/>"#);
    let bytes = zipped(&[
        ("_rels/.rels", &format!("<Relationships>{document}</Relationships>")),
        ("xl/w.xml", &format!("<workbook><sheets>{one}{other}</sheets></workbook>")),
        ("xl/_rels/w.xml.rels", &format!("<Relationships>{to_one}{to_other}</Relationships>")),
        ("xl/s.xml", "<worksheet/>"),
    ]);
    let refused = refusal(read_with(&bytes, None, Limits::default()));
    assert_eq!(refused, "cannot read xl/w.xml: two sheets stand in xl/s.xml");
}

#[test]
fn counts_that_the_file_claims_are_not_believed() {
    let mut file = list();
    file.strings = "</sst><sst uniqueCount=\"99999999999999\">".to_owned();
    assert!(refusal(file.read()).ends_with("it claims more than 2000000 texts"));
    let wide = Xlsx::with(r#"<dimension ref="B2:A1"/>"#, &headed(""), "");
    assert!(refusal(wide.read()).ends_with("B2:A1 is not a range"));
}

#[test]
fn external_links_and_declarations_are_refused() {
    let mut file = list();
    file.others = vec![("xl/externalLinks/externalLink1.xml", "<externalLink/>".to_owned())];
    assert!(matches!(file.read(), Err(Refusal::ExternalLink { .. })));
    let laughs = r#"<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><si><t>&b;</t></si>"#;
    for unusual in ["<!ENTITY a \"b\">", laughs, "<?a > <b ?>", "<?>", "</si '>'>", "<![CDATA[<]]>"] {
        let mut file = list();
        file.strings = unusual.to_owned();
        let refused = refusal(file.read());
        assert!(refused.ends_with("it holds XML that no spreadsheet program writes"), "{unusual}: {refused}");
    }
    let mut file = list();
    file.strings = "<si><t>&b;</t></si>".to_owned();
    assert!(refusal(file.read()).ends_with("unknown entity &b;"));
}

#[test]
fn control_characters_refuse_the_file_with_their_cell() {
    let row = format!(r#"<row r="2">{}</row>"#, inline("A2", "a_x0007_b"));
    let refused = refusal(Xlsx::of(&headed(&row)).read());
    assert_eq!(refused, "sheet \"Members\", A2: the text holds the control character U+0007");
}

#[test]
fn merged_cells_are_refused_over_the_list_and_accepted_above_it() {
    let rows = format!(
        r#"<row r="1">{}</row><row r="3">{}{}</row><row r="4">{}</row><row r="5">{}</row>"#,
        inline("A1", "Our members"),
        inline("A3", "worker_id"),
        inline("B3", "name"),
        inline("A4", "1"),
        inline("A5", "2")
    );
    let merged = |range: &str| {
        let cells = format!(r#"<mergeCells><mergeCell ref="{range}"/></mergeCells>"#);
        Xlsx::with("", &rows, &cells).read()
    };
    assert_eq!(merged("A1:C1").unwrap().rows().count(), 2);
    assert_eq!(merged("A9:C9").unwrap().rows().count(), 2);
    let refused = refusal(merged("B4:B5"));
    assert_eq!(
        refused,
        "sheet \"Members\", B5: covered by the merged cell B4:B5; unmerge it and fill in every row"
    );
    assert!(merged("A3:B3").is_err());
}

#[test]
fn a_list_without_headings_or_with_values_beside_it_is_refused() {
    let rows = format!("<row>{}</row>", inline("B1", "Surname"));
    assert_eq!(
        refusal(Xlsx::of(&rows).read()),
        "sheet \"Members\", B1: no row of headings found; \"Surname\" is not a known heading"
    );
    let rows = headed(&format!(r#"<row r="2">{}</row>"#, inline("F2", "x")));
    assert!(matches!(Xlsx::of(&rows).read(), Err(Refusal::NoHeading { .. })));
    assert!(matches!(Xlsx::of("").read(), Err(Refusal::NoData)));
}

#[test]
fn cells_out_of_order_and_contradictions_are_refused() {
    let twice = headed(&format!(r#"<row r="2">{}{}</row>"#, inline("A2", "1"), inline("A2", "2")));
    assert!(refusal(Xlsx::of(&twice).read()).ends_with("A2: the cell is stored twice or out of order"));
    let elsewhere = headed(&format!(r#"<row r="2">{}</row>"#, inline("A3", "1")));
    assert!(refusal(Xlsx::of(&elsewhere).read()).ends_with("cell A3 stands in row 2"));
    let missing = headed(r#"<row r="2"><c r="A2" t="s"><v>7</v></c></row>"#);
    assert!(Xlsx::of(&missing).read().is_err());
    let no_number = headed(r#"<row r="2"><c r="A2" t="s"><v>x</v></c></row>"#);
    assert!(refusal(Xlsx::of(&no_number).read()).ends_with("cell A2 names no text"));
}
