//! The name of an audience.

use crate::model::limits::AUDIENCE_NAME_MAX_CHARS;
use crate::model::refusal::error::Reason;
use crate::model::value::invisible::is_stray;
use crate::model::value::text::{Limit, checked, text_type};

text_type!(
    /// The name of an audience, without white space and stray characters at its ends. Names are compared byte
    /// for byte.
    AudienceName, |text| {
        let text = text.trim_matches(|end: char| end.is_whitespace() || is_stray(end));
        checked(Reason::NameInvalid, Limit::Chars(AUDIENCE_NAME_MAX_CHARS), text.to_owned())
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_128_characters_after_trimming() {
        assert_eq!(AudienceName::parse("  New \u{200b}\u{a0}").unwrap().as_str(), "New");
        assert_eq!(AudienceName::parse("日".repeat(128)).unwrap().as_str().chars().count(), 128);
        for (text, rule) in [
            ("", "must not be empty"),
            (" \u{a0} ", "must not be empty"),
            (&"x".repeat(129), "must be at most 128 characters long, not 129"),
        ] {
            let fault = AudienceName::parse(text).unwrap_err();
            assert_eq!((fault.reason(), fault.describe().as_str()), (Reason::NameInvalid, rule));
        }
        assert!(AudienceName::parse("a\nb").is_err());
        assert_ne!(AudienceName::parse("vip").unwrap(), AudienceName::parse("VIP").unwrap());
    }
}
