//! Folding: when two addresses are equal.
//!
//! A store's e-mail lookups hold hashes of folded addresses. So every store has the version of its fold in
//! its metadata, and passes the fold along from there; nothing assumes one. A change of what a fold
//! returns for any address must be a new fold.

use std::borrow::Cow;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;

use super::domain;
use super::lower::lower;

/// A rule by which addresses are compared. Folding a folded address changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Version 1, for stores that were made with it: the lower case of each character by itself.
    Lower,
    /// Version 2: local parts by Unicode's canonical caseless match (normalised, case-folded in full,
    /// composed), so that composed and decomposed letters, `ß` and `SS`, `σ` and `ς` are equal; domains by
    /// their DNS form.
    Full,
}

impl Fold {
    /// The fold of new stores.
    pub const NEWEST: Self = Self::Full;

    /// The stored number.
    pub const fn version(self) -> u32 {
        match self {
            Self::Lower => 1,
            Self::Full => 2,
        }
    }

    /// The fold with this stored number.
    pub const fn from_version(version: u32) -> Option<Self> {
        match version {
            1 => Some(Self::Lower),
            2 => Some(Self::Full),
            _ => None,
        }
    }

    /// The folded form of `address`, or of a text that is compared with one. Borrowed if it is already
    /// folded.
    pub fn of(self, address: &str) -> Cow<'_, str> {
        if is_folded(address) {
            return Cow::Borrowed(address);
        }
        match self {
            Self::Lower => lower(address),
            Self::Full if domain::is_plain(address) => lower(address),
            Self::Full => Cow::Owned(full(address)),
        }
    }
}

/// Whether every rule leaves `address` as it is, as nearly all addresses: ASCII in lower case without
/// internationalised labels. Reads each byte once.
fn is_folded(address: &str) -> bool {
    let mut before = 0;
    address.bytes().fold(true, |is_folded, byte| {
        let is_label = byte == b'-' && before == b'-';
        before = byte;
        is_folded & byte.is_ascii() & !byte.is_ascii_uppercase() & !is_label
    })
}

fn full(address: &str) -> String {
    let Some((local, domain)) = address.rsplit_once('@') else { return caseless(address) };
    // A domain without a DNS form comes from an older store, or from a filter that matches nobody.
    let domain = domain::ascii(domain).map_or_else(|| caseless(domain), Cow::into_owned);
    format!("{}@{domain}", caseless(local))
}

/// Decomposes first, as the standard requires: an iota below a letter folds to a letter of its own, and
/// accents that stood before it must not end up behind it.
fn caseless(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposed: String = text.nfd().collect();
    UniCase::unicode(decomposed).to_folded_case().nfc().collect()
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use proptest::prelude::*;
    use siphasher::sip::SipHasher13;

    use super::*;
    use crate::model::value::invisible::is_stray;

    #[test]
    fn addresses_that_differ_in_case_fold_to_one() {
        for (text, lower, full) in [
            ("a@b.cd", "a@b.cd", "a@b.cd"),
            ("A.B@C.De", "a.b@c.de", "a.b@c.de"),
            ("A--B@C.De", "a--b@c.de", "a--b@c.de"),
            ("ZOË@example.com", "zoë@example.com", "zoë@example.com"),
            ("ZOE\u{308}@example.com", "zoe\u{308}@example.com", "zoë@example.com"),
            ("ΣΑΣ@example.com", "σασ@example.com", "σασ@example.com"),
            ("σας@example.com", "σας@example.com", "σασ@example.com"),
            ("İ@example.com", "i\u{307}@example.com", "i\u{307}@example.com"),
            ("Straße@example.com", "straße@example.com", "strasse@example.com"),
            ("STRASSE@example.com", "strasse@example.com", "strasse@example.com"),
            ("ẞ@example.com", "ß@example.com", "ss@example.com"),
            ("ﬁ@example.com", "ﬁ@example.com", "fi@example.com"),
            ("a@Bücher.example", "a@bücher.example", "a@xn--bcher-kva.example"),
            ("a@XN--bcher-kva.example", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
            ("a@straße.de", "a@straße.de", "a@xn--strae-oqa.de"),
            ("\"A@Б\"@C.De", "\"a@б\"@c.de", "\"a@б\"@c.de"),
            ("a@[127.0.0.1]", "a@[127.0.0.1]", "a@[127.0.0.1]"),
            // Earlier versions accepted these.
            ("A@-Example.com", "a@-example.com", "a@-example.com"),
            ("A@xn--zzzzzz-.com", "a@xn--zzzzzz-.com", "a@xn--zzzzzz-.com"),
        ] {
            assert_eq!(Fold::Lower.of(text), lower, "{text}");
            assert_eq!(Fold::Full.of(text), full, "{text}");
        }
        for fold in [Fold::Lower, Fold::Full] {
            assert!(matches!(fold.of("a@b.cd"), Cow::Borrowed(_)));
            assert_eq!(Fold::from_version(fold.version()), Some(fold));
        }
    }

    /// Stores hold hashes of folded addresses: if a change makes this test fail, make a new fold instead. The
    /// scripts here have been complete in Unicode for decades, so a newer compiler or crate alone does not
    /// make it fail.
    #[test]
    fn a_fold_never_changes() {
        let digest = |fold: Fold| {
            let mut hasher = SipHasher13::new();
            for (first, last) in
                [('\0', '\u{17f}'), ('\u{386}', '\u{3ce}'), ('\u{400}', '\u{45f}'), ('\u{531}', '\u{586}')]
            {
                let all: String = (first..=last).collect();
                hasher.write(fold.of(&all).as_bytes());
            }
            hasher.finish()
        };
        assert_eq!(digest(Fold::Lower), 2_139_402_859_379_874_531);
        assert_eq!(digest(Fold::Full), 13_618_038_135_010_069_637);
    }

    #[test]
    fn every_character_folds_like_its_upper_lower_and_decomposed_forms() {
        let has_forms = |character: &char| {
            let text = character.to_string();
            !is_stray(*character)
                && (text.to_uppercase() != text
                    || text.to_lowercase() != text
                    || !text.nfd().eq(text.chars()))
        };
        for character in ('\u{a0}'..=char::MAX).filter(has_forms) {
            let folded = |text: String| Fold::Full.of(&format!("{text}@example.com")).into_owned();
            let text = character.to_string();
            let one = folded(text.clone());
            assert_eq!(Fold::Full.of(&one), one, "{character:?}");
            assert_eq!(folded(text.nfd().collect()), one, "{character:?}");
            assert_eq!(folded(text.nfc().collect()), one, "{character:?}");
            // The dotless i and the dotted I are letters of their own, whose other case is the one of i.
            if !"ıİ".contains(character) {
                assert_eq!(folded(text.to_uppercase()), one, "{character:?}");
                assert_eq!(folded(text.to_lowercase()), one, "{character:?}");
            }
        }
    }

    /// Letters, and marks that combine with them.
    const MARKED: [char; 14] =
        ['a', 'A', 'o', 'ß', 'Σ', 'ς', 'α', 'ά', 'ᾳ', 'ᾼ', '\u{301}', '\u{308}', '\u{323}', '\u{345}'];

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in any::<String>(), domain in "[a-zA-Zßüñ.-]{0,12}") {
            for fold in [Fold::Lower, Fold::Full] {
                for text in [text.clone(), format!("{text}@{domain}")] {
                    let once = fold.of(&text).into_owned();
                    prop_assert_eq!(fold.of(&once), once.as_str());
                }
            }
        }

        #[test]
        fn marks_in_any_order_fold_alike(
            text in proptest::collection::vec(proptest::sample::select(MARKED.to_vec()), 0..8),
        ) {
            let text: String = text.into_iter().collect();
            let folded = |text: &str| Fold::Full.of(&format!("{text}@é.example")).into_owned();
            let one = folded(&text);
            prop_assert_eq!(folded(&text.nfd().collect::<String>()), one.clone());
            prop_assert_eq!(folded(&text.nfc().collect::<String>()), one.clone());
            prop_assert_eq!(Fold::Full.of(&one), one.as_str());
        }
    }
}
