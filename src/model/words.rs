//! Words for counts, and suggestions for misspelt words.

use std::fmt::Display;

/// The longest word that gets a suggestion, in bytes. Longer ones are not misspelt known words, and the time
/// of a comparison is the product of the lengths.
const WORD_MAX_BYTES: usize = 64;

/// `1 member`, `2 members`.
pub fn count<N: Display + PartialEq + From<u8>>(number: N, one: &str) -> String {
    let is_one = number == N::from(1);
    format!("{number} {one}{}", if is_one { "" } else { "s" })
}

/// The number with the words for one or for many: `1 member has`, `2 members have`.
pub fn some<N: Display + PartialEq + From<u8>>(number: N, [one, many]: [&str; 2]) -> String {
    let words = if number == N::from(1) { one } else { many };
    format!("{number} {words}")
}

/// The word among `known` that the author of `word` probably meant: it differs by a letter or two, or only in
/// case and in the characters between its parts (`firstName`, `first-name`).
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_MAX_BYTES {
        return None;
    }
    let wanted = letters(word);
    let most = (wanted.chars().count() / 3).clamp(1, 2);
    let is_near = |known: &&str| known.len().abs_diff(word.len()) <= most + 2;
    let near = known.into_iter().filter(is_near).map(|known| {
        let is_plain = wanted.is_ascii();
        // A pair of letters in the wrong order is one difference.
        let distance = if is_plain { strsim::osa_distance(&wanted, &letters(known)) } else { usize::MAX };
        (distance, known)
    });
    near.filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// `; did you mean …?`, if there is one.
pub fn did_you_mean(nearest: Option<impl Display>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

/// A word in lower case, without hyphens and underscores.
fn letters(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::{count, did_you_mean, nearest, some};

    #[test]
    fn a_word_that_is_nearly_another_is_recognised() {
        let known = ["tls-cert", "tls-key", "memory", "first_name", "tier", "role"];
        for (word, meant) in [
            ("tsl-cert", Some("tls-cert")),
            ("memroy", Some("memory")),
            ("Tier", Some("tier")),
            ("firstName", Some("first_name")),
            ("first-name", Some("first_name")),
            ("tiers", Some("tier")),
            ("colour", None),
            ("", None),
            ("r", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"tier".repeat(20), known), None);
        assert_eq!(did_you_mean(nearest("Tier", known)), "; did you mean tier?");
        assert_eq!(did_you_mean(nearest("colour", known)), "");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!(
            [0_u64, 1, 2].map(|number| count(number, "member")),
            ["0 members", "1 member", "2 members"]
        );
        assert_eq!(count(1_usize, "row"), "1 row");
        assert_eq!(
            [0_u64, 1, 2].map(|number| some(number, ["row fails", "rows fail"])),
            ["0 rows fail", "1 row fails", "2 rows fail"]
        );
    }
}
