//! The meaning of the columns of a CSV file. Names match without regard to case, spaces, hyphens and
//! underscores.

mod earlier;
mod faults;

use std::borrow::Cow;
use std::collections::HashMap;

use super::cells::{self, Reading};
use super::field::Field;
use super::match_key::MatchKey;
use super::rows::Row;
use crate::cli::list::{self, SERVER_COLUMNS};

/// What the cells of a column set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Field(Field),
    /// One attribute, from a column `attributes.<key>`, or `attributes.<key>:number` and so on.
    Attribute(String, AttributeType),
    /// Written by an export, but only set by the server.
    Skipped,
    /// Without a name, as after a delimiter at the end of each line. Its cells must be empty.
    Unnamed,
}

/// The type of an attribute in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    Text,
    Number,
    Boolean,
    /// Any JSON value that an attribute can have.
    Json,
}

/// The columns that a file of failed rows has after those of the original file.
pub const FAILURE_COLUMNS: [&str; 4] = ["line", "reason", "field", "message"];
const ATTRIBUTE_PREFIX: &str = "attributes.";

/// The columns of a file, in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// The meaning of the columns, without [`FAILURE_COLUMNS`].
    pub columns: Vec<Column>,
    /// The names as written in the file, without [`FAILURE_COLUMNS`].
    pub header: Vec<String>,
    /// How the cells are read.
    pub reading: Reading,
    /// Whether each row ends with the cells of [`FAILURE_COLUMNS`].
    has_failures: bool,
}

impl Columns {
    /// Parses a header, or returns everything that is wrong with it. The cells of an export are read
    /// unchanged.
    pub fn from_header(header: &[String], key: MatchKey, reading: Reading) -> Result<Self, String> {
        let names: Vec<String> = header.iter().map(|name| heading(name).trim().to_owned()).collect();
        let own = without_failure_columns(&names);
        let mut problems = Vec::new();
        let mut seen: HashMap<String, (usize, &str)> = HashMap::new();
        let mut columns = Vec::with_capacity(own.len());
        for (place, name) in (1..).zip(own) {
            match column(name) {
                Some(Column::Unnamed) => columns.push(Column::Unnamed),
                Some(column) => {
                    if let Some((first, as_name)) = seen.insert(identity(&column, name), (place, name)) {
                        problems.push(format!(
                            "column {place} {name:?} is a duplicate of column {first} {as_name:?}"
                        ));
                    }
                    columns.push(column);
                }
                None => problems.push(format!("column {name:?} is unknown")),
            }
        }
        if let Some(delimiter) = other_delimiter(own) {
            return Err(format!(
                "the first line has only one column, and its name contains {delimiter}: if this is the \
                 delimiter, give --delimiter '{delimiter}'"
            ));
        }
        if problems.iter().any(|problem| problem.ends_with("unknown")) {
            problems.push(known());
        }
        if seen.contains_key("attributes")
            && columns.iter().any(|column| matches!(column, Column::Attribute(..)))
        {
            problems
                .push("give either the column attributes or columns attributes.<key>, not both".to_owned());
        }
        // Rows without the key are matched by their id.
        if ![key.field(), Field::Id].iter().any(|field| columns.contains(&Column::Field(*field))) {
            problems.push(format!(
                "there is no column {:?}, by which members are matched{}",
                key.field().name(),
                other_key(&columns)
            ));
        }
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        let reading = if list::is_header(own) { Reading::Exact } else { reading };
        let has_failures = own.len() < names.len();
        Ok(Self {
            header: header.iter().take(columns.len()).cloned().collect(),
            columns,
            reading,
            has_failures,
        })
    }

    /// The names of the columns that set nothing.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        let pairs = self.header.iter().zip(&self.columns);
        pairs.filter(|(_, column)| **column == Column::Skipped).map(|(name, _)| name.as_str())
    }

    /// Whether the row repeats the header, as in lists that were pasted together.
    pub fn is_header(&self, row: Row<'_>) -> bool {
        row.width() == self.header.len()
            // Most rows differ in their first character, so comparing is cheap.
            && row.cells().zip(&self.header).all(|(cell, name)| {
                plain_characters(&heading(cell)).eq(plain_characters(&heading(name)))
            })
    }

    /// How many cells a row must have: trailing columns without a name do not count.
    pub fn named(&self) -> usize {
        self.columns.iter().rposition(|column| *column != Column::Unnamed).map_or(0, |last| last + 1)
    }
}

/// A header without the columns that [`crate::cli::import::failed`] added at its end.
fn without_failure_columns(header: &[String]) -> &[String] {
    let named = header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    match header.get(..named).unwrap_or_default().split_last_chunk::<4>() {
        Some((rest, last)) if *last == FAILURE_COLUMNS => rest,
        _ => header,
    }
}

/// The column name in a cell of the header.
fn heading(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    cells::value(cell, Reading::Cleaned).unwrap_or(Cow::Borrowed(cell))
}

fn column(name: &str) -> Option<Column> {
    if name.is_empty() {
        return Some(Column::Unnamed);
    }
    if let Some(key) = attribute_key(name) {
        let (key, kind) = match key.rsplit_once(':') {
            None => (key, AttributeType::Text),
            Some((key, kind)) => (key, attribute_type(kind)?),
        };
        return (!key.is_empty()).then(|| Column::Attribute(key.to_owned(), kind));
    }
    let plain = plain(name);
    if let Some(field) = Field::ALL.iter().find(|field| self::plain(field.name()) == plain) {
        return Some(Column::Field(*field));
    }
    SERVER_COLUMNS.iter().any(|known| self::plain(known) == plain).then_some(Column::Skipped)
}

/// The key after `attributes.`, unchanged: keys of attributes are case-sensitive.
fn attribute_key(name: &str) -> Option<&str> {
    let prefix = name.get(..ATTRIBUTE_PREFIX.len())?;
    prefix.eq_ignore_ascii_case(ATTRIBUTE_PREFIX).then(|| name.get(ATTRIBUTE_PREFIX.len()..))?
}

fn attribute_type(name: &str) -> Option<AttributeType> {
    match name {
        "text" => Some(AttributeType::Text),
        "number" => Some(AttributeType::Number),
        "boolean" => Some(AttributeType::Boolean),
        "json" => Some(AttributeType::Json),
        _ => None,
    }
}

/// What identifies a column; no two columns may have the same.
fn identity(column: &Column, name: &str) -> String {
    match column {
        Column::Field(field) => field.name().to_owned(),
        Column::Attribute(key, _) => format!("{ATTRIBUTE_PREFIX}{key}"),
        Column::Skipped | Column::Unnamed => plain(name),
    }
}

fn plain(name: &str) -> String {
    plain_characters(name).collect()
}

fn plain_characters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).flat_map(char::to_lowercase)
}

/// The probable delimiter of a header that was taken for one name, in the form that `--delimiter` takes.
fn other_delimiter(names: &[String]) -> Option<&'static str> {
    let [name] = names else { return None };
    let parts_are_known = |delimiter: &&(char, &str)| {
        name.contains(delimiter.0)
            && name.split(delimiter.0).any(|part| column(heading(part).trim()).is_some())
    };
    [(';', ";"), ('\t', "\\t"), ('|', "|"), (',', ",")].iter().find(parts_are_known).map(|(_, given)| *given)
}

/// Suggests how to match a file that has another key.
fn other_key(columns: &[Column]) -> String {
    let keys = [(Field::Ref, "ref"), (Field::Email, "email"), (Field::WorkerId, "worker-id")];
    let mut there = keys.iter().filter(|(field, _)| columns.contains(&Column::Field(*field)));
    there.next().map_or(String::new(), |(field, given)| {
        format!("; give --match {given} to match them by the column {:?}", field.name())
    })
}

fn known() -> String {
    let names: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    format!(
        "known columns are {}, and attributes.<key>, where :number, :boolean or :json after the key gives \
         its type",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests;
