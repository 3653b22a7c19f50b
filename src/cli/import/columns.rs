//! What the columns of a CSV file mean. Names match without regard to case, spaces, hyphens and underscores.

use std::collections::HashMap;

use super::MatchKey;

/// What a cell of a column sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Field(Field),
    /// One attribute, from a column `attributes.<key>`, or `attributes.<key>:number` and so on.
    Attribute(String, AttributeType),
    /// Written by an export or into a file of failed rows, and given by the server or of no use to it.
    Skipped,
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

macro_rules! fields {
    ($($field:ident $name:literal),* $(,)?) => {
        /// A field that a column can set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Field { $($field),* }

        impl Field {
            const ALL: &[Self] = &[$(Self::$field),*];

            /// The name as it is written in documentation and in exports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name),* }
            }
        }
    };
}

fields! {
    Ref "ref", Email "email", FirstName "first_name", LastName "last_name", Phone "phone", WorkerId "worker_id", Tier "tier",
    Status "status", Dob "dob", Gender "gender", Role "role", Company "company", EnablePayroll "enable_payroll",
    SortCode "sort_code", AccountNumber "account_number", AccountHolder "account_holder", Iban "iban", Attributes "attributes",
}

/// Columns of an export that only the server sets.
pub const SERVER_COLUMNS: [&str; 5] = ["id", "member_base_id", "created_at", "updated_at", "revision"];
/// The columns that a file of failed rows has after those of its origin.
pub const FAILURE_COLUMNS: [&str; 4] = ["line", "reason", "field", "message"];
const ATTRIBUTE_PREFIX: &str = "attributes.";

/// The columns of a file, in its order.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    pub columns: Vec<Column>,
    /// The names as the file has them, without those that a file of failed rows added.
    pub header: Vec<String>,
}

impl Columns {
    /// Understands a header, or says everything that is wrong with it.
    pub fn from_header(header: &[String], key: MatchKey) -> Result<Self, String> {
        let names = without_failure_columns(header);
        let mut problems = Vec::new();
        let mut seen: HashMap<String, &str> = HashMap::new();
        let mut columns = Vec::with_capacity(header.len());
        for name in names {
            match column(name) {
                Some(column) => {
                    if let Some(first) = seen.insert(identity(&column, name), name) {
                        problems.push(format!("column {name:?} comes twice (the first is {first:?})"));
                    }
                    columns.push(column);
                }
                None => problems.push(format!("column {name:?} is unknown")),
            }
        }
        if !problems.is_empty() && problems.iter().any(|problem| problem.ends_with("unknown")) {
            problems.push(known());
        }
        if seen.contains_key("attributes")
            && columns.iter().any(|column| matches!(column, Column::Attribute(..)))
        {
            problems
                .push("give either the column attributes or columns attributes.<key>, not both".to_owned());
        }
        if !columns.contains(&Column::Field(key.field())) {
            problems
                .push(format!("there is no column {:?}, by which members are matched", key.field().name()));
        }
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        columns.resize(header.len(), Column::Skipped);
        Ok(Self { columns, header: names.to_vec() })
    }

    /// The columns that are there and set nothing.
    pub fn skipped(&self) -> impl Iterator<Item = &str> {
        let pairs = self.header.iter().zip(&self.columns);
        pairs.filter(|(_, column)| **column == Column::Skipped).map(|(name, _)| name.as_str())
    }
}

/// A header without the columns that [`super::failed`] added at its end.
fn without_failure_columns(header: &[String]) -> &[String] {
    match header.split_last_chunk::<4>() {
        Some((rest, last)) if *last == FAILURE_COLUMNS => rest,
        _ => header,
    }
}

fn column(name: &str) -> Option<Column> {
    let name = name.trim();
    if let Some(key) = attribute_key(name) {
        let (key, kind) = match key.rsplit_once(':') {
            None => (key, AttributeType::Text),
            Some((key, kind)) => (key, attribute_type(kind)?),
        };
        return (!key.is_empty()).then(|| Column::Attribute(key.to_owned(), kind));
    }
    let plain = plain(name);
    if SERVER_COLUMNS.iter().any(|known| self::plain(known) == plain) {
        return Some(Column::Skipped);
    }
    Field::ALL.iter().find(|field| self::plain(field.name()) == plain).map(|field| Column::Field(*field))
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
        Column::Skipped => plain(name),
    }
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

fn known() -> String {
    let names: Vec<_> = Field::ALL.iter().map(|field| field.name()).collect();
    format!(
        "known columns are {}, and attributes.<key>, where :number, :boolean or :json after the key gives its type",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{AttributeType, Column, Columns, Field, SERVER_COLUMNS};
    use crate::cli::export::COLUMNS as EXPORT_COLUMNS;
    use crate::cli::import::MatchKey;

    fn columns(header: &[&str]) -> Result<Columns, String> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Columns::from_header(&header, MatchKey::Ref)
    }

    #[test]
    fn names_match_without_case_spaces_hyphens_and_underscores() {
        let columns =
            columns(&["REF", " First Name", "last-name", "workerId", "E_Mail", "Enable Payroll"]).unwrap();
        let fields = [
            Field::Ref,
            Field::FirstName,
            Field::LastName,
            Field::WorkerId,
            Field::Email,
            Field::EnablePayroll,
        ];
        assert_eq!(columns.columns, fields.map(Column::Field));
    }

    #[test]
    fn attributes_keep_their_key_and_may_have_a_type() {
        let columns = columns(&["ref", "Attributes.Shoe_Size:number", "attributes.shoe_size"]).unwrap();
        assert_eq!(columns.columns[1], Column::Attribute("Shoe_Size".into(), AttributeType::Number));
        assert_eq!(columns.columns[2], Column::Attribute("shoe_size".into(), AttributeType::Text));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let error = columns(&["email", "nickname", "E-Mail", "attributes.a:date"]).unwrap_err();
        for part in [
            "\"nickname\" is unknown",
            "\"E-Mail\" comes twice",
            "attributes.a:date",
            "no column \"ref\"",
            "first_name, ",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_file_of_failed_rows_and_an_export_can_be_imported() {
        let columns = columns(&["id", "ref", "created_at", "line", "reason", "field", "message"]).unwrap();
        assert_eq!(columns.header, ["id", "ref", "created_at"]);
        assert_eq!(columns.columns.len(), 7);
        assert_eq!(columns.skipped().collect::<Vec<_>>(), ["id", "created_at"]);
        assert!(self::columns(&["ref", "message"]).is_err());
    }

    #[test]
    fn every_column_of_an_export_is_known() {
        let header: Vec<&str> = EXPORT_COLUMNS.iter().chain(&SERVER_COLUMNS).copied().collect();
        assert_eq!(columns(&header).unwrap().skipped().collect::<Vec<_>>(), SERVER_COLUMNS);
    }

    #[test]
    fn one_attribute_cannot_come_from_two_columns() {
        assert!(columns(&["ref", "attributes", "attributes.a"]).is_err());
        assert!(columns(&["ref", "attributes.a", "attributes.a:number"]).is_err());
    }
}
