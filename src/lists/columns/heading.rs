//! What a heading means.

use std::borrow::Cow;

use super::export::SERVER_COLUMNS;
use crate::lists::cell::{self, Reading};
use crate::lists::field::Field;

/// What the headings of single attributes begin with.
pub const ATTRIBUTE_PREFIX: &str = "attributes.";

/// What the cells of a column set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// A field.
    Field(Field),
    /// One attribute, from a column `attributes.<key>`, or `attributes.<key>:number` and so on.
    Attribute(String, AttributeType),
    /// Written by an export, but only set by the server.
    Skipped,
    /// Without a name, as after a delimiter at the end of each line. Its cells must be empty.
    Unnamed,
}

impl Column {
    /// The name that a column with this meaning has in an export; `None` if its cells set nothing.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Field(field) => Some(field.name().to_owned()),
            Self::Attribute(key, kind) => {
                let kind = match kind {
                    AttributeType::Text => "",
                    AttributeType::Number => ":number",
                    AttributeType::Boolean => ":boolean",
                    AttributeType::Json => ":json",
                };
                Some(format!("{ATTRIBUTE_PREFIX}{key}{kind}"))
            }
            Self::Skipped | Self::Unnamed => None,
        }
    }
}

/// The type of an attribute in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    /// A text.
    Text,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// Any JSON value that an attribute can have.
    Json,
}

/// The column name in a cell of the header.
pub fn heading(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    cell::value(cell, Reading::Cleaned).unwrap_or(Cow::Borrowed(cell))
}

pub fn column(name: &str) -> Option<Column> {
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

/// What identifies a column; no two columns may have the same.
pub fn identity(column: &Column, name: &str) -> String {
    match column {
        Column::Field(field) => field.name().to_owned(),
        Column::Attribute(key, _) => format!("{ATTRIBUTE_PREFIX}{key}"),
        Column::Skipped | Column::Unnamed => plain(name),
    }
}

/// The characters of a name that count, in lower case.
pub fn plain_characters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).flat_map(char::to_lowercase)
}

fn plain(name: &str) -> String {
    plain_characters(name).collect()
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
