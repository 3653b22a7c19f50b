//! Lines of NDJSON that every program takes for one line.

use std::borrow::Cow;

/// Characters at which some programs end a line, though JSON allows them in texts: Python's `str.splitlines`,
/// for one, splits there.
const BREAKS: [(char, &str); 3] = [('\u{85}', "\\u0085"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

/// The same JSON as one line for every program: the characters in question are escaped. JSON has them only in
/// texts, so it says the same.
#[must_use]
pub fn one_line(json: &str) -> Cow<'_, str> {
    let mut line = Cow::Borrowed(json);
    for (character, escaped) in BREAKS {
        if line.contains(character) {
            line = Cow::Owned(line.replace(character, escaped));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_line_says_the_same_and_has_no_character_that_ends_lines() {
        let value = json!({ "a\u{2028}b": ["\u{85}\u{2029}", "\r\n\u{b}\u{c}\u{1c}\u{1d}\u{1e}", "é"] });
        let json = value.to_string();
        let line = one_line(&json);
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        let breaks =
            ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
        assert!(!line.contains(breaks), "{line:?}");
        assert_eq!(one_line("{\"a\":\"é\"}"), "{\"a\":\"é\"}");
    }
}
