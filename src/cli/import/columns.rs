//! What the columns of a CSV file mean. Names match without regard to case, spaces, hyphens and underscores.

use std::borrow::Cow;
use std::collections::HashMap;

use super::MatchKey;
use super::cells::{self, Reading};
use super::rows::Row;
use crate::cli::export;

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
    Id "id",
}

/// Columns of an export that only the server sets.
pub const SERVER_COLUMNS: [&str; 5] = ["id", "member_base_id", "created_at", "updated_at", "revision"];
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
    /// Understands a header, or says everything that is wrong with it. Cells of an export are read as they are.
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
                "the first line has one column, whose name has {delimiter} in it: if that stands between the cells, give \
                 --delimiter '{delimiter}'"
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
            problems
                .push(format!("there is no column {:?}, by which members are matched", key.field().name()));
        }
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        let is_export = own.iter().map(String::as_str).eq(export::COLUMNS.into_iter().chain(SERVER_COLUMNS));
        let reading = if is_export { Reading::Exact } else { reading };
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

    /// The row without the cells that an earlier import added to say why it failed; `None` where these are not there.
    /// Spreadsheets fill rows up with empty cells, so those at the end may be theirs.
    pub fn own<'a>(&self, row: Row<'a>) -> Option<Row<'a>> {
        if !self.has_failures {
            return Some(row);
        }
        let cells: Vec<&str> = row.cells().collect();
        let mut rest = cells.as_slice();
        loop {
            let (own, [line, reason, ..]) = rest.split_last_chunk::<4>()?;
            if is_line(line) && is_reason(reason) {
                return Some(row.first(own.len()));
            }
            rest = rest.split_last().filter(|(last, _)| last.is_empty())?.1;
        }
    }

    /// Whether the row is the header once more, as lists that were pasted together have it.
    pub fn is_header(&self, row: Row<'_>) -> bool {
        row.width() == self.header.len()
            // Most rows differ in their first character, so comparing costs nothing.
            && row.cells().zip(&self.header).all(|(cell, name)| {
                plain_characters(&heading(cell)).eq(plain_characters(&heading(name)))
            })
    }

    /// How many cells a row has at least, and may have with something in them: its last ones may have no name.
    pub fn named(&self) -> usize {
        self.columns.iter().rposition(|column| *column != Column::Unnamed).map_or(0, |last| last + 1)
    }
}

/// The name in a cell of the header.
fn heading(cell: &str) -> Cow<'_, str> {
    let cell = cell.trim();
    cells::value(cell, Reading::Cleaned).unwrap_or(Cow::Borrowed(cell))
}

fn is_line(cell: &str) -> bool {
    !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_reason(cell: &str) -> bool {
    !cell.is_empty()
        && cell.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// A header without the columns that [`super::failed`] added at its end.
fn without_failure_columns(header: &[String]) -> &[String] {
    let named = header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
    match header.get(..named).unwrap_or_default().split_last_chunk::<4>() {
        Some((rest, last)) if *last == FAILURE_COLUMNS => rest,
        _ => header,
    }
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

/// What seems to stand between the names of a header that was taken for one name, as it is given to `--delimiter`.
fn other_delimiter(names: &[String]) -> Option<&'static str> {
    let [name] = names else { return None };
    let parts_are_known = |delimiter: &&(char, &str)| {
        name.contains(delimiter.0)
            && name.split(delimiter.0).any(|part| column(heading(part).trim()).is_some())
    };
    [(';', ";"), ('\t', "\\t"), ('|', "|"), (',', ",")].iter().find(parts_are_known).map(|(_, given)| *given)
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
    use crate::cli::import::cells::Reading;
    use crate::cli::import::rows::Collector;

    fn columns(header: &[&str]) -> Result<Columns, String> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Columns::from_header(&header, MatchKey::Ref, Reading::Cleaned)
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
    fn another_delimiter_than_the_one_given_is_pointed_out() {
        for (header, given) in
            [("ref;email", ";"), ("email\tref", "\\t"), ("ref|tier", "|"), ("Ref,E-Mail", ",")]
        {
            let error = columns(&[header]).unwrap_err();
            assert!(error.ends_with(&format!("give --delimiter '{given}'")), "{header:?}: {error}");
        }
        for header in ["nickname;shoe", "nickname"] {
            assert!(!columns(&[header]).unwrap_err().contains("--delimiter"), "{header}");
        }
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
        assert_eq!(columns.columns.len(), 3);
        assert_eq!(columns.skipped().collect::<Vec<_>>(), ["created_at"]);
        assert!(self::columns(&["ref", "message"]).is_err());
    }

    #[test]
    fn cells_that_a_file_of_failed_rows_added_are_told_from_those_that_came() {
        let failed = columns(&["ref", "tier", "", "line", "reason", "field", "message", "", ""]).unwrap();
        assert_eq!(failed.header, ["ref", "tier", ""]);
        for (cells, own) in [
            (&["a", "x", "", "7", "TIER_INVALID", "tier", "no"][..], Some(3)),
            (&["a", "x", "", "7", "TIER_INVALID", "tier", ""], Some(3)),
            (&["a", "x", "", "7", "TIER_INVALID", "tier", "", "", ""], Some(3)),
            (&["a", "x", "y", "z", "7", "CELL_COUNT", "", "4 cells"], Some(4)),
            (&["a", "7", "CELL_COUNT", "", "1 cell"], Some(1)),
            (&["a", "7", "CELL_COUNT", "", "1 cell", "", "", ""], Some(1)),
            (&["7", "CELL_COUNT", "", "none"], Some(0)),
            (&["a", "x"], None),
            (&["a", "x", "", "", "", "", ""], None),
        ] {
            let mut rows = Collector::default();
            rows.push(2, cells.iter().map(|cell| cell.as_bytes()));
            let rows = rows.finish().unwrap();
            let row = rows.get(0).unwrap();
            assert_eq!(failed.own(row).map(|row| row.width()), own, "{cells:?}");
            assert_eq!(columns(&["ref"]).unwrap().own(row).map(|row| row.width()), Some(cells.len()));
        }
    }

    #[test]
    fn an_export_is_read_as_it_is_and_other_files_are_not() {
        let header: Vec<&str> = EXPORT_COLUMNS.iter().chain(&SERVER_COLUMNS).copied().collect();
        assert_eq!(columns(&header).unwrap().reading, Reading::Exact);
        assert_eq!(columns(&header[1..]).unwrap().reading, Reading::Cleaned);
        let failed = [&header[..], &super::FAILURE_COLUMNS].concat();
        assert_eq!(columns(&failed).unwrap().reading, Reading::Exact);
    }

    #[test]
    fn columns_without_a_name_are_no_columns_and_headings_are_cleaned() {
        let columns = columns(&["=\"ref\"", "", " 'tier", " "]).unwrap_err();
        assert!(columns.contains("\"'tier\" is unknown"), "{columns}");
        let columns = self::columns(&["=\"ref\"", "", " tier", " "]).unwrap();
        let unnamed = Column::Unnamed;
        assert_eq!(
            columns.columns,
            [Column::Field(Field::Ref), unnamed.clone(), Column::Field(Field::Tier), unnamed]
        );
        assert_eq!(columns.named(), 3);
    }

    #[test]
    fn members_are_found_by_their_id_where_there_is_no_other_key() {
        assert!(columns(&["id", "tier"]).is_ok());
        assert!(columns(&["tier"]).unwrap_err().contains("no column \"ref\""));
    }

    #[test]
    fn every_column_of_an_export_is_known() {
        let header: Vec<&str> = EXPORT_COLUMNS.iter().chain(&SERVER_COLUMNS).copied().collect();
        assert_eq!(columns(&header).unwrap().skipped().collect::<Vec<_>>(), SERVER_COLUMNS[1..]);
    }

    #[test]
    fn one_attribute_cannot_come_from_two_columns() {
        assert!(columns(&["ref", "attributes", "attributes.a"]).is_err());
        assert!(columns(&["ref", "attributes.a", "attributes.a:number"]).is_err());
    }
}
