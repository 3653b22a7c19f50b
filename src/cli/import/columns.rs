//! What the columns of a CSV file mean. Names match without regard to case, spaces, hyphens and underscores.

mod faults;
mod told;

use std::borrow::Cow;
use std::collections::HashMap;

use super::cells::{self, Reading};
use super::field::Field;
use super::match_key::MatchKey;
use super::rows::Row;
use crate::cli::list::{self, SERVER_COLUMNS};

/// What a cell of a column sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Field(Field),
    /// One attribute, from a column `attributes.<key>`, or `attributes.<key>:number` and so on.
    Attribute(String, AttributeType),
    /// Written by an export, and given by the server alone.
    Skipped,
    /// Without a name: what a delimiter at the end of each line leaves. Its cells are to be empty.
    Unnamed,
}

/// What the text in a cell of an attribute stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    Text,
    Number,
    Boolean,
    /// Any JSON value that an attribute takes.
    Json,
}

/// The columns that a file of failed rows has after those of its origin.
pub const FAILURE_COLUMNS: [&str; 4] = ["line", "reason", "field", "message"];
const ATTRIBUTE_PREFIX: &str = "attributes.";

/// The columns of a file, in its order.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    /// Without those that a file of failed rows added.
    pub columns: Vec<Column>,
    /// The names as the file has them, without those that a file of failed rows added.
    pub header: Vec<String>,
    /// How the cells are read.
    pub reading: Reading,
    /// Whether the rows end in the cells of [`FAILURE_COLUMNS`].
    has_failures: bool,
}

impl Columns {
    /// Understands a header, or says everything that is wrong with it. Cells of an export are read as they
    /// are.
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
                            "column {place} {name:?} comes twice (the first is column {first}, {as_name:?})"
                        ));
                    }
                    columns.push(column);
                }
                None => problems.push(format!("column {name:?} is unknown")),
            }
        }
        if let Some(delimiter) = other_delimiter(own) {
            return Err(format!(
                "the first line has one column, whose name has {delimiter} in it: if that stands between the \
                 cells, give --delimiter '{delimiter}'"
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
        // Rows that lack the key are found by their id.
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

    /// The columns that are there and set nothing.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        let pairs = self.header.iter().zip(&self.columns);
        pairs.filter(|(_, column)| **column == Column::Skipped).map(|(name, _)| name.as_str())
    }

    /// Whether the row is the header once more, as lists that were pasted together have it.
    pub fn is_header(&self, row: Row<'_>) -> bool {
        row.width() == self.header.len()
            // Most rows differ in their first character, so comparing costs nothing.
            && row.cells().zip(&self.header).all(|(cell, name)| {
                plain_characters(&heading(cell)).eq(plain_characters(&heading(name)))
            })
    }

    /// How many cells a row has at least, and may have with something in them: its last ones may have no
    /// name.
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

/// The name in a cell of the header.
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

/// The key after `attributes.`, as it is written: keys of attributes differ by case.
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

/// What two columns must not have in common.
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

/// What seems to stand between the names of a header that was taken for one name, as it is given to
/// `--delimiter`.
fn other_delimiter(names: &[String]) -> Option<&'static str> {
    let [name] = names else { return None };
    let parts_are_known = |delimiter: &&(char, &str)| {
        name.contains(delimiter.0)
            && name.split(delimiter.0).any(|part| column(heading(part).trim()).is_some())
    };
    [(';', ";"), ('\t', "\\t"), ('|', "|"), (',', ",")].iter().find(parts_are_known).map(|(_, given)| *given)
}

/// How a file can be matched that has another key.
fn other_key(columns: &[Column]) -> String {
    let keys = [(Field::Ref, "ref"), (Field::Email, "email"), (Field::WorkerId, "worker-id")];
    let mut there = keys.iter().filter(|(field, _)| columns.contains(&Column::Field(*field)));
    there.next().map_or(String::new(), |(field, given)| {
        format!("; with --match {given} they are matched by the column {:?}", field.name())
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
