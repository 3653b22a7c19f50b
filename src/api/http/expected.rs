//! Headers that say how many members a request is meant to remove.

use http::HeaderMap;

use super::header::{HeaderFault, single};
use crate::directory::Expected;
use crate::model::limits::SAFE_INTEGER_MAX;
use crate::model::{Reason, Rule};

/// What a call can be told to expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// The number of members that it removes.
    Removals,
    /// The number of members of the memberbase that it deletes.
    Members,
}

impl Expects {
    /// The name of the header.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Removals => "x-expect-removals",
            Self::Members => "x-expect-members",
        }
    }

    /// What the header is for.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Removals => {
                "How many members the request is meant to remove. With a token with the access level `admin`, \
                 a request that removes exactly that many is not refused with `REMOVAL_GUARD`."
            }
            Self::Members => {
                "How many members the memberbase has. Required if it has more than 10; otherwise the request \
                 is refused with `REMOVAL_GUARD`."
            }
        }
    }

    /// Reads the header.
    pub fn read(self, headers: &HeaderMap) -> Result<Expected, HeaderFault> {
        let number =
            single(headers, self.header())?.map(|text| number(text).ok_or_else(fault)).transpose()?;
        Ok(match self {
            Self::Removals => Expected::removals(number),
            Self::Members => Expected::members(number),
        })
    }
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
}
