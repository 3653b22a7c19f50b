//! What a caller searches for.

use super::fold::each_word;
use super::token::{TokenRange, fields, ranges};
use crate::model::limits::{SEARCH_MAX_BYTES, SEARCH_MAX_WORDS};
use crate::model::membership::member::Profile;
use crate::model::refusal::error::Reason;
use crate::model::refusal::violation::Rule;

/// The words of a search: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// Folded, sorted, each once.
    words: Vec<String>,
}

impl SearchText {
    /// The words of `text`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let must_be = |what| Err(Rule::must_be(Reason::FieldInvalid, what));
        if text.len() > SEARCH_MAX_BYTES {
            return must_be("a text of at most 256 bytes");
        }
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.to_owned()));
        words.sort_unstable();
        words.dedup();
        match words.len() {
            0 => must_be("a text with a letter or a digit"),
            1..=SEARCH_MAX_WORDS => Ok(Self { words }),
            _ => must_be("a text of at most 16 words"),
        }
    }

    /// The folded words, sorted.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The tokens that a member has who matches: one of each range.
    pub fn ranges(&self) -> Vec<TokenRange> {
        ranges(&self.words)
    }

    /// Whether each word is the beginning of some word of a field that is searched. Adds the bytes that it
    /// read to `bytes`.
    pub fn matches(&self, profile: &Profile, bytes: &mut usize) -> bool {
        let mut missing: Vec<&str> = self.words.iter().map(String::as_str).collect();
        for text in fields(profile).into_iter().flatten() {
            *bytes += text.len();
            each_word(text, |word| missing.retain(|wanted| !word.starts_with(wanted)));
            if missing.is_empty() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Name, Ref};

    #[test]
    fn every_word_must_begin_some_word_of_some_field() {
        let profile = Profile {
            ref_: Some(Ref::from_stored("user_0042".to_owned())),
            first_name: Some(Name::from_stored("José María".to_owned())),
            company: Some(Name::from_stored("山田 GmbH".to_owned())),
            ..Profile::default()
        };
        for (text, expected) in [
            ("jos", true),
            ("JOSÉ", true),
            ("maria 004 gmb", true),
            ("ose", false),
            ("maria 042", false),
            ("山", true),
            ("田", false),
            ("josé josé", true),
        ] {
            let search = SearchText::parse(text).unwrap();
            assert_eq!(search.matches(&profile, &mut 0), expected, "{text}");
        }
    }

    #[test]
    fn a_search_without_words_or_with_too_many_is_refused() {
        for text in ["", "  ", "@-_", "\u{301}"] {
            assert!(SearchText::parse(text).is_err(), "{text}");
        }
        let words = |count: usize| (0..count).map(|word| format!("w{word} ")).collect::<String>();
        assert!(SearchText::parse(&words(SEARCH_MAX_WORDS)).is_ok());
        assert!(SearchText::parse(&words(SEARCH_MAX_WORDS + 1)).is_err());
        assert!(SearchText::parse(&"a".repeat(SEARCH_MAX_BYTES)).is_ok());
        assert!(SearchText::parse(&"a".repeat(SEARCH_MAX_BYTES + 1)).is_err());
    }
}
