//! Reads `.ods` files.
//!
//! calamine is not used for them: it keeps no texts as shown, does not open files with indented XML, and
//! lays out repeated cells before it counts them. The file holds what a sheet shows beside each number, so it
//! is read here as it is shown.

mod cell;
mod text;

use std::collections::HashSet;
use std::io::{BufRead, Read, Seek};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::cell::CellName;
use super::grid::{Area, Grid, Layout};
use super::limits::{COLUMNS, MERGES, NAME, ROWS, SHEETS};
use super::options::Options;
use super::package::Package;
use super::refusal::Refusal;
use super::xml::{self, qualified};
use cell::Found;

const PART: &str = "content.xml";

/// Reads the one sheet with data, or the one that the caller names.
pub(super) fn read<R: Read + Seek>(package: &mut Package<R>, options: &Options<'_>) -> Result<Grid, Refusal> {
    let Some(part) = package.part(PART)? else {
        return Err(Refusal::broken(PART, "the part is missing"));
    };
    let mut document = Document { reader: xml::reader(part), options };
    let sheets = document.sheets()?;
    if let Some(name) = options.sheet
        && !sheets.visible.iter().any(|sheet| sheet == name)
    {
        return Err(Refusal::NoSuchSheet { name: name.to_owned(), visible: sheets.visible });
    }
    match (sheets.grid, sheets.filled.len()) {
        (None, _) => Err(Refusal::NoData),
        (Some(_), 2..) if options.sheet.is_none() => Err(Refusal::SeveralSheets { sheets: sheets.filled }),
        (Some(grid), _) => Ok(grid),
    }
}

struct Document<'a, R> {
    reader: Reader<R>,
    options: &'a Options<'a>,
}

/// The visible sheets, those with data, and the cells of the one to read.
#[derive(Default)]
struct Sheets {
    visible: Vec<String>,
    filled: Vec<String>,
    grid: Option<Grid>,
}

/// What repeats, and whether it is shown.
struct Repeated {
    times: u32,
    is_hidden: bool,
}

impl Repeated {
    fn read(element: &BytesStart<'_>, attribute: &str, most: u32) -> Result<Self, String> {
        let times = match qualified(element, attribute)? {
            Some(times) => times.trim().parse::<u64>().map_err(|_| format!("{attribute} is no number"))?,
            None => 1,
        };
        let visibility = qualified(element, "table:visibility")?;
        let is_hidden = visibility.is_some_and(|visibility| visibility != "visible");
        Ok(Self { times: u32::try_from(times).unwrap_or(most).min(most), is_hidden })
    }
}

impl<R: BufRead> Document<'_, R> {
    fn sheets(&mut self) -> Result<Sheets, Refusal> {
        let broken = |reason| Refusal::broken(PART, reason);
        let mut sheets = Sheets::default();
        let mut hidden_styles = HashSet::new();
        let mut style = None;
        let mut names = HashSet::new();
        let mut buffer = Vec::new();
        let mut is_closed = false;
        loop {
            buffer.clear();
            let event =
                self.reader.read_event_into(&mut buffer).map_err(|error| broken(error.to_string()))?;
            match event {
                Event::Start(element) => match element.name().as_ref() {
                    "style:style" => style = named(&element, "style:name").map_err(broken)?,
                    "style:table-properties" => {
                        let display = qualified(&element, "table:display").map_err(broken)?;
                        if display.as_deref() == Some("false") {
                            hidden_styles.extend(style.take());
                        }
                        // Programs write one style for all sheets that look the same.
                        if hidden_styles.len() > SHEETS {
                            return Err(broken(format!("it holds more than {SHEETS} styles of sheets")));
                        }
                    }
                    "table:table-source" => return Err(Refusal::ExternalLink { part: PART.to_owned() }),
                    "table:table" => {
                        let name = named(&element, "table:name").map_err(broken)?.unwrap_or_default();
                        let style = qualified(&element, "table:style-name").map_err(broken)?;
                        if !names.insert(name.clone()) {
                            return Err(broken(format!("two sheets are called \"{name}\"")));
                        }
                        if names.len() > SHEETS {
                            return Err(broken(format!("it holds more than {SHEETS} sheets")));
                        }
                        if style.is_some_and(|style| hidden_styles.contains(&style)) {
                            xml::skip(&mut self.reader, "table:table").map_err(broken)?;
                        } else {
                            let grid = self.table(&name)?;
                            self.take(&mut sheets, grid);
                        }
                    }
                    _ => {}
                },
                Event::End(end) if end.name().as_ref() == "office:document-content" => is_closed = true,
                Event::Eof if is_closed => return Ok(sheets),
                Event::Eof => return Err(broken("the XML is cut off".to_owned())),
                _ => {}
            }
        }
    }

    fn take(&self, sheets: &mut Sheets, grid: Grid) {
        let name = grid.sheet.clone();
        sheets.visible.push(name.clone());
        let is_filled = !grid.cells.is_empty();
        let is_wanted = match self.options.sheet {
            Some(wanted) => wanted == name,
            None => is_filled && sheets.grid.is_none(),
        };
        if is_filled {
            sheets.filled.push(name);
        }
        if is_wanted {
            sheets.grid = Some(grid);
        }
    }

    fn table(&mut self, name: &str) -> Result<Grid, Refusal> {
        let broken = |reason| Refusal::broken(format!("sheet \"{name}\""), reason);
        let mut grid = Grid::new(name, Vec::new(), Layout::default());
        let (mut row, mut column) = (1_u32, 0_u32);
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event =
                self.reader.read_event_into(&mut buffer).map_err(|error| broken(error.to_string()))?;
            match event {
                Event::Start(element) => match element.name().as_ref() {
                    "table:table-column" => {
                        let repeated = Repeated::read(
                            &element,
                            "table:number-columns-repeated",
                            COLUMNS.saturating_sub(column),
                        )
                        .map_err(broken)?;
                        if repeated.is_hidden {
                            grid.layout.hidden_columns.extend(column..column + repeated.times);
                        }
                        column += repeated.times;
                    }
                    "table:table-row" => {
                        let most = (ROWS + 1).saturating_sub(row);
                        let repeated =
                            Repeated::read(&element, "table:number-rows-repeated", most).map_err(broken)?;
                        self.row(&mut grid, row, &repeated)?;
                        row += repeated.times;
                    }
                    "table:table-source" => return Err(Refusal::ExternalLink { part: PART.to_owned() }),
                    "table:shapes" | "office:forms" => {
                        let element = element.name().as_ref().to_owned();
                        xml::skip(&mut self.reader, &element).map_err(broken)?;
                    }
                    "table:table" => return Err(broken("it holds a table within a table".to_owned())),
                    _ => {}
                },
                Event::End(end) if end.name().as_ref() == "table:table" => return Ok(grid),
                Event::Eof => return Err(broken("the XML is cut off".to_owned())),
                _ => {}
            }
        }
    }

    /// Reads a row, and repeats it if it holds anything.
    fn row(&mut self, grid: &mut Grid, row: u32, repeated: &Repeated) -> Result<(), Refusal> {
        let part = format!("sheet \"{}\"", grid.sheet);
        let broken = |reason| Refusal::broken(part.clone(), reason);
        let start = grid.cells.len();
        let mut column = 0_u32;
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event =
                self.reader.read_event_into(&mut buffer).map_err(|error| broken(error.to_string()))?;
            match event {
                Event::Start(element) => {
                    let is_covered = match element.name().as_ref() {
                        "table:table-cell" => false,
                        "table:covered-table-cell" => true,
                        other => return Err(broken(format!("row {row} holds <{other}>"))),
                    };
                    let most = COLUMNS.saturating_sub(column);
                    let times = Repeated::read(&element, "table:number-columns-repeated", most);
                    let times = times.map_err(broken)?.times;
                    let name = CellName { row, column };
                    let found = cell::read(&mut self.reader, &element).map_err(broken)?;
                    if let Some((columns, rows)) = found.span {
                        let last = CellName {
                            row: row.saturating_add(rows - 1),
                            column: column.saturating_add(columns - 1),
                        };
                        grid.layout.merges.push(Area { first: name, last });
                        if grid.layout.merges.len() > MERGES {
                            return Err(broken(format!("it has more than {MERGES} merged ranges")));
                        }
                    }
                    if !is_covered {
                        self.cells(grid, name, times, &found)?;
                    }
                    column += times;
                }
                Event::End(_) => break,
                Event::Eof => return Err(broken("the XML is cut off".to_owned())),
                _ => {}
            }
        }
        self.repeat(grid, start, row, repeated)
    }

    fn cells(&self, grid: &mut Grid, first: CellName, times: u32, found: &Found) -> Result<(), Refusal> {
        let Some(value) = found.value(grid, first, &self.options.limits)? else { return Ok(()) };
        for place in 0..times {
            let name = CellName { row: first.row, column: first.column + place };
            grid.push(name, found.is_formula, value.clone(), &self.options.limits)?;
        }
        Ok(())
    }

    /// Repeats the cells from `start` on, which are those of one row.
    fn repeat(&self, grid: &mut Grid, start: usize, row: u32, repeated: &Repeated) -> Result<(), Refusal> {
        let end = grid.cells.len();
        if start == end {
            return Ok(());
        }
        for row in row..row + repeated.times {
            if repeated.is_hidden {
                grid.layout.hidden_rows.insert(row);
            }
        }
        for row in row + 1..row + repeated.times {
            for place in start..end {
                let Some(stored) = grid.cells.get(place) else { continue };
                let name = CellName { row, column: stored.name.column };
                let (is_formula, value) = (stored.is_formula, stored.value.clone());
                grid.push(name, is_formula, value, &self.options.limits)?;
            }
        }
        Ok(())
    }
}

/// The name of a sheet or of a style, which is kept in memory.
fn named(element: &BytesStart<'_>, attribute: &str) -> Result<Option<String>, String> {
    let name = qualified(element, attribute)?;
    match name {
        Some(name) if name.len() > NAME => Err(format!("a name has more than {NAME} bytes")),
        name => Ok(name),
    }
}
