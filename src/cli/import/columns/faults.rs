//! What is wrong with a row, said with the names that the columns have in its file.

use std::borrow::Cow;

use super::{ATTRIBUTE_PREFIX, Column, Columns, heading};
use crate::cli::import::field::Field;

/// The fields of the contract that are made of several columns.
const ACCOUNT: &str = "account_details";
const ACCOUNT_PARTS: [&str; 2] = ["account_details.uk.", "account_details.eu."];
const ACCOUNT_FIELDS: [Field; 4] = [Field::AccountHolder, Field::SortCode, Field::AccountNumber, Field::Iban];

impl Columns {
    /// What the file calls the column at this place.
    pub fn name(&self, at: usize) -> Cow<'_, str> {
        self.header.get(at).map_or(Cow::Borrowed(""), |name| heading(name))
    }

    /// A fault of a field of the contract, with the names of the columns that the field comes from.
    pub fn fault(&self, path: &str, description: String) -> (String, String) {
        if path == ACCOUNT {
            let rule = "must be account_holder with either sort_code and account_number, or iban";
            return (self.account(), rule.to_owned());
        }
        let part = ACCOUNT_PARTS.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path);
        (self.called(part), description)
    }

    /// What the file calls a field; its own name where no column has it, for it may be added.
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

    /// The columns of the bank account that are there.
    fn account(&self) -> String {
        let is_part = |column: &Column| ACCOUNT_FIELDS.iter().any(|field| *column == Column::Field(*field));
        let there = (0..).zip(&self.columns).filter(|(_, column)| is_part(column));
        let names: Vec<_> = there.map(|(at, _)| self.name(at)).collect();
        names.join(", ")
    }
}
