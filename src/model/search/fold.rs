//! Folded words of a text.

use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// What a character becomes, where that does not depend on the characters around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// One character, which is no mark.
    One(char),
    /// Nothing: it is an accent.
    Nothing,
    /// It may depend on others, or it becomes several characters.
    Unknown,
}

/// Characters below this number have their folded forms in a table: those of most scripts, but not of East
/// Asia.
pub(super) const FOLDED_IN_TABLE: u32 = 0x2000;
/// Chinese characters. They stay as they are, and belong to words.
pub(super) const CHINESE: Range<u32> = 0x4e00..0xa000;

static FOLDED: LazyLock<Vec<Folded>> = LazyLock::new(|| {
    (0..FOLDED_IN_TABLE).map(|number| char::from_u32(number).map_or(Folded::Unknown, alone)).collect()
});

/// What a character becomes. Cheap, unlike [`whole`].
pub(super) fn folded(character: char) -> Folded {
    match u32::from(character) {
        0..0x80 => Folded::One(character.to_ascii_lowercase()),
        number if CHINESE.contains(&number) => Folded::One(character),
        number => usize::try_from(number)
            .ok()
            .and_then(|place| FOLDED.get(place))
            .copied()
            .unwrap_or(Folded::Unknown),
    }
}

/// Calls `each` with every word of `text`, folded.
pub fn each_word(text: &str, mut each: impl FnMut(&str)) {
    let folded = if text.is_ascii() { text.to_ascii_lowercase() } else { fold(text) };
    let mut rest = folded.as_str();
    while let Some(start) = rest.find(char::is_alphanumeric) {
        let (_, word) = rest.split_at(start);
        let end = word.find(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        each(word);
        rest = after;
    }
}

fn fold(text: &str) -> String {
    let mut whole_text = String::with_capacity(text.len());
    for character in text.chars() {
        match folded(character) {
            Folded::One(one) => whole_text.push(one),
            Folded::Nothing => {}
            Folded::Unknown => return whole(text),
        }
    }
    whole_text
}

/// The folded text, as it is defined.
fn whole(text: &str) -> String {
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let lower = text.nfkd().filter(|c| !is_accent(c)).flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// What a character becomes, wherever it stands. Only marks change their order, and those that are left out
/// do not change the order of others.
fn alone(character: char) -> Folded {
    let folded = whole(character.encode_utf8(&mut [0; 4]));
    let mut characters = folded.chars();
    match (characters.next(), characters.next()) {
        (None, _) => Folded::Nothing,
        (Some(one), None) if canonical_combining_class(one) == 0 && !is_combining_mark(one) => {
            Folded::One(one)
        }
        _ => Folded::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.to_owned()));
        words
    }

    #[test]
    fn words_are_folded_as_documented() {
        for (text, expected) in [
            ("", &[][..]),
            ("  -- @", &[]),
            ("ana.maria@Example.COM", &["ana", "maria", "example", "com"]),
            ("user_000123", &["user", "000123"]),
            ("O'Brien", &["o", "brien"]),
            ("José", &["jose"]),
            ("Jose\u{301}", &["jose"]),
            ("Łódź", &["łodz"]),
            ("ＡＢＣ１", &["abc1"]),
            ("İstanbul", &["istanbul"]),
            ("ΟΔΥΣΣΕΥΣ Οδυσσεύς", &["οδυσσευσ", "οδυσσευσ"]),
            ("Андрей Ёлкин", &["андреи", "елкин"]),
            ("山田太郎", &["山田太郎"]),
            ("山田　太郎", &["山田", "太郎"]),
            ("हिन्दी", &["हिन्दी"]),
            ("\u{94d}a", &["a"]),
            ("ﬁne", &["fine"]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        // Both forms of a syllable, composed or not, are equal.
        assert_eq!(words("김"), words("\u{1100}\u{1175}\u{11b7}"));
    }

    #[test]
    fn each_character_becomes_what_the_definition_says() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let known = folded(character);
            assert!(known == Folded::Unknown || known == alone(character), "{character:?}");
            // An accent that follows is left out, and a mark that follows stays.
            if let Folded::One(one) = known {
                let expected = format!("{one}\u{3099}");
                assert_eq!(whole(&format!("{character}\u{301}\u{3099}")), expected, "{character:?}");
            }
            assert!(!CHINESE.contains(&character.into()) || character.is_alphanumeric(), "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_folded_as_defined(text in "[a-zÀ-žΆ-ώЀ-џ\u{300}-\u{36f}\u{5b0}が\u{3099}山ﬁ김]{0,12}") {
            prop_assert_eq!(fold(&text), whole(&text));
        }

        #[test]
        fn any_text_is_folded_as_defined(text in any::<String>()) {
            prop_assert_eq!(fold(&text), whole(&text));
        }
    }
}
