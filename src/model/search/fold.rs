//! Folded words of a text.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

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
    let is_accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let lower = text.nfkd().filter(|c| !is_accent(c)).flat_map(char::to_lowercase);
    lower.map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
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
}
