//! Imports that can be interrupted and resumed.

use std::fmt;

use crate::model::id::{read_random, write_random};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;

/// The length of a UUID in characters, and the places of its hyphens.
const UUID_CHARS: usize = 36;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The id of an import, from its first stream to its last: 128 random bits from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportId(pub u128);

impl ImportId {
    /// Parses an id: a UUID, or 26 characters like those in the ids of this service. Case makes no
    /// difference.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let number = if text.len() == UUID_CHARS { uuid(text) } else { read_random("", text).ok() };
        let refused =
            || Rule::must_be(Reason::FieldInvalid, "a UUID, or 26 digits and letters, except i, l, o and u");
        number.map(Self).ok_or_else(refused)
    }
}

impl fmt::Display for ImportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write_random("", self.0))
    }
}

fn uuid(text: &str) -> Option<u128> {
    let mut number = 0;
    for (place, char) in text.chars().enumerate() {
        if HYPHENS.contains(&place) {
            if char != '-' {
                return None;
            }
        } else {
            number = number << 4 | u128::from(char.to_digit(16)?);
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_or_26_characters() {
        let id = ImportId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        for text in ["01234567-89ab-cdef-0123-456789abcdef", "01234567-89AB-CDEF-0123-456789ABCDEF"] {
            assert_eq!(ImportId::parse(text), Ok(id), "{text}");
        }
        assert_eq!(id.to_string(), "014d2pf2dbsqqg28t5cy4tqkff");
        crate::stored::documented::assert_text_documented(&id.to_string());
        assert_eq!(ImportId::parse(&id.to_string()), Ok(id));
        assert_eq!(ImportId::parse(&id.to_string().to_ascii_uppercase()), Ok(id));
    }

    #[test]
    fn other_texts_are_refused_with_the_rule() {
        for text in [
            "",
            "1",
            "0123456789abcdef0123456789abcdef",
            "01234567-89ab-cdef-0123-456789abcdeg",
            "0123456-789ab-cdef-0123-456789abcdef",
            "01234567-89ab-cdef-0123-456789abcd\u{e9}",
            "814d2pf2dbsqqg28t5cy4tqkff",
            "014d2pf2dbsqqg28t5cy4tqkfu",
        ] {
            let rule = ImportId::parse(text).unwrap_err();
            assert!(rule.describe().starts_with("must be a UUID, or 26 "), "{text}: {}", rule.describe());
        }
    }
}
