//! The separators in phone numbers and bank details.

/// Whether `character` may stand between digits without a meaning: spaces of all kinds, dots, hyphens, dashes
/// and slashes, in all forms that word processors and foreign keyboards produce, and the invisible marks that
/// are copied along with a number from an address book. Callers have refused control characters before.
pub(crate) fn is_separator(character: char) -> bool {
    match character {
        ' ' | '.' | '-' | '/' => true,
        _ if character.is_ascii() => false,
        // Soft hyphen, middle dot, marks of direction and of width.
        '\u{ad}' | '\u{b7}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => true,
        '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        // Hyphens and dashes, the one-dot leader, the fraction slash, the minus sign and the division slash.
        '\u{2010}'..='\u{2015}' | '\u{2024}' | '\u{2044}' | '\u{2212}' | '\u{2215}' => true,
        // The small and full-width forms of hyphen, full stop and solidus.
        '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{ff0e}' | '\u{ff0f}' => true,
        _ => character.is_whitespace(),
    }
}

/// Every separator, for tests of the documents that list them.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = char> {
    ('\0'..=char::MAX).filter(|character| !character.is_control() && is_separator(*character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_the_characters_without_a_meaning() {
        let all: Vec<char> = all().collect();
        for character in " .-/\u{a0}\u{202f}\u{2009}\u{3000}\u{2010}\u{2011}–—−⁄／".chars() {
            assert!(all.contains(&character), "{character:?}");
        }
        for character in "+0a()[],;:#*_'\u{fffd}０٠é".chars() {
            assert!(!all.contains(&character), "{character:?}");
        }
    }
}
