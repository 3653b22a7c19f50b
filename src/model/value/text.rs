//! Texts with a rule: a value of one of these types is always valid.
//!
//! Each type has `parse` for input, and `from_stored` for texts that were parsed before they were stored.
//! Their `Debug` shows only the length, because most of them are personal.

use compact_str::CompactString;

use crate::model::limits::{
    BASE_NAME_MAX_CHARS, NAME_MAX_CHARS, REF_MAX_BYTES, REQUEST_ID_MAX_CHARS, TIER_MAX_CHARS,
    WORKER_ID_MAX_BYTES,
};
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::{Fault, Rule};
use crate::model::value::invisible::{is_stray, loses_nothing};

/// A text as a door has it: its own, or a part of a message. What is stored of a short one takes no
/// allocation, so a part of a message need not be copied before.
pub trait Given: AsRef<str> + Into<CompactString> + Into<String> {}

impl Given for String {}
impl Given for &str {}

/// Declares a text type. Its function checks the content, and may normalise it. With `given`, the function
/// takes any [`Given`] text and returns what is stored.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, given $read:expr) => {
        $crate::model::value::text::text_type!(@type $(#[$doc])* $name);

        impl $name {
            /// Parses a text by the rule.
            pub fn parse(text: impl Into<String>) -> Result<Self, $crate::model::refusal::violation::Rule> {
                let text: String = text.into();
                Self::given(text)
            }

            /// The same for a text that a door has.
            pub fn given<T: $crate::model::value::text::Given>(
                text: T,
            ) -> Result<Self, $crate::model::refusal::violation::Rule> {
                let read: fn(T) -> Result<::compact_str::CompactString, _> = $read;
                read(text).map(Self)
            }
        }
    };
    ($(#[$doc:meta])* $name:ident, $parse:expr) => {
        $crate::model::value::text::text_type!(@type $(#[$doc])* $name);

        impl $name {
            /// Parses a text by the rule.
            pub fn parse(text: impl Into<String>) -> Result<Self, $crate::model::refusal::violation::Rule> {
                let parse: fn(String) -> Result<String, $crate::model::refusal::violation::Rule> = $parse;
                parse(text.into()).map(|text| Self(text.into()))
            }
        }
    };
    (@type $(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(::compact_str::CompactString);

        impl $name {
            /// Takes a text that was parsed before it was stored, without checks.
            pub fn from_stored(text: impl Into<::compact_str::CompactString>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, by value.
            pub fn into_string(self) -> String {
                self.0.into_string()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }
    };
}
pub(in crate::model) use text_type;

text_type!(
    /// The caller's own key of a member: opaque, compared byte for byte, unique in its memberbase.
    Ref, given |text| opaque(Reason::RefInvalid, Limit::Bytes(REF_MAX_BYTES), text)
);
text_type!(
    /// The caller's payroll or staff number of a member, compared byte for byte, unique in its memberbase.
    WorkerId, given |text| opaque(Reason::WorkerIdInvalid, Limit::Bytes(WORKER_ID_MAX_BYTES), text)
);
text_type!(
    /// The name of a tier, without stray characters at its ends.
    Tier, given |text| bare(Reason::TierInvalid, Limit::Chars(TIER_MAX_CHARS), text)
);
text_type!(
    /// A first name, last name, role or company, without stray characters at its ends.
    Name, given |text| bare(Reason::NameInvalid, Limit::Chars(NAME_MAX_CHARS), text)
);
text_type!(
    /// The name of a memberbase, which need not be unique.
    BaseName, given |text| bare(Reason::NameInvalid, Limit::Chars(BASE_NAME_MAX_CHARS), text)
);

text_type!(
    /// A request id: 1 to 255 visible ASCII characters that the caller chose.
    RequestId, |text| {
        let text = checked(Reason::FieldInvalid, Limit::Bytes(REQUEST_ID_MAX_CHARS), text)?;
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(text)
        } else {
            Err(Rule::must_be(Reason::FieldInvalid, "visible ASCII characters"))
        }
    }
);

/// The maximum length of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::model) enum Limit {
    /// In bytes of UTF-8.
    Bytes(usize),
    /// In Unicode scalar values.
    Chars(usize),
}

impl Limit {
    /// The maximum length in bytes of UTF-8.
    pub(in crate::model) fn bytes(self) -> usize {
        match self {
            Self::Bytes(limit) => limit,
            Self::Chars(limit) => limit.saturating_mul(char::MAX.len_utf8()),
        }
    }
}

/// The stored form of a text that is compared byte for byte.
fn opaque<T: Given>(reason: Reason, limit: Limit, text: T) -> Result<CompactString, Rule> {
    check(reason, limit, text.as_ref()).map(|()| text.into())
}

/// The stored form of a text without stray characters at its ends.
fn bare<T: Given>(reason: Reason, limit: Limit, text: T) -> Result<CompactString, Rule> {
    if loses_nothing(text.as_ref()) {
        return opaque(reason, limit, text);
    }
    let bare = text.as_ref().trim_matches(is_stray);
    check(reason, limit, bare).map(|()| bare.into())
}

/// Returns `text` if it is not empty, is within its limit and has no control characters.
pub(in crate::model) fn checked(reason: Reason, limit: Limit, text: String) -> Result<String, Rule> {
    check(reason, limit, &text).map(|()| text)
}

/// Refuses `text` if it is empty, exceeds its limit or has a control character.
pub(in crate::model) fn check(reason: Reason, limit: Limit, text: &str) -> Result<(), Rule> {
    fault(limit, text).map_or(Ok(()), |fault| Err(Rule::new(reason, fault)))
}

fn fault(limit: Limit, text: &str) -> Option<Fault> {
    let control = || has_control_character(text).then_some(Fault::ControlCharacter);
    fault_of_length(limit, text).or_else(control)
}

/// Whether `text` may be a value as far as its length goes.
pub(in crate::model) fn is_within(limit: Limit, text: &str) -> bool {
    fault_of_length(limit, text).is_none()
}

fn fault_of_length(limit: Limit, text: &str) -> Option<Fault> {
    if text.is_empty() {
        return Some(Fault::Empty);
    }
    match limit {
        Limit::Bytes(limit) if text.len() > limit => {
            return Some(Fault::TooManyBytes { limit, actual: text.len() });
        }
        // A text has at most as many characters as bytes, so the characters of a short one need no counting.
        Limit::Chars(limit) if text.len() > limit => {
            let actual = text.chars().count();
            if actual > limit {
                return Some(Fault::TooManyChars { limit, actual });
            }
        }
        Limit::Bytes(_) | Limit::Chars(_) => {}
    }
    None
}

/// Whether it is clear at a glance that `text` has no character of the Unicode category Cc.
pub(crate) fn has_no_controls(text: &str) -> bool {
    // U+0080 to U+009F begin with C2 in UTF-8, as do some signs such as the degree. Without an early exit, so
    // that the compiler can check many bytes at once.
    !text.bytes().fold(false, |found, byte| found | byte.is_ascii_control() | (byte == 0xc2))
}

/// Whether `text` has a character of the Unicode category Cc.
pub(in crate::model) fn has_control_character(text: &str) -> bool {
    // Nearly no text has one, or a character that begins with C2, so nearly all are read once.
    if has_no_controls(text) {
        return false;
    }
    // Beyond ASCII these are U+0080 to U+009F, whose first byte in UTF-8 is C2.
    let mut pairs = text.bytes().zip(text.bytes().skip(1));
    text.bytes().any(|byte| byte.is_ascii_control())
        || pairs.any(|(first, second)| first == 0xc2 && second < 0xa0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_up_to_their_limits_are_accepted() {
        assert_eq!(Ref::parse("x".repeat(512)).unwrap().as_str().len(), 512);
        assert!(Ref::parse("é".repeat(256)).is_ok());
        assert!(WorkerId::parse("x".repeat(255)).is_ok());
        assert!(Tier::parse("金".repeat(64)).is_ok());
        assert!(Name::parse("é".repeat(256)).is_ok());
        assert!(BaseName::parse("é".repeat(256)).is_ok());
        assert!(RequestId::parse("~".repeat(255)).is_ok());
        for text in ["a b", " ", "ref/with:every@thing?", "日本語", "e\u{301}", "\u{feff}", "'; DROP TABLE"]
        {
            assert_eq!(Ref::parse(text).unwrap().into_string(), text);
        }
    }

    #[test]
    fn the_fault_of_a_text_is_named() {
        let fault = |rule: Rule| (rule.reason(), rule.describe());
        assert_eq!(fault(Ref::parse("").unwrap_err()), (Reason::RefInvalid, "must not be empty".to_owned()));
        assert_eq!(
            fault(Ref::parse("é".repeat(257)).unwrap_err()),
            (Reason::RefInvalid, "must be at most 512 bytes long, not 514".to_owned())
        );
        assert_eq!(
            fault(Tier::parse("金".repeat(65)).unwrap_err()),
            (Reason::TierInvalid, "must be at most 64 characters long, not 65".to_owned())
        );
        assert_eq!(
            fault(Name::parse("a\tb").unwrap_err()),
            (
                Reason::NameInvalid,
                "must not contain control characters, such as line breaks and tabs; use spaces instead"
                    .to_owned()
            )
        );
        assert_eq!(WorkerId::parse("x".repeat(256)).unwrap_err().reason(), Reason::WorkerIdInvalid);
        assert_eq!(BaseName::parse("x".repeat(257)).unwrap_err().reason(), Reason::NameInvalid);
    }

    #[test]
    fn names_and_tiers_lose_stray_characters_at_their_ends_and_refs_do_not() {
        let text = "\u{feff}\u{200b}Zoë\u{200d}M\u{ad}\u{fffd}";
        assert_eq!(Name::parse(text).unwrap().as_str(), "Zoë\u{200d}M");
        assert_eq!(Tier::parse(text).unwrap().as_str(), "Zoë\u{200d}M");
        assert_eq!(BaseName::parse(text).unwrap().as_str(), "Zoë\u{200d}M");
        assert_eq!(Ref::parse(text).unwrap().as_str(), text);
        assert_eq!(WorkerId::parse(text).unwrap().as_str(), text);
        assert_eq!(Name::parse("\u{200b}").unwrap_err().describe(), "must not be empty");
        assert!(Tier::parse(format!("{}\u{200b}", "金".repeat(64))).is_ok());
    }

    #[test]
    fn control_characters_are_refused_within_and_beyond_ascii() {
        for control in ["\0", "\n", "\r", "\t", "\u{1b}", "\u{7f}", "\u{80}", "\u{85}", "\u{9f}"] {
            for text in [control.to_owned(), format!("a{control}"), format!("é{control}日")] {
                assert!(Ref::parse(text.clone()).is_err(), "{text:?}");
                assert!(Name::parse(text.clone()).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_request_id_is_visible_ascii() {
        for text in ["", "a b", "é", "a\n", &"x".repeat(256)] {
            assert!(RequestId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_part_of_a_message_is_read_like_a_text_of_its_own() {
        let long = "x".repeat(600);
        for text in ["", "a", "\u{200b}a b\u{feff}", "a\tb", "é\u{85}", "20 °C", "\u{7f}", &long] {
            assert_eq!(Ref::given(text), Ref::parse(text), "{text:?}");
            assert_eq!(Name::given(text), Name::parse(text), "{text:?}");
            assert_eq!(Tier::given(text), Tier::parse(text), "{text:?}");
        }
        assert_eq!(Name::given("\u{200b}a b\u{feff}").unwrap().as_str(), "a b");
        assert_eq!(Ref::given("20 °C").unwrap().as_str(), "20 °C");
    }

    #[test]
    fn debug_never_shows_a_personal_text() {
        let shown = format!("{:?} {:?}", Ref::parse("secret").unwrap(), Name::parse("Zoë").unwrap());
        assert_eq!(shown, "Ref(6 bytes) Name(4 bytes)");
    }
}
