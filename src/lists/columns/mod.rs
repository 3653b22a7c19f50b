//! The headings of a table become fields. Names match without regard to case, spaces, hyphens and
//! underscores.
//!
//! This room promises that every column is known, that no two set the same, and that the caller has the
//! columns that it asks for. It does not look at rows, except for what an earlier import added to them.

mod earlier;
pub mod export;
mod failure;
mod fault;
mod heading;
mod paths;

use std::borrow::Cow;
use std::collections::HashMap;

use self::heading::heading;
use super::cell::Reading;
use super::field::Field;
use super::text;
use super::workbook::CellName;

pub use self::failure::{Earlier, FAILURE_COLUMNS};
pub use self::fault::HeadingFault;
pub(super) use self::heading::plain_characters;
pub use self::heading::{AttributeType, Column};

/// The columns of a table, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// The meaning of the columns, without [`FAILURE_COLUMNS`].
    pub(super) columns: Vec<Column>,
    /// The names as written in the file, without [`FAILURE_COLUMNS`].
    header: Vec<String>,
    /// The first of the [`plain_characters`] of the first name.
    first: Option<char>,
    /// How the cells are read.
    reading: Reading,
    /// Whether each row ends with the cells of [`FAILURE_COLUMNS`].
    has_failures: bool,
    /// The columns of a sheet, counted from 0; empty for a text, whose columns are numbered.
    sheet: Vec<u32>,
}

/// Which columns a caller takes.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The fields that a column may set.
    pub fields: Vec<Field>,
    /// Columns that must be there: one of each group.
    pub required: Vec<Vec<Field>>,
    /// Headings of the file, each with the name under which it is read.
    pub renamed: Vec<(String, String)>,
    /// How cells are read, except those of an export.
    pub reading: Reading,
}

/// Every field, none required.
impl Default for Wanted {
    fn default() -> Self {
        Self {
            fields: Field::ALL.to_vec(),
            required: Vec::new(),
            renamed: Vec::new(),
            reading: Reading::Cleaned,
        }
    }
}

impl Wanted {
    /// Whether a heading is that of a known column.
    pub(super) fn knows(&self, name: &str) -> bool {
        // The quotes inside a quoted heading may still be doubled here.
        let undoubled = name.replace("\"\"", "\"");
        let name = heading(&undoubled);
        self.column(&name).is_some_and(|column| column != Column::Unnamed)
    }

    /// The fields that a header has, as far as its names are known.
    pub(super) fn fields_in(&self, header: &[String]) -> Vec<Field> {
        let fields = header.iter().filter_map(|name| match self.column(&heading(name))? {
            Column::Field(field) => Some(field),
            Column::Attribute(..) | Column::Skipped | Column::Unnamed => None,
        });
        fields.collect()
    }

    /// The meaning of a heading; `None` if it has none.
    fn column(&self, name: &str) -> Option<Column> {
        let renamed = self.renamed.iter().find(|(from, _)| plain_characters(from).eq(plain_characters(name)));
        let name = renamed.map_or(name, |(_, to)| to);
        let column = heading::column(name)?;
        match &column {
            Column::Field(field) if !self.fields.contains(field) => None,
            Column::Attribute(..) if !self.fields.contains(&Field::Attributes) => None,
            _ => Some(column),
        }
    }
}

impl Columns {
    /// Parses a header, or returns everything that is wrong with it. The header of an export says how its
    /// cells are read. `sheet` has the columns of a sheet.
    pub(super) fn from_header(
        header: &[String],
        wanted: &Wanted,
        sheet: Vec<u32>,
    ) -> Result<Self, Vec<HeadingFault>> {
        let names: Vec<String> = header.iter().map(|name| heading(name).trim().to_owned()).collect();
        let own = without_failure_columns(&names);
        if let [name] = own
            && let Some(delimiter) = text::missed(name, &|part| wanted.knows(part))
            && sheet.is_empty()
        {
            return Err(vec![HeadingFault::OtherDelimiter { delimiter: char::from(delimiter) }]);
        }
        let place = |at: usize| column_place(at, &sheet);
        let mut faults = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut columns = Vec::with_capacity(own.len());
        for (at, name) in own.iter().enumerate() {
            let Some(column) = wanted.column(name) else {
                faults.push(HeadingFault::Unknown { column: place(at), name: name.clone() });
                continue;
            };
            if column != Column::Unnamed
                && let Some(first) = seen.insert(heading::identity(&column, name), at)
            {
                faults.push(HeadingFault::Duplicate {
                    column: place(at),
                    name: name.clone(),
                    first: place(first),
                    first_name: own.get(first).cloned().unwrap_or_default(),
                });
            }
            columns.push(column);
        }
        let has = |field: Field| columns.contains(&Column::Field(field));
        if has(Field::Attributes) && columns.iter().any(|column| matches!(column, Column::Attribute(..))) {
            faults.push(HeadingFault::AttributesTwice);
        }
        let missing = wanted.required.iter().filter(|group| !group.iter().any(|field| has(*field)));
        faults.extend(missing.map(|group| HeadingFault::Missing { fields: group.clone() }));
        if !faults.is_empty() {
            return Err(faults);
        }
        let reading = export::reading(own).unwrap_or(wanted.reading);
        let has_failures = own.len() < names.len();
        let header: Vec<String> = header.iter().take(columns.len()).cloned().collect();
        let first = header.first().and_then(|name| plain_characters(&heading(name)).next());
        Ok(Self { header, first, columns, reading, has_failures, sheet })
    }

    /// The names as written in the file, without those of an earlier import's failures.
    pub fn header(&self) -> impl ExactSizeIterator<Item = &str> {
        self.header.iter().map(String::as_str)
    }

    /// Whether a column sets this field. [`Field::Attributes`] stands for all attributes together.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.columns.contains(&Column::Field(field))
    }

    /// The meaning of the column at this index.
    pub(super) fn column(&self, at: usize) -> Option<&Column> {
        self.columns.get(at)
    }

    /// The index of the column that sets this field.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|column| *column == Column::Field(field))
    }

    /// Whether a column sets one attribute.
    #[must_use]
    pub fn has_single_attributes(&self) -> bool {
        self.columns.iter().any(|column| matches!(column, Column::Attribute(..)))
    }

    /// Every column: its name as written in the file, and the name that it is read under; `None` for one that
    /// sets nothing.
    pub fn read_as(&self) -> impl Iterator<Item = (&str, Option<String>)> {
        self.header().zip(self.columns.iter().map(Column::name))
    }

    /// The names of the columns that set nothing.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        let pairs = self.header.iter().zip(&self.columns);
        pairs.filter(|(_, column)| **column == Column::Skipped).map(|(name, _)| name.as_str())
    }

    /// How the cells are read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// Whether rows end with what an earlier import added.
    pub(super) fn has_failures(&self) -> bool {
        self.has_failures
    }

    /// Whether the cells repeat the header, as in lists that were pasted together.
    pub(super) fn is_header(&self, cells: &[&str]) -> bool {
        // Most rows differ in their first character.
        let begins_otherwise = cells.first().and_then(|cell| cell.bytes().next()).is_some_and(|byte| {
            byte.is_ascii_alphanumeric() && self.first != Some(char::from(byte.to_ascii_lowercase()))
        });
        !begins_otherwise
            && cells.len() == self.header.len()
            && cells
                .iter()
                .zip(&self.header)
                .all(|(cell, name)| plain_characters(&heading(cell)).eq(plain_characters(&heading(name))))
    }

    /// How many cells a row must have: trailing columns without a name do not count.
    pub(super) fn named(&self) -> usize {
        self.columns.iter().rposition(|column| *column != Column::Unnamed).map_or(0, |last| last + 1)
    }

    /// The name that the file has for the column at this index.
    pub(super) fn name(&self, at: usize) -> Cow<'_, str> {
        self.header.get(at).map_or(Cow::Borrowed(""), |name| heading(name))
    }

    /// The name of a cell of a sheet, such as `F12`; `None` for a text.
    pub(super) fn cell_name(&self, at: usize, row: u64) -> Option<CellName> {
        Some(CellName { row: u32::try_from(row).ok()?, column: *self.sheet.get(at)? })
    }
}

/// The place of a column for people: `column 3`, or `column C` of a sheet.
fn column_place(at: usize, sheet: &[u32]) -> String {
    match sheet.get(at) {
        Some(column) => {
            let name = CellName { row: 0, column: *column }.to_string();
            format!("column {}", name.trim_end_matches('0'))
        }
        None => format!("column {}", at + 1),
    }
}

/// A header without the columns that an earlier import added at its end.
fn without_failure_columns(header: &[String]) -> &[String] {
    let named = header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    match header.get(..named).unwrap_or_default().split_last_chunk::<4>() {
        Some((rest, last)) if *last == FAILURE_COLUMNS => rest,
        _ => header,
    }
}

#[cfg(test)]
mod tests;
