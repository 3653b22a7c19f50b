//! Checks that `--replace` clears no field that the file does not have.
//!
//! A replacement clears every field that a row does not set. So a list without a column, perhaps because its
//! author had no right to see that field, would clear the field of every member. Therefore a file for a
//! replacement must have every field. A CSV file without a column for each is rejected as a whole. A line of
//! NDJSON without a key for each is a failed row, because no line shows what other lines have. A field that
//! is present but empty, or null, is cleared. `--clear-missing` lists fields to clear although they are
//! missing.

use crate::cli::list::RowFailure;
use crate::lists::columns::Columns;
use crate::lists::{Field, RowAttributes};
use crate::model::{ProfileField, RawRow};

/// The name of the account in NDJSON and in the contract, and its columns in CSV.
const ACCOUNT: &str = "account_details";
const ACCOUNT_COLUMNS: [Field; 4] =
    [Field::AccountHolder, Field::SortCode, Field::AccountNumber, Field::Iban];
/// Fields that a row without them leaves unchanged.
const NEVER_CLEARED: [Field; 3] = [Field::Id, Field::Ref, Field::Status];
/// Stands for all fields; the default of `--clear-missing`.
pub const ALL_FIELDS: &str = "all";

/// Fields that a replacement may clear although the file does not have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearMissing {
    All,
    These(Vec<Field>),
}

impl ClearMissing {
    /// Parses `all`, or field names separated by commas.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == ALL_FIELDS {
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
                format!("{name:?} is not a field that --replace clears; these are {}", known.join(", "))
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

/// Rejects a header without all fields that a replacement would clear.
pub fn check(columns: &Columns, may: &ClearMissing) -> Result<(), String> {
    let is_missing = |field: &Field| !columns.has(*field) && !may.has(*field);
    let missing: Vec<_> = clearable().filter(is_missing).map(Field::name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (what, names) = (if missing.len() == 1 { "no column" } else { "no columns" }, missing.join(", "));
    let attributes = if columns.has_single_attributes() && missing.contains(&Field::Attributes.name()) {
        " (a column attributes.<key> sets only one attribute, and the others would be cleared)"
    } else {
        ""
    };
    Err(format!(
        "--replace clears the fields that a row leaves out, and the file has {what} {names}{attributes}: add \
         what is missing, leave out --replace to keep these fields of the members, or clear them with \
         --clear-missing={}",
        missing.join(",")
    ))
}

/// The keys that each line of NDJSON must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys(Vec<&'static str>);

impl Keys {
    /// For an import without `--replace`.
    pub const NONE: Self = Self(Vec::new());

    /// The keys that a replacement would clear.
    pub fn replaced(may: &ClearMissing) -> Self {
        let is_needed = |field: &ProfileField| match field {
            ProfileField::Ref => false,
            ProfileField::AccountDetails => !ACCOUNT_COLUMNS.iter().all(|column| may.has(*column)),
            field => !clearable().any(|known| known.name() == field.as_str() && may.has(known)),
        };
        Self(ProfileField::ALL.into_iter().filter(is_needed).map(ProfileField::as_str).collect())
    }

    /// Rejects a row without some of the keys. Keys in `clear_fields` count as present.
    pub fn check(&self, row: &RawRow<RowAttributes>) -> Result<(), RowFailure> {
        let is_named = |key: &&str| {
            row.clear_fields.iter().any(|name| name == key)
                || ProfileField::parse(key).is_some_and(|field| has(row, field))
        };
        let missing: Vec<_> = self.0.iter().copied().filter(|key| !is_named(key)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "--replace would clear the keys that the row does not have; add each of them, with null to clear \
             it, or give --clear-missing={}",
            missing.join(",")
        );
        Err(RowFailure::new("FIELD_MISSING", missing.join(", "), message))
    }
}

/// Whether the row has the key of a field, with a value or with null.
fn has(row: &RawRow<RowAttributes>, field: ProfileField) -> bool {
    let is_kept = match field {
        ProfileField::Ref => row.ref_.is_keep(),
        ProfileField::Email => row.email.is_keep(),
        ProfileField::FirstName => row.first_name.is_keep(),
        ProfileField::LastName => row.last_name.is_keep(),
        ProfileField::Phone => row.phone.is_keep(),
        ProfileField::WorkerId => row.worker_id.is_keep(),
        ProfileField::Tier => row.tier.is_keep(),
        ProfileField::Dob => row.dob.is_keep(),
        ProfileField::Gender => row.gender.is_keep(),
        ProfileField::Role => row.role.is_keep(),
        ProfileField::Company => row.company.is_keep(),
        ProfileField::EnablePayroll => row.enable_payroll.is_keep(),
        ProfileField::AccountDetails => row.account_details.is_keep(),
        ProfileField::Attributes => !row.attributes.is_whole,
    };
    !is_kept
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
