//! Tokens: the first four characters of a folded word, in 24 bits.
//!
//! Each character has a class in 6 bits: 0 after the end of the word, 1 to 10 for the digits `0` to `9`, 11
//! to 36 for the letters `a` to `z`, and one of 37 to 63 for any other character, which others share. So the
//! words that begin with the same one, two or three characters have tokens next to each other.

use std::sync::LazyLock;

use super::fold::{CHINESE, FOLDED_IN_TABLE, Folded, each_word, folded};
use crate::model::membership::member::Profile;
use crate::model::row::patch::MemberPatch;

/// The version of folding, words and tokens. Search sets of another version are built again.
pub const SEARCH_VERSION: u8 = 2;

/// The characters that a token stands for.
const CHARACTERS: u32 = 4;
const CLASS_BITS: u32 = 6;
/// The classes of characters that are neither digits nor letters of ASCII.
const OTHERS: std::ops::Range<u32> = 37..64;

/// A token.
pub type Token = u32;

/// The words that begin with some characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenRange {
    /// Their first token.
    pub first: Token,
    /// Their last token.
    pub last: Token,
    /// Whether no other words have these tokens.
    pub is_exact: bool,
}

impl TokenRange {
    /// The tokens of words that begin with the folded characters of `word`.
    fn of(word: &str) -> Self {
        let (mut first, mut last) = (0, 0);
        let mut is_exact = true;
        let mut characters = word.chars();
        for place in (0..CHARACTERS).rev().map(|place| place * CLASS_BITS) {
            let character = characters.next();
            let class = character.map(class);
            is_exact &= class.is_none_or(|class| class < OTHERS.start);
            first |= class.unwrap_or(0) << place;
            last |= class.unwrap_or((1 << CLASS_BITS) - 1) << place;
        }
        Self { first, last, is_exact: is_exact && characters.next().is_none() }
    }

    /// Whether the token is one of these.
    #[must_use]
    pub fn contains(&self, token: Token) -> bool {
        (self.first..=self.last).contains(&token)
    }
}

/// The token of a folded word.
fn of_word(word: &str) -> Token {
    TokenRange::of(word).first
}

fn class(character: char) -> u32 {
    match character {
        '0'..='9' => u32::from(character) - u32::from('0') + 1,
        'a'..='z' => u32::from(character) - u32::from('a') + 11,
        _ => other(character.into()),
    }
}

/// The class of the character with this number, which is neither a digit nor a letter of ASCII.
fn other(number: u32) -> u32 {
    OTHERS.start + number % (OTHERS.end - OTHERS.start)
}

/// The tokens of the words of a search, each once.
pub(super) fn ranges(words: &[String]) -> Vec<TokenRange> {
    let mut ranges: Vec<TokenRange> = words.iter().map(|word| TokenRange::of(word)).collect();
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}

/// The tokens of words that every text has that begins with `text`, byte for byte. Words are used only up to
/// their first character that is not of ASCII, because what follows may change how it is folded.
#[must_use]
pub fn word_ranges(text: &str) -> Vec<TokenRange> {
    let mut words = Vec::new();
    each_word(text, |word| {
        let end = word.find(|c: char| !c.is_ascii()).unwrap_or(word.len());
        words.extend(word.get(..end).filter(|word| !word.is_empty()).map(str::to_owned));
    });
    ranges(&words)
}

/// Adds the tokens of all words of a profile, in no order, some more than once.
pub fn push_tokens(profile: &Profile, into: &mut Vec<Token>) {
    fields(profile).into_iter().flatten().for_each(|text| of_text(text, into));
}

/// The same for the profile of a new member that this patch makes.
pub fn push_tokens_of_new(patch: &MemberPatch, into: &mut Vec<Token>) {
    fields_of_new(patch).into_iter().flatten().for_each(|text| of_text(text, into));
}

/// Whether both profiles have the same texts in the fields that are searched.
#[must_use]
pub fn same_words(one: &Profile, other: &Profile) -> bool {
    fields(one) == fields(other)
}

/// The fields that are searched.
pub(super) fn fields(profile: &Profile) -> [Option<&str>; 7] {
    [
        profile.ref_.as_ref().map(AsRef::as_ref),
        profile.email.as_ref().map(AsRef::as_ref),
        profile.first_name.as_ref().map(AsRef::as_ref),
        profile.last_name.as_ref().map(AsRef::as_ref),
        profile.worker_id.as_ref().map(AsRef::as_ref),
        profile.role.as_ref().map(AsRef::as_ref),
        profile.company.as_ref().map(AsRef::as_ref),
    ]
}

/// The same fields of a new member that a patch makes.
fn fields_of_new(patch: &MemberPatch) -> [Option<&str>; 7] {
    [
        patch.ref_.as_set().map(AsRef::as_ref),
        patch.email.as_set().map(AsRef::as_ref),
        patch.first_name.as_set().map(AsRef::as_ref),
        patch.last_name.as_set().map(AsRef::as_ref),
        patch.worker_id.as_set().map(AsRef::as_ref),
        patch.role.as_set().map(AsRef::as_ref),
        patch.company.as_set().map(AsRef::as_ref),
    ]
}

/// Adds the tokens of the words of a text.
fn of_text(text: &str, into: &mut Vec<Token>) {
    if text.is_ascii() {
        return of_ascii(text, into);
    }
    let before = into.len();
    if !of_numbers(text.chars().map(u32::from), into) {
        into.truncate(before);
        each_word(text, |word| into.push(of_word(word)));
    }
}

/// The same for a text of ASCII, whose characters are all folded on their own.
fn of_ascii(text: &str, into: &mut Vec<Token>) {
    let classes: &[u8; 256] = &ASCII;
    let (mut token, mut used) = (0, 0);
    for byte in text.bytes() {
        let class = classes.get(usize::from(byte)).copied().unwrap_or_default();
        if class > 0 {
            // After four characters the shift leaves nothing of a class, so that no branch is needed.
            token |= (u32::from(class) << ((CHARACTERS - 1) * CLASS_BITS)) >> used;
            used = (used + CLASS_BITS).min(CHARACTERS * CLASS_BITS);
        } else if used > 0 {
            into.push(token);
            (token, used) = (0, 0);
        }
    }
    if used > 0 {
        into.push(token);
    }
}

/// The classes of the characters of ASCII; 0 for those between words, and for all other bytes.
static ASCII: LazyLock<[u8; 256]> = LazyLock::new(|| {
    std::array::from_fn(|number| match u32::try_from(number).map(mark) {
        Ok(Mark::Class(class)) if number < 0x80 => class,
        _ => 0,
    })
});

/// The same for the numbers of the characters, without a copy of the text. Returns `false` if a character is
/// not folded on its own; then some tokens are missing.
fn of_numbers(characters: impl Iterator<Item = u32>, into: &mut Vec<Token>) -> bool {
    let marks = MARKS.as_slice();
    let (mut token, mut place) = (0, CHARACTERS);
    for number in characters {
        match usize::try_from(number).ok().and_then(|number| marks.get(number)).copied() {
            Some(Mark::Class(class)) if place > 0 => {
                place -= 1;
                token |= u32::from(class) << (place * CLASS_BITS);
            }
            Some(Mark::Class(_) | Mark::Nothing) => {}
            Some(Mark::Separator) => {
                if token > 0 {
                    into.push(token);
                }
                (token, place) = (0, CHARACTERS);
            }
            None if CHINESE.contains(&number) => {
                if place > 0 {
                    place -= 1;
                    token |= other(number) << (place * CLASS_BITS);
                }
            }
            Some(Mark::Unknown) | None => return false,
        }
    }
    if token > 0 {
        into.push(token);
    }
    true
}

/// What a character adds to the tokens of a text.
#[derive(Debug, Clone, Copy)]
enum Mark {
    /// It belongs to a word, and has this class.
    Class(u8),
    /// It is between words.
    Separator,
    /// It is left out.
    Nothing,
    /// That is not known without the characters around it.
    Unknown,
}

/// The marks of the characters whose folded forms are in a table.
static MARKS: LazyLock<Vec<Mark>> = LazyLock::new(|| (0..FOLDED_IN_TABLE).map(mark).collect());

fn mark(number: u32) -> Mark {
    match char::from_u32(number).map_or(Folded::Unknown, folded) {
        Folded::One(one) if one.is_alphanumeric() => {
            u8::try_from(class(one)).map_or(Mark::Unknown, Mark::Class)
        }
        Folded::One(_) => Mark::Separator,
        Folded::Nothing => Mark::Nothing,
        Folded::Unknown => Mark::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_have_their_golden_values() {
        for (text, expected) in [
            ("a", &[11 << 18][..]),
            ("Ana 0", &[11 << 18 | 24 << 12 | 11 << 6, 1 << 18]),
            ("z9", &[36 << 18 | 10 << 12]),
            ("anabel", &[11 << 18 | 24 << 12 | 11 << 6 | 12]),
            ("é", &[15 << 18]),
            // U+5C71 is 23665, and 23665 % 27 is 13.
            ("山", &[50 << 18]),
        ] {
            let mut tokens = Vec::new();
            of_text(text, &mut tokens);
            assert_eq!(tokens, expected, "{text}");
        }
    }

    #[test]
    fn only_short_words_of_ascii_are_exact() {
        for (word, is_exact) in
            [("a", true), ("an", true), ("ana", true), ("anab", true), ("anabe", false), ("яна", false)]
        {
            assert_eq!(TokenRange::of(word).is_exact, is_exact, "{word}");
        }
    }

    #[test]
    fn characters_of_ascii_have_the_classes_of_their_folded_forms() {
        for (number, class) in (0..0x80).zip(&ASCII[..0x80]) {
            let expected = match mark(number) {
                Mark::Class(class) => Some(class),
                Mark::Separator => Some(0),
                Mark::Nothing | Mark::Unknown => None,
            };
            assert_eq!(Some(*class), expected, "{number}");
        }
        assert_eq!(ASCII[0x80..], [0; 0x80]);
        let mut tokens = Vec::new();
        of_ascii("_ABCDE-f. 09x@", &mut tokens);
        let expected = ["abcd", "f", "09x"].map(of_word);
        assert_eq!(tokens, expected);
    }

    proptest! {
        #[test]
        fn the_tokens_of_a_beginning_include_those_of_the_word(
            word in "[a-z0-9яñ山]{1,6}",
            length in 1_usize..7,
        ) {
            let beginning: String = word.chars().take(length).collect();
            let mut folded = (Vec::new(), Vec::new());
            each_word(&word, |word| folded.0.push(word.to_owned()));
            each_word(&beginning, |word| folded.1.push(word.to_owned()));
            prop_assert!(TokenRange::of(&folded.1[0]).contains(of_word(&folded.0[0])));
        }

        #[test]
        fn a_text_has_the_tokens_of_every_text_that_it_begins_with(
            text in "[a-zé _.\u{301}\u{3099}か]{0,12}",
            end in 0_usize..12,
        ) {
            let beginning: String = text.chars().take(end).collect();
            let mut tokens = Vec::new();
            of_text(&text, &mut tokens);
            for range in word_ranges(&beginning) {
                prop_assert!(tokens.iter().any(|token| range.contains(*token)), "{:?}", range);
            }
        }

        #[test]
        fn texts_have_the_tokens_of_their_words(text in "[ -~éŁΩйЁ\u{301}\u{5b0}山か½]{0,20}") {
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            of_text(&text, &mut fast);
            each_word(&text, |word| slow.push(of_word(word)));
            prop_assert_eq!(fast, slow);
        }
    }
}
