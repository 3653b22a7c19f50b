//! What people and their programs put between the digits of phone numbers and bank details.

/// Whether `character` may stand between digits without meaning anything: spaces of all kinds, dots, hyphens, dashes and
/// slashes, in the forms that word processors and foreign keyboards give them, and the invisible marks that come along
/// when a number is copied from an address book. Control characters never come here.
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

/// Every character that is a separator, for what is written about them elsewhere.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = char> {
    ('\0'..=char::MAX).filter(|character| !character.is_control() && is_separator(*character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_the_characters_that_say_nothing() {
        let all: Vec<char> = all().collect();
        for character in " .-/\u{a0}\u{202f}\u{2009}\u{3000}\u{2010}\u{2011}–—−⁄／".chars() {
            assert!(all.contains(&character), "{character:?}");
        }
        for character in "+0a()[],;:#*_'\u{fffd}０٠é".chars() {
            assert!(!all.contains(&character), "{character:?}");
        }
    }
}
