//! Workbooks that tests make part by part.

use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

use super::super::{Cell, Limits, Options, Refusal, Table, read};

const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A zip of these parts.
pub(super) fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in parts {
        zip.start_file(*path, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The parts of an `.xlsx` file.
#[derive(Clone)]
pub(super) struct Xlsx {
    /// Attributes of the workbook's properties.
    pub properties: &'static str,
    /// Name, state and XML of each sheet.
    pub sheets: Vec<(&'static str, &'static str, String)>,
    /// The shared texts, in XML.
    pub strings: String,
    /// Format codes of the styles 1, 2 and so on.
    pub formats: Vec<&'static str>,
    pub others: Vec<(&'static str, String)>,
}

impl Xlsx {
    /// One sheet with these rows, in XML.
    pub(super) fn of(rows: &str) -> Self {
        Self::with("", rows, "")
    }

    /// One sheet, with what stands before and after its rows.
    pub(super) fn with(before: &str, rows: &str, after: &str) -> Self {
        Self {
            properties: "",
            sheets: vec![("Members", "visible", sheet(before, rows, after))],
            strings: String::new(),
            formats: Vec::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let (mut list, mut relations) = (String::new(), String::new());
        for (place, (name, state, _)) in self.sheets.iter().enumerate() {
            list += &format!(r#"<sheet name="{name}" sheetId="{place}" state="{state}" r:id="s{place}"/>"#);
            relations += &format!(
                r#"<Relationship Id="s{place}" Type="{RELATIONS}/worksheet" Target="worksheets/s{place}.xml"/>"#
            );
        }
        let workbook = format!(
            r#"<workbook xmlns:r="r"><workbookPr {}/><sheets>{list}</sheets></workbook>"#,
            self.properties
        );
        let (mut formats, mut styles) = (String::new(), r#"<xf numFmtId="0"/>"#.to_owned());
        for (place, code) in self.formats.iter().enumerate() {
            let id = 164 + place;
            formats += &format!(r#"<numFmt numFmtId="{id}" formatCode="{}"/>"#, escaped(code));
            styles += &format!(r#"<xf numFmtId="{id}"/>"#);
        }
        let styles =
            format!("<styleSheet><numFmts>{formats}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>");
        let relations = format!("<Relationships>{relations}</Relationships>");
        let document = format!(
            r#"<Relationships><Relationship Id="d" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
        );
        let strings = format!("<sst>{}</sst>", self.strings);
        let paths: Vec<String> =
            (0..self.sheets.len()).map(|place| format!("xl/worksheets/s{place}.xml")).collect();
        let mut parts = vec![
            ("_rels/.rels", &*document),
            ("xl/workbook.xml", &workbook),
            ("xl/_rels/workbook.xml.rels", &relations),
            ("xl/styles.xml", &styles),
            ("xl/sharedStrings.xml", &strings),
        ];
        parts.extend(paths.iter().zip(&self.sheets).map(|(path, (_, _, xml))| (&**path, &**xml)));
        parts.extend(self.others.iter().map(|(path, text)| (*path, &**text)));
        zipped(&parts)
    }

    pub(super) fn read(&self) -> Result<Table, Refusal> {
        read_with(&self.bytes(), None, Limits::default())
    }
}

pub(super) fn sheet(before: &str, rows: &str, after: &str) -> String {
    format!("<worksheet>{before}<sheetData>{rows}</sheetData>{after}</worksheet>")
}

/// A row with the headings `worker_id`, `name` and `dob` in row 1.
pub(super) fn headed(rows: &str) -> String {
    let headings = ["worker_id", "name", "dob"].map(|heading| inline("", heading)).concat();
    format!(r#"<row r="1">{headings}</row>{rows}"#)
}

/// A cell with an inline text. Without a name it stands right of the cell before it.
pub(super) fn inline(name: &str, text: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!(r#" r="{name}""#) };
    format!(r#"<c{name} t="inlineStr"><is><t xml:space="preserve">{}</t></is></c>"#, escaped(text))
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// An `.ods` file with this body of a spreadsheet.
pub(super) fn ods(styles: &str, tables: &str) -> Vec<u8> {
    let content = format!(
        "<office:document-content><office:automatic-styles>{styles}</office:automatic-styles><office:body>\
         <office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    );
    zipped(&[("mimetype", "application/vnd.oasis.opendocument.spreadsheet"), ("content.xml", &content)])
}

pub(super) fn read_with(bytes: &[u8], sheet: Option<&str>, limits: Limits) -> Result<Table, Refusal> {
    let is_heading = |text: &str| matches!(text, "worker_id" | "name" | "dob");
    read(Cursor::new(bytes), &Options { sheet, is_heading: &is_heading, limits })
}

/// The cells of the first row below the headings.
pub(super) fn first(table: &Table) -> Vec<Cell<'_>> {
    table.rows().next().unwrap().cells().collect()
}

/// The text that a refusal shows.
#[track_caller]
pub(super) fn refusal(read: Result<Table, Refusal>) -> String {
    read.unwrap_err().to_string()
}
