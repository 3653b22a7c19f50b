//! A sheet's XML, read for what calamine does not tell: which cells are formulas, which texts are ambiguous,
//! and what is hidden or merged.

use std::io::{BufRead, Read, Seek};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::cell::CellName;
use super::super::grid::{Layout, too_many_cells};
use super::super::limits::{COLUMNS, Limits, MERGES, ROWS};
use super::super::package::Package;
use super::super::refusal::Refusal;
use super::super::xml;
use super::names::{area, cell_name};
use super::parts::Sheet;
use super::strings::text;

/// A cell with a value or a formula.
#[derive(Debug)]
pub(super) struct Seen {
    pub name: CellName,
    pub is_formula: bool,
    pub kind: Kind,
}

/// Where the value of a cell stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Among the shared texts, in this place.
    Shared(u32),
    /// In the cell, as a text with parts.
    Inline { is_glued: bool },
    /// In the cell.
    Other,
}

/// What the XML of a sheet says.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub cells: Vec<Seen>,
    pub layout: Layout,
}

pub(super) fn scan<R: Read + Seek>(
    package: &mut Package<R>,
    sheet: &Sheet,
    limits: &Limits,
) -> Result<Scan, Refusal> {
    let Some(part) = package.part(&sheet.path)? else {
        return Err(Refusal::broken(&sheet.path, "the part is missing"));
    };
    let scan = scan_part(part, limits).map_err(|reason| Refusal::broken(&sheet.path, reason))?;
    if scan.cells.len() > limits.cells { Err(too_many_cells(&sheet.name, limits)) } else { Ok(scan) }
}

fn scan_part(part: impl BufRead, limits: &Limits) -> Result<Scan, String> {
    let mut reader = xml::reader(part);
    let mut buffer = Vec::new();
    let mut scan = Scan::default();
    // The place of the next row and cell, if they do not name it.
    let (mut row, mut column) = (0_u32, 0_u32);
    let mut columns = 0;
    let mut is_closed = false;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(element) => match element.local_name().as_ref() {
                "row" => {
                    row = match xml::attribute(&element, "r")? {
                        Some(number) => number.trim().parse().map_err(|_| "a row without a number")?,
                        None => row + 1,
                    };
                    column = 0;
                    if !(1..=ROWS).contains(&row) {
                        return Err(format!("it has a row {row}"));
                    }
                    if is_hidden(&element, "ht")? {
                        scan.layout.hidden_rows.insert(row);
                    }
                }
                "c" => {
                    let cell = cell(&mut reader, &element, CellName { row, column })?;
                    column = cell.name.column + 1;
                    if cell.name.row != row {
                        return Err(format!("cell {} stands in row {row}", cell.name));
                    }
                    if let Some(kind) = cell.kind {
                        let (name, is_formula) = (cell.name, cell.is_formula);
                        scan.cells.push(Seen { name, is_formula, kind });
                    }
                    if scan.cells.len() > limits.cells {
                        return Ok(scan);
                    }
                }
                "col" => {
                    columns += 1;
                    if is_hidden(&element, "width")? {
                        let (first, last) = (bound(&element, "min")?, bound(&element, "max")?);
                        columns += last.saturating_sub(first);
                        scan.layout.hidden_columns.extend(first - 1..last);
                    }
                    if columns > COLUMNS {
                        return Err(format!("it describes more than {COLUMNS} columns"));
                    }
                }
                "mergeCell" => {
                    let range = xml::attribute(&element, "ref")?.ok_or("merged cells without a range")?;
                    let area = area(&range)?;
                    if area.first != area.last {
                        scan.layout.merges.push(area);
                    }
                    if scan.layout.merges.len() > MERGES {
                        return Err(format!("it has more than {MERGES} merged ranges"));
                    }
                }
                // calamine computes with this range, so it must be one.
                "dimension" => {
                    if let Some(range) = xml::attribute(&element, "ref")? {
                        area(&range)?;
                    }
                }
                _ => {}
            },
            Event::End(element) if element.local_name().as_ref() == "worksheet" => is_closed = true,
            Event::Eof if is_closed => return Ok(scan),
            Event::Eof => return Err("the XML is cut off".to_owned()),
            _ => {}
        }
    }
}

/// A cell, which may be formatted and empty.
struct Found {
    name: CellName,
    is_formula: bool,
    kind: Option<Kind>,
}

fn cell<R: BufRead>(
    reader: &mut Reader<R>,
    element: &BytesStart<'_>,
    next: CellName,
) -> Result<Found, String> {
    let name = match xml::attribute(element, "r")? {
        Some(name) => cell_name(&name)?,
        None => next,
    };
    let is_shared = xml::attribute(element, "t")?.as_deref() == Some("s");
    let mut found = Found { name, is_formula: false, kind: None };
    let mut buffer = Vec::new();
    let mut value = String::new();
    let mut is_value = false;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|error| error.to_string())? {
            Event::Start(start) => match start.local_name().as_ref() {
                "v" if found.kind.is_none() => {
                    is_value = true;
                    found.kind = Some(Kind::Other);
                }
                "f" if !found.is_formula => {
                    found.is_formula = true;
                    found.kind = found.kind.or(Some(Kind::Other));
                }
                "is" if found.kind.is_none() => {
                    found.kind = Some(Kind::Inline { is_glued: text(reader, "is")?.is_glued });
                }
                // After a formula comes its value.
                "v" if found.is_formula && !is_value => is_value = true,
                "is" if found.is_formula => {
                    found.kind = Some(Kind::Inline { is_glued: text(reader, "is")?.is_glued });
                }
                "extLst" => {}
                other => return Err(format!("cell {name} holds <{other}> where none is expected")),
            },
            Event::Text(text) if is_value && is_shared => value.push_str(&text.xml10_content()),
            Event::End(end) if end.local_name().as_ref() == "c" => break,
            Event::Eof => return Err("the XML is cut off".to_owned()),
            _ => {}
        }
    }
    let value = value.trim();
    if is_shared && !value.is_empty() {
        let place = value.parse().map_err(|_| format!("cell {name} names no text"))?;
        found.kind = Some(Kind::Shared(place));
    }
    Ok(found)
}

/// Whether a row or column is hidden, or has a size of 0.
fn is_hidden(element: &BytesStart<'_>, size: &str) -> Result<bool, String> {
    if xml::is_true(xml::attribute(element, "hidden")?.as_deref()) {
        return Ok(true);
    }
    let size = xml::attribute(element, size)?;
    Ok(size.is_some_and(|size| size.trim().parse() == Ok(0.0_f64)))
}

/// The number of a column, from 1.
fn bound(element: &BytesStart<'_>, name: &str) -> Result<u32, String> {
    let number = xml::attribute(element, name)?.and_then(|number| number.trim().parse().ok());
    number
        .filter(|number| (1..=COLUMNS).contains(number))
        .ok_or_else(|| "a column without a number".to_owned())
}
