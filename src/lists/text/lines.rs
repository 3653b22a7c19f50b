//! The lines of NDJSON.

use super::fault::TextFault;
use super::limits::MAX_ROW_BYTES;

/// Cuts characters into lines, piece by piece, and holds one line at a time. Blank lines are skipped, but
/// count.
#[derive(Debug, Default)]
pub struct Lines {
    line: String,
    /// The number of the held line.
    number: u64,
    is_whole: bool,
}

impl Lines {
    /// The number of the line of the next character.
    pub fn position(&self) -> u64 {
        if self.is_whole || self.number == 0 { self.number + 1 } else { self.number }
    }

    /// Moves `text` past the next line; false if it has none. With `is_end` nothing follows it.
    pub fn next(&mut self, text: &mut &str, is_end: bool) -> Result<bool, TextFault> {
        loop {
            if self.is_whole || self.number == 0 {
                self.line.clear();
                self.number += 1;
                self.is_whole = false;
            }
            let (more, rest) = match text.split_once('\n') {
                Some((more, rest)) => (more, Some(rest)),
                None => (*text, None),
            };
            if self.line.len() + more.len() >= MAX_ROW_BYTES {
                return Err(TextFault::LineTooLong { line: self.number });
            }
            self.line.push_str(more);
            *text = rest.unwrap_or_default();
            self.is_whole = rest.is_some();
            if !self.is_whole && !is_end {
                return Ok(false);
            }
            if !self.line().is_empty() {
                self.is_whole = true;
                return Ok(true);
            }
            if !self.is_whole {
                return Ok(false);
            }
        }
    }

    /// The number of the last line.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The last line, without white space around it.
    pub fn line(&self) -> &str {
        self.line.trim_ascii()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> Vec<(u64, String)> {
        let mut lines = Lines::default();
        let mut all = Vec::new();
        for (place, piece) in pieces.iter().enumerate() {
            let mut rest = *piece;
            while lines.next(&mut rest, place + 1 == pieces.len()).unwrap() {
                all.push((lines.number(), lines.line().to_owned()));
            }
        }
        all
    }

    #[test]
    fn lines_are_cut_and_counted_in_pieces_of_any_size() {
        let text = "{a}\r\n\n  {b} \n \n\n{c}";
        let expected = [(1, "{a}".to_owned()), (3, "{b}".to_owned()), (6, "{c}".to_owned())];
        assert_eq!(lines(&[text]), expected);
        let single: Vec<&str> = text.split("").collect();
        assert_eq!(lines(&single), expected);
        assert_eq!(lines(&["{a}\n"]), expected[..1]);
        assert_eq!(lines(&["\n\n"]), []);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        let text = "x".repeat(MAX_ROW_BYTES / 2);
        assert!(!lines.next(&mut &*text, false).unwrap());
        assert_eq!(lines.next(&mut &*text, false), Err(TextFault::LineTooLong { line: 1 }));
    }

    #[test]
    fn the_position_is_that_of_the_next_character() {
        let mut lines = Lines::default();
        assert_eq!(lines.position(), 1);
        let mut text = "{a}\n{";
        assert!(lines.next(&mut text, false).unwrap());
        assert_eq!(lines.position(), 2);
        assert!(!lines.next(&mut text, false).unwrap());
        assert_eq!(lines.position(), 2);
    }
}
