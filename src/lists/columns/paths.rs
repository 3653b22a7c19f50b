//! Names faults of a row after the columns of its file.

use super::Columns;
use super::heading::{ATTRIBUTE_PREFIX, Column};
use crate::lists::field::Field;

/// Fields of the contract that consist of several columns.
const ACCOUNT: &str = "account_details";
const ACCOUNT_PARTS: [&str; 2] = ["account_details.uk.", "account_details.eu."];
const ACCOUNT_FIELDS: [Field; 4] = [Field::AccountHolder, Field::SortCode, Field::AccountNumber, Field::Iban];

impl Columns {
    /// A fault of a field of the contract: the columns that set the field, and the rule that it breaks.
    #[must_use]
    pub fn fault(&self, path: &str, description: String) -> (String, String) {
        if path == ACCOUNT {
            let rule = "must be account_holder with either sort_code and account_number, or iban";
            return (self.account(), rule.to_owned());
        }
        let part = ACCOUNT_PARTS.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        (self.called(part), description)
    }

    /// The name that the file has for a field; if no column sets it, the name of the field, so that it can be
    /// added.
    fn called(&self, field: &str) -> String {
        let sets = |column: &Column| match column {
            Column::Field(known) => known.name() == field,
            Column::Attribute(key, _) => field.strip_prefix(ATTRIBUTE_PREFIX) == Some(key.as_str()),
            Column::Skipped | Column::Unnamed => false,
        };
        let all = || {
            let is_attribute = field.starts_with(ATTRIBUTE_PREFIX);
            self.columns.iter().position(|column| is_attribute && *column == Column::Field(Field::Attributes))
        };
        match self.columns.iter().position(sets).or_else(all) {
            Some(at) => self.name(at).into_owned(),
            None => field.to_owned(),
        }
    }

    /// The names of the columns of the bank account.
    fn account(&self) -> String {
        let is_part = |column: &Column| ACCOUNT_FIELDS.iter().any(|field| *column == Column::Field(*field));
        let there = (0..).zip(&self.columns).filter(|(_, column)| is_part(column));
        let names: Vec<_> = there.map(|(at, _)| self.name(at)).collect();
        names.join(", ")
    }
}
