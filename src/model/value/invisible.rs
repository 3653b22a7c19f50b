//! Invisible characters, which no one types on purpose.
//!
//! The categories come from `unicode-properties`. A test checks that its Unicode version is not ahead of that
//! of `unicode-normalization`. So every character that this module accepts is assigned there too, and Unicode
//! promises that the normal form of an assigned character never changes. The version of the crate that folds
//! case is not checked.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// Whether `character` is a format, private-use or unassigned character (categories Cf, Co and Cn), or the
/// replacement for a lost one (U+FFFD).
pub(in crate::model) fn is_stray(character: char) -> bool {
    // Most letters of names are in these ranges, and the table is slow.
    match character {
        '\0'..='\u{377}' => return character == '\u{ad}',
        '\u{3a3}'..='\u{52f}' | '\u{620}'..='\u{64a}' => return false,
        '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => return false,
        _ => {}
    }
    character == char::REPLACEMENT_CHARACTER || is_of_a_stray_category(character)
}

fn is_of_a_stray_category(character: char) -> bool {
    use GeneralCategory::{Format, PrivateUse, Unassigned};
    matches!(character.general_category(), Format | PrivateUse | Unassigned)
}

/// Whether `character` is stray, or a letter, mark or symbol that shows nothing: a filler, variation
/// selector, grapheme joiner or Braille blank.
pub(in crate::model) fn is_invisible(character: char) -> bool {
    match character {
        _ if character.is_ascii() => false,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => true,
        '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}' => true,
        _ => is_stray(character),
    }
}

/// The first character of a key that looks like another one or like nothing: invisible, or a space other than
/// the one of ASCII.
pub(crate) fn hidden_in(key: &str) -> Option<char> {
    if key.is_ascii() {
        return None;
    }
    key.chars()
        .find(|character| is_invisible(*character) || (!character.is_ascii() && character.is_whitespace()))
}

/// `text` without stray characters at its ends. Inside a text they stay, because they may join letters or be
/// part of a flag.
pub(in crate::model) fn trimmed(text: String) -> String {
    if loses_nothing(&text) { text } else { text.trim_matches(is_stray).to_owned() }
}

/// Whether `text` has no stray characters at its ends.
pub(in crate::model) fn loses_nothing(text: &str) -> bool {
    let is_plain = |end: Option<&u8>| end.is_none_or(u8::is_ascii);
    let ends = || [text.chars().next(), text.chars().next_back()].into_iter().flatten();
    (is_plain(text.as_bytes().first()) && is_plain(text.as_bytes().last())) || !ends().any(is_stray)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_characters_are_those_of_their_categories() {
        let formats = "\u{ad}\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\u{2060}\u{feff}\u{e0001}";
        let others = "\u{fffd}\u{e000}\u{f8ff}\u{378}\u{fdd0}\u{ffff}\u{10ffff}";
        for character in formats.chars().chain(others.chars()) {
            assert!(is_stray(character) && is_invisible(character), "{character:?}");
        }
        for character in " aé\u{301}ßΣ日本😀\u{a0}\u{b7}".chars() {
            assert!(!is_stray(character) && !is_invisible(character), "{character:?}");
        }
        for character in "\u{34f}\u{3164}\u{fe0f}\u{2800}\u{e0100}".chars() {
            assert!(!is_stray(character) && is_invisible(character), "{character:?}");
        }
    }

    #[test]
    fn ranges_that_skip_the_table_agree_with_it() {
        for character in '\0'..=char::MAX {
            let is_lost = character == char::REPLACEMENT_CHARACTER;
            assert_eq!(is_stray(character), is_lost || is_of_a_stray_category(character), "{character:?}");
        }
    }

    #[test]
    fn a_text_loses_stray_characters_at_its_ends_only() {
        for (text, kept) in [
            ("\u{feff}Zoë\u{200b}\u{200b}", "Zoë"),
            ("\u{202a}Zoë Müller\u{202c}", "Zoë Müller"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("Gold ❤\u{fe0f}", "Gold ❤\u{fe0f}"),
            ("\u{ad}\u{200b}", ""),
            (" Zoë ", " Zoë "),
        ] {
            assert_eq!(trimmed(text.to_owned()), kept, "{text:?}");
        }
    }

    /// A fold never changes only for characters that are assigned in the crate that folds, too.
    #[test]
    fn no_crate_that_folds_is_behind_the_categories() {
        let (major, minor, patch) = unicode_properties::UNICODE_VERSION;
        let normalization = unicode_normalization::UNICODE_VERSION;
        assert!(
            (major, minor, patch) <= (normalization.0.into(), normalization.1.into(), normalization.2.into())
        );
    }
}
