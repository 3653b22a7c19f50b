//! Headers that say how much a request is meant to change.

use http::HeaderMap;

use super::header::{HeaderFault, single};
use crate::directory::Expected;
use crate::model::limits::SAFE_INTEGER_MAX;
use crate::model::{GuardKind, Reason, Rule};

/// What a call can be told to expect: a number, in a header of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// The number of changes of a kind that the guard counts.
    Changes(GuardKind),
    /// The number of members of the memberbase that it deletes.
    Members,
}

/// For calls that only remove members.
pub const REMOVALS: &[Expects] = &[Expects::Changes(GuardKind::Removals)];
/// For calls that write fields of members.
pub const FIELDS: &[Expects] = &[
    Expects::Changes(GuardKind::Identities),
    Expects::Changes(GuardKind::Clears),
    Expects::Changes(GuardKind::Reactivations),
    Expects::Changes(GuardKind::Tiers),
];
/// For calls that apply full lists.
pub const LISTS: &[Expects] = &[
    Expects::Changes(GuardKind::Removals),
    Expects::Changes(GuardKind::Identities),
    Expects::Changes(GuardKind::Clears),
    Expects::Changes(GuardKind::Reactivations),
    Expects::Changes(GuardKind::Tiers),
];
/// For calls that only write attributes.
pub const CLEARS: &[Expects] = &[Expects::Changes(GuardKind::Clears)];
/// For calls that delete a memberbase.
pub const MEMBERS: &[Expects] = &[Expects::Members];

impl Expects {
    /// The name of the header.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Changes(GuardKind::Removals) => "x-expect-removals",
            Self::Changes(GuardKind::Identities) => "x-expect-identities",
            Self::Changes(GuardKind::Clears) => "x-expect-clears",
            Self::Changes(GuardKind::Reactivations) => "x-expect-reactivations",
            Self::Changes(GuardKind::Tiers) => "x-expect-tiers",
            Self::Members => "x-expect-members",
        }
    }

    /// What the header is for.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Changes(GuardKind::Removals) => {
                "How many members the request is meant to remove. With a token with the access level `admin`, \
                 a request that removes exactly that many is not refused with `REMOVAL_GUARD`."
            }
            Self::Changes(
                GuardKind::Identities | GuardKind::Clears | GuardKind::Reactivations | GuardKind::Tiers,
            ) => {
                "How many changes of this kind the request is meant to make. With a token with the access \
                 level `admin`, a request that makes exactly that many is not refused with `CHANGE_GUARD` \
                 because of them."
            }
            Self::Members => {
                "How many members the memberbase has. Required if it has more than 10; otherwise the request \
                 is refused with `REMOVAL_GUARD`."
            }
        }
    }
}

/// Reads the headers of a call that can be told to expect this. A fault comes with the name of its header.
pub fn read(expects: &[Expects], headers: &HeaderMap) -> Result<Expected, (&'static str, HeaderFault)> {
    let mut expected = Expected::default();
    for expects in expects {
        let name = expects.header();
        let number = single(headers, name)
            .and_then(|text| text.map(|text| number(text).ok_or_else(fault)).transpose())
            .map_err(|fault| (name, fault))?;
        match expects {
            Expects::Changes(kind) => *expected.changes.get_mut(*kind) = number,
            Expects::Members => expected.members = number,
        }
    }
    Ok(expected)
}

/// A number that JSON can represent exactly, in digits alone.
pub fn number(text: &str) -> Option<u64> {
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= SAFE_INTEGER_MAX)
}

fn fault() -> HeaderFault {
    HeaderFault::Rule(Rule::must_be(Reason::FieldInvalid, "a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_in_digits_are_read() {
        for (text, expected) in
            [("0", Some(0)), ("12", Some(12)), ("9007199254740991", Some(SAFE_INTEGER_MAX))]
        {
            assert_eq!(number(text), expected);
        }
        for text in ["", "+1", "-1", "1.0", " 1", "9007199254740992", "99999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn each_header_is_read_for_calls_that_have_it() {
        let mut headers = HeaderMap::new();
        headers.insert("x-expect-clears", "12".parse().unwrap());
        headers.insert("x-expect-tiers", "3".parse().unwrap());
        let Ok(expected) = read(FIELDS, &headers) else { panic!() };
        assert_eq!((expected.changes.clears, expected.changes.tiers), (Some(12), Some(3)));
        let Ok(expected) = read(CLEARS, &headers) else { panic!() };
        assert_eq!((expected.changes.clears, expected.changes.tiers), (Some(12), None));
        headers.insert("x-expect-clears", "many".parse().unwrap());
        let Err((name, _)) = read(FIELDS, &headers) else { panic!() };
        assert_eq!(name, "x-expect-clears");
    }
}
