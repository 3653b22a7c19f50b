//! Nothing is cleared by `--replace` that the file does not speak of.
//!
//! A replacement clears every field that a row does not give. So a list that lacks a column, be it because
//! its writer was not allowed to see it, would clear that field of everybody. Therefore a file that replaces
//! names every field: a CSV file in its header, or it is refused whole; a line of NDJSON by its keys, or it
//! is a failed row, because no line knows of the others. What is named and empty, or null, is cleared. What
//! is meant to be cleared without being named, `--clear-missing` says.

use super::columns::{Column, Columns};
use super::field::Field;
use super::object;
use super::row_failure::RowFailure;
use super::rows::Row;
use crate::model::ProfileField;

/// The account as NDJSON and the contract name it, and the columns that it has in CSV.
const ACCOUNT: &str = "account_details";
const ACCOUNT_COLUMNS: [Field; 4] =
    [Field::AccountHolder, Field::SortCode, Field::AccountNumber, Field::Iban];
/// Fields that no row clears by leaving them out.
const NEVER_CLEARED: [Field; 3] = [Field::Id, Field::Ref, Field::Status];
/// What stands for all fields, and for `--clear-missing` without a value.
pub const ALL: &str = "all";

/// Fields that a replacement may clear although the file does not name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearMissing {
    All,
    These(Vec<Field>),
}

impl ClearMissing {
    /// Reads `all`, or names of fields with commas between them.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == ALL {
            return Ok(Self::All);
        }
        let mut fields = Vec::new();
        for name in text.split(',').map(str::trim) {
            if name == ACCOUNT {
                fields.extend(ACCOUNT_COLUMNS);
                continue;
            }
            let field = clearable().find(|field| field.name() == name);
            fields.push(field.ok_or_else(|| {
                let known: Vec<_> = clearable().map(Field::name).collect();
                format!("{name:?} is no field that --replace clears; these are {}", known.join(", "))
            })?);
        }
        Ok(Self::These(fields))
    }

    fn has(&self, field: Field) -> bool {
        match self {
            Self::All => true,
            Self::These(fields) => fields.contains(&field),
        }
    }
}

fn clearable() -> impl Iterator<Item = Field> {
    Field::ALL.iter().copied().filter(|field| !NEVER_CLEARED.contains(field))
}

/// Refuses a header that does not name all that a replacement would clear.
pub fn check(columns: &Columns, may: &ClearMissing) -> Result<(), String> {
    let is_missing = |field: &Field| !columns.columns.contains(&Column::Field(*field)) && !may.has(*field);
    let missing: Vec<_> = clearable().filter(is_missing).map(Field::name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (what, names) = (if missing.len() == 1 { "no column" } else { "no columns" }, missing.join(", "));
    let has_attributes = columns.columns.iter().any(|column| matches!(column, Column::Attribute(..)));
    let attributes = if has_attributes && missing.contains(&Field::Attributes.name()) {
        " (a column attributes.<key> names one attribute, and the others would be cleared)"
    } else {
        ""
    };
    Err(format!(
        "--replace clears what a row leaves out, and the file has {what} {names}{attributes}: add what is \
         missing, leave --replace out to keep what members have there, or say that it is to be cleared, with \
         --clear-missing={}",
        missing.join(",")
    ))
}

/// The keys that each line of NDJSON has to name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Vec<&'static str>);

impl Keys {
    /// Where nothing is replaced.
    pub const NONE: Self = Self(Vec::new());

    /// Those that a replacement would clear.
    pub fn replaced(may: &ClearMissing) -> Self {
        let is_needed = |field: &ProfileField| match field {
            ProfileField::Ref => false,
            ProfileField::AccountDetails => !ACCOUNT_COLUMNS.iter().all(|column| may.has(*column)),
            field => !clearable().any(|known| known.name() == field.as_str() && may.has(known)),
        };
        Self(ProfileField::ALL.into_iter().filter(is_needed).map(ProfileField::as_str).collect())
    }

    /// Refuses a line that lacks some. What it clears by name is named.
    pub fn check(&self, row: Row<'_>, cleared: &[String]) -> Result<(), RowFailure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let fields = object::fields(row.cells().next().unwrap_or_default()).unwrap_or_default();
        let is_named =
            |key: &&str| fields.iter().any(|(name, _)| name == key) || cleared.iter().any(|name| name == key);
        let missing: Vec<_> = self.0.iter().copied().filter(|key| !is_named(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "--replace would clear what the row does not name; name each key, with null to clear it, or give \
             --clear-missing={}",
            missing.join(",")
        );
        Err(RowFailure::new("FIELD_MISSING", missing.join(", "), message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_in_files_and_all_is_all_of_them() {
        assert_eq!(ClearMissing::parse("all"), Ok(ClearMissing::All));
        let some = ClearMissing::parse("dob, account_details,tier").unwrap();
        assert!(
            some.has(Field::Dob) && some.has(Field::Iban) && some.has(Field::Tier) && !some.has(Field::Email)
        );
        for wrong in ["", "ref", "status", "nick", "dob,"] {
            let error = ClearMissing::parse(wrong).unwrap_err();
            assert!(error.contains("these are email, first_name"), "{wrong}: {error}");
        }
    }

    #[test]
    fn every_field_that_the_contract_clears_is_a_column_and_a_key() {
        let keys = Keys::replaced(&ClearMissing::These(Vec::new()));
        let expected = ProfileField::ALL.map(ProfileField::as_str);
        assert_eq!(keys.0, expected[1..]);
        let columns: Vec<_> = clearable().map(Field::name).collect();
        for key in keys.0.iter().filter(|key| **key != ACCOUNT) {
            assert!(columns.contains(key), "{key}");
        }
        assert_eq!(Keys::replaced(&ClearMissing::All), Keys::NONE);
    }
}
