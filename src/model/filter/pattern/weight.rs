//! The weight of a regular expression: how many of its states can be active at once.
//!
//! The weight is the number of characters, classes and choices, counting repeated ones as often as they may
//! repeat: `a{1,500}!` has 501 characters and 499 choices. A search has at most this many active states, so
//! **a byte of text takes at most this many steps**, even for a hostile text. Without counted repetitions the
//! weight is at most the length of the expression.

use regex_syntax::hir::{Hir, HirKind};

/// The weight of an expression.
pub fn of(expression: &Hir) -> u64 {
    match expression.kind() {
        HirKind::Empty => 0,
        HirKind::Literal(literal) => characters(&literal.0),
        HirKind::Class(_) | HirKind::Look(_) => 1,
        HirKind::Repetition(repetition) => {
            let (min, each) = (u64::from(repetition.min), of(&repetition.sub));
            // Without an upper limit the last copy repeats.
            let times = repetition.max.map_or(min.max(1), u64::from);
            let choices = times.saturating_sub(min).max(u64::from(repetition.max.is_none()));
            each.saturating_mul(times).saturating_add(choices)
        }
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(of).fold(0, u64::saturating_add),
        HirKind::Alternation(parts) => {
            let choices = u64::try_from(parts.len().saturating_sub(1)).unwrap_or(u64::MAX);
            parts.iter().map(of).fold(choices, u64::saturating_add)
        }
    }
}

/// The number of characters: all bytes except the continuation bytes of UTF-8.
fn characters(literal: &[u8]) -> u64 {
    let count = literal.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use regex_automata::util::syntax;

    use super::*;

    #[test]
    fn repeated_parts_count_as_often_as_they_may_repeat() {
        for (text, weight) in [
            ("a", 1),
            ("müller", 6),
            ("^a.c$", 5),
            ("[a-z]+@", 3),
            ("x*", 2),
            ("x?", 2),
            ("\\d{4}-\\d{2}", 7),
            ("a{1,500}!", 1_000),
            ("(ab|cd){3}", 15),
            ("(?:(?:a{10}){10}){10}", 1_000),
            ("(?:(?:a{1000}){1000}){1000}", 1_000_000_000),
            ("a{2,}", 3),
            ("(?i)ab", 2),
        ] {
            let parsed = syntax::parse(text).unwrap();
            assert_eq!(of(&parsed), weight, "{text}");
        }
    }

    #[test]
    fn without_counted_repetitions_an_expression_weighs_no_more_than_its_text() {
        for text in [
            "(alice|bob|carol)@(x|y)+",
            "a?b?c?",
            "((a|b)*c)+",
            "\\w+\\s\\w+",
            "ab|cd|ef|gh",
            "^(|a)$",
            ".*.*.*",
        ] {
            let length = u64::try_from(text.len()).unwrap();
            assert!(of(&syntax::parse(text).unwrap()) <= length, "{text}");
        }
    }
}
