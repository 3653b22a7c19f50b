//! The entries for fuzzing the readers of lists, see [`crate::fuzz`].

use std::io::{Cursor, Write};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::columns::Wanted;
use super::text::Records;
use super::{Format, ListRow, Options, Reader, Reading, Refusal};

/// Reads `bytes` as a table. Its rows are the same in pieces of any size, and its cells are the same after
/// they were written and read again.
pub(crate) fn table(bytes: &[u8]) {
    for reading in [Reading::Cleaned, Reading::Exact, Reading::Guarded] {
        let columns = Wanted { reading, ..Wanted::default() };
        same_in_pieces(bytes, &Options { format: Some(Format::Csv), columns, ..Options::default() });
    }
    same_in_pieces(bytes, &Options { format: Some(Format::Tsv), ..Options::default() });
    same_in_pieces(bytes, &Options::default());
    if let Ok(text) = std::str::from_utf8(bytes) {
        comes_back(text);
    }
}

/// Reads `bytes` as NDJSON.
pub(crate) fn ndjson(bytes: &[u8]) {
    same_in_pieces(bytes, &Options { format: Some(Format::Ndjson), ..Options::default() });
}

/// Reads `bytes` as a spreadsheet.
pub(crate) fn workbook(bytes: &[u8]) {
    drop(read(bytes, bytes.len().max(1), &Options { format: Some(Format::Workbook), ..Options::default() }));
}

/// Reads `bytes` as the XML of the only sheet of an `.xlsx` file. So the fuzzer need not get past the zip.
pub(crate) fn xlsx(bytes: &[u8]) {
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let to = |kind: &str, target: &str| {
        format!(
            r#"<Relationships><Relationship Id="a" Type="{relations}/{kind}" Target="{target}"/></Relationships>"#
        )
    };
    let workbook =
        r#"<workbook xmlns:r="r"><sheets><sheet name="A" sheetId="1" r:id="a"/></sheets></workbook>"#;
    let codes = [("164", "00000"), ("165", "dd/mm/yyyy"), ("166", "[h]:mm"), ("167", "#,##0.00")];
    let formats: String =
        codes.iter().map(|(id, code)| format!(r#"<numFmt numFmtId="{id}" formatCode="{code}"/>"#)).collect();
    let styles: String = codes.iter().map(|(id, _)| format!(r#"<xf numFmtId="{id}"/>"#)).collect();
    let styles = format!(
        "<styleSheet><numFmts>{formats}</numFmts><cellXfs><xf numFmtId=\"0\"/>{styles}</cellXfs></styleSheet>"
    );
    let strings = "<sst><si><t>ref</t></si><si><t>dob</t></si><si><r><t>a </t></r><r><t>b</t></r></si></sst>";
    zipped(&[
        ("_rels/.rels", to("officeDocument", "xl/workbook.xml").as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", to("worksheet", "worksheets/a.xml").as_bytes()),
        ("xl/styles.xml", styles.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/worksheets/a.xml", bytes),
    ]);
}

/// Reads `bytes` as the XML of an `.ods` file.
pub(crate) fn ods(bytes: &[u8]) {
    zipped(&[("content.xml", bytes)]);
}

/// Reads `bytes` as the stream of the workbook in an `.xls` file.
pub(crate) fn xls(bytes: &[u8]) {
    let Ok(mut file) = cfb::CompoundFile::create(Cursor::new(Vec::new())) else { return };
    let written = file.create_stream("/Workbook").and_then(|mut stream| stream.write_all(bytes));
    assert!(written.is_ok(), "the stream cannot be written: {written:?}");
    workbook(&file.into_inner().into_inner());
}

/// Reads a zip of these parts as a spreadsheet.
fn zipped(parts: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let how = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (path, bytes) in parts {
        let written = zip.start_file(*path, how).map_err(Into::into).and_then(|()| zip.write_all(bytes));
        assert!(written.is_ok(), "the zip cannot be written: {written:?}");
    }
    let file = zip.finish().map(Cursor::into_inner);
    assert!(file.is_ok(), "the zip cannot be written: {file:?}");
    workbook(&file.unwrap_or_default());
}

fn same_in_pieces(bytes: &[u8], options: &Options) {
    let whole = read(bytes, bytes.len().max(1), options);
    let pieces = read(bytes, 3, options);
    assert!(whole == pieces, "the rows depend on the sizes of the pieces");
}

type Row = (u64, Vec<String>);

/// The rows of a list, and why it is refused. Every row is also read, whether it can be or not.
fn read(bytes: &[u8], step: usize, options: &Options) -> (Vec<Row>, Option<Refusal>) {
    let mut reader = Reader::new(options.clone());
    let mut rows = Vec::new();
    let pushed = bytes.chunks(step).try_for_each(|piece| reader.push(piece, &mut rows));
    let end = pushed.and_then(|()| reader.finish(&mut rows));
    let row = |row: &ListRow| {
        let _ = (row.read(), row.identity(), row.earlier(), row.own_cells().len());
        (row.number(), row.cells().map(str::to_owned).collect())
    };
    (rows.iter().map(row).collect(), end.err())
}

fn comes_back(text: &str) {
    let rows = records(text, None, false);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in &rows {
        let written = writer.write_record(row);
        assert!(written.is_ok(), "a row cannot be written: {written:?}");
    }
    let written = String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default();
    // A first row of one cell may look like a line that names the delimiter.
    if !written.to_ascii_lowercase().contains("sep=") {
        assert!(rows == records(&written, Some(b','), true), "a row changed");
    }
}

/// The records of a text before the first fault.
fn records(text: &str, delimiter: Option<u8>, takes_backslash: bool) -> Vec<Vec<String>> {
    let mut records = Records::new(delimiter);
    let (mut rest, mut all) = (text, Vec::new());
    if takes_backslash {
        records.take_backslash();
    }
    while let Ok(true) = records.next(&mut rest, true, &|name| name == "ref") {
        let cells = records.record().into_iter().flat_map(|record| record.cells());
        all.push(cells.map(str::to_owned).collect());
    }
    all
}
