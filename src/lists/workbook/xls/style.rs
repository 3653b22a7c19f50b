//! How a style shows a number: as a number, a date or a length of time.

use super::super::format::Format;

/// How a style shows a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Style {
    /// In the format in this place.
    Number(u32),
    Date,
    Duration,
}

/// What a format shows.
#[derive(Debug, PartialEq)]
pub(super) enum Shows {
    Number(Format),
    Date,
    Duration,
}

/// What the format with this id shows, with its code if the file holds it. The codes of ids that depend on
/// the language of the program are not known.
pub(super) fn shows(id: u16, code: Option<&str>) -> Shows {
    match (code, id) {
        (Some(code), _) => shows_code(code),
        (None, 0 | 49) => Shows::Number(Format::General),
        (None, 1..=4 | 9..=13 | 48) => Shows::Number(Format::parse(match id {
            1 => "0",
            2 => "0.00",
            3 => "#,##0",
            4 => "#,##0.00",
            9 => "0%",
            10 => "0.00%",
            11 => "0.00E+00",
            12 => "# ?/?",
            13 => "# ??/??",
            _ => "##0.0E+0",
        })),
        (None, 14..=22 | 45 | 47) => Shows::Date,
        (None, 46) => Shows::Duration,
        (None, id) => Shows::Number(Format::Other { code: format!("number {id} of the program").into() }),
    }
}

/// Only the first section counts, which is that of positive numbers.
fn shows_code(code: &str) -> Shows {
    let mut chars = code.chars();
    let (mut has_date, mut has_digits) = (false, false);
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            // The next character is shown, or only its width.
            '\\' | '_' | '*' => drop(chars.next()),
            '"' => drop(chars.find(|c| *c == '"')),
            '[' => {
                let within: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let is_elapsed = |unit: char| within.chars().all(|c| c.eq_ignore_ascii_case(&unit));
                if !within.is_empty() && ['h', 'm', 's'].into_iter().any(is_elapsed) {
                    return Shows::Duration;
                }
            }
            'd' | 'm' | 'y' | 'h' | 's' | 'D' | 'M' | 'Y' | 'H' | 'S' => has_date = true,
            _ => has_digits |= matches!(c, '0' | '#' | '?'),
        }
    }
    match (has_date, has_digits) {
        (true, false) => Shows::Date,
        // Fractions of a second, such as `ss.000`.
        (true, true) if code.contains(['s', 'S']) => Shows::Date,
        (true, true) => Shows::Number(Format::Other { code: code.into() }),
        (false, _) => Shows::Number(Format::parse(code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_lengths_of_time_are_told_by_their_codes() {
        for code in ["dd/mm/yy", "D. MMMM YYYY", "[$-409]d-mmm-yy;@", "h:mm AM/PM", "mm:ss.0", "yyyy\"-\"mm"]
        {
            assert_eq!(shows(200, Some(code)), Shows::Date, "{code}");
        }
        for code in ["[h]:mm:ss", "[mm]:ss", "[SS]"] {
            assert_eq!(shows(200, Some(code)), Shows::Duration, "{code}");
        }
        for code in ["General", "00000", "\"d\"0", "\\d0", "0;d", "#,##0_d", "[Red]0", "0\" days\""] {
            assert!(matches!(shows(200, Some(code)), Shows::Number(_)), "{code}");
        }
        assert_eq!((shows(14, None), shows(46, None)), (Shows::Date, Shows::Duration));
    }

    #[test]
    fn formats_of_the_program_and_faulty_ones_are_not_known() {
        for id in [5, 8, 23, 27, 36, 41, 50, 163] {
            assert!(matches!(shows(id, None), Shows::Number(Format::Other { .. })), "{id}");
        }
        assert!(matches!(shows(164, Some("0d")), Shows::Number(Format::Other { .. })));
        assert_eq!(shows(0, None), Shows::Number(Format::General));
    }
}
