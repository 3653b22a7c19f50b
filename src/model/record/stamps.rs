//! Stamp collections: the stamps of members in loyalty programs.

use super::name::{ForeignText, random_id};
use crate::model::limits::STAMPS_MAX_AT_ONCE;
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;
use crate::model::value::time::Timestamp;

random_id!(
    /// The id of a stamp collection: `sc_` and 26 characters.
    StampCollectionId, "sc_"
);

/// The stamps of a member in one loyalty program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampCollection {
    /// Its id.
    pub id: StampCollectionId,
    /// The loyalty program.
    pub loyalty_program_id: ForeignText,
    /// The caller's own id; unique among the member's stamp collections.
    pub external_id: ForeignText,
    /// The number of stamps.
    pub stamps: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When stamps were last added.
    pub updated_at: Timestamp,
}

/// Parses the number of stamps that a caller adds.
pub fn parse_stamps(stamps: i64) -> Result<u64, Rule> {
    let stamps = u64::try_from(stamps).ok().filter(|stamps| (1..=STAMPS_MAX_AT_ONCE).contains(stamps));
    stamps.ok_or(Rule::must_be(Reason::FieldInvalid, "a whole number from 1 to 1000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_one_stamp_is_added_and_not_too_many() {
        assert_eq!(parse_stamps(1), Ok(1));
        assert_eq!(parse_stamps(1_000_000), Ok(1_000_000));
        for bad in [0, -1, 1_000_001, i64::MAX] {
            assert!(parse_stamps(bad).is_err(), "{bad}");
        }
    }
}
