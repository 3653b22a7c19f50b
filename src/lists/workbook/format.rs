//! Number formats: which text a sheet shows for a number.
//!
//! Only formats whose text is certain are applied: digits, decimals, grouping, percent and literals. Any other
//! format, and any format that hides a part of the number, is a fault of the cell.

use std::sync::Arc;

use super::fault::CellFault;

/// Numbers from here on have more than 15 digits.
const SIXTEEN_DIGITS: f64 = 1e15;

/// The format of a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Format {
    General,
    /// A format whose sections are all simple.
    Simple(Box<Simple>),
    /// Any other format.
    Other {
        code: Arc<str>,
    },
}

/// A format with its sections for positive numbers, negative ones and zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Simple {
    code: Arc<str>,
    positive: Pattern,
    negative: Option<Pattern>,
    zero: Option<Pattern>,
}

/// One section of a format.
#[derive(Clone, Debug, PartialEq)]
struct Pattern {
    /// What stands left of the decimal point, in order.
    whole: Vec<Token>,
    /// Decimals that are always shown, and those shown at most.
    decimals: (usize, usize),
    is_grouped: bool,
    is_percent: bool,
    /// Literals after the last digit.
    after: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A digit, shown even if it is a zero in front.
    Zero,
    /// A digit, shown if it is no zero in front.
    Digit,
    Literal(char),
}

impl Format {
    /// Parses the code of a format.
    pub(super) fn parse(code: &str) -> Self {
        if code.is_empty() || code == "@" || code.eq_ignore_ascii_case("general") {
            return Self::General;
        }
        let other = || Self::Other { code: code.into() };
        let Some(sections) = sections(code) else { return other() };
        // A fourth section is for texts.
        let mut patterns = Vec::new();
        for section in sections.iter().take(3) {
            match Pattern::parse(section) {
                Some(pattern) => patterns.push(pattern),
                None => return other(),
            }
        }
        let mut patterns = patterns.into_iter();
        let Some(positive) = patterns.next() else { return other() };
        let (negative, zero) = (patterns.next(), patterns.next());
        Self::Simple(Box::new(Simple { code: code.into(), positive, negative, zero }))
    }

    /// What the sheet shows.
    pub(super) fn show(&self, value: f64) -> Result<String, CellFault> {
        if !value.is_finite() || value.abs() >= SIXTEEN_DIGITS {
            return Err(CellFault::TooManyDigits);
        }
        let fault = |code: &Arc<str>| CellFault::Format { value: general(value), format: code.clone() };
        match self {
            Self::General => Ok(general(value)),
            Self::Other { code } => Err(fault(code)),
            Self::Simple(simple) => {
                let Simple { code, positive, negative, zero } = &**simple;
                let shown = match (negative, zero) {
                    (_, Some(zero)) if value == 0.0 => zero.show(0.0),
                    (Some(negative), _) if value < 0.0 => negative.show(-value),
                    _ if value < 0.0 => positive.show(-value).map(|shown| format!("-{shown}")),
                    _ => positive.show(value),
                };
                shown.ok_or_else(|| fault(code))
            }
        }
    }
}

/// A number in the format General, with 15 significant digits at most.
pub(super) fn general(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // The shortest text of the number as rounded to 15 digits, without an exponent.
    let rounded = format!("{value:.14e}");
    rounded.parse::<f64>().map_or(rounded, |value| value.to_string())
}

/// The sections of a format, or nothing if one has a condition, a color or a currency.
fn sections(code: &str) -> Option<Vec<Vec<(char, bool)>>> {
    let mut sections = vec![Vec::new()];
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        let mut push = |c, is_literal| {
            if let Some(section) = sections.last_mut() {
                section.push((c, is_literal));
            }
        };
        match c {
            ';' => sections.push(Vec::new()),
            '\\' => push(chars.next()?, true),
            '"' => loop {
                match chars.next()? {
                    '"' => break,
                    c => push(c, true),
                }
            },
            '[' => return None,
            c => push(c, false),
        }
    }
    Some(sections)
}

impl Pattern {
    /// Parses a section: its characters, and whether each is quoted.
    fn parse(section: &[(char, bool)]) -> Option<Self> {
        let mut pattern = Self {
            whole: Vec::new(),
            decimals: (0, 0),
            is_grouped: false,
            is_percent: false,
            after: String::new(),
        };
        let last = section.iter().rposition(|(c, quoted)| !quoted && matches!(c, '0' | '#'))?;
        let first = section.iter().position(|(c, quoted)| !quoted && matches!(c, '0' | '#'))?;
        let mut is_decimal = false;
        for (place, &(c, quoted)) in section.iter().enumerate() {
            let is_after = place > last;
            match c {
                '0' | '#' if !quoted && is_decimal => {
                    let (always, most) = pattern.decimals;
                    // A `0` after a `#` would be a digit that is shown behind one that is not.
                    if c == '0' && always < most {
                        return None;
                    }
                    pattern.decimals = (always + usize::from(c == '0'), most + 1);
                }
                '0' if !quoted => pattern.whole.push(Token::Zero),
                '#' if !quoted => pattern.whole.push(Token::Digit),
                '.' if !quoted && !is_decimal && place > first && !is_after => is_decimal = true,
                ',' if !quoted && !is_decimal && place > first && !is_after => pattern.is_grouped = true,
                '%' if !quoted && is_after && !pattern.is_percent => {
                    pattern.is_percent = true;
                    pattern.after.push('%');
                }
                c if quoted || matches!(c, ' ' | '-' | '+' | '(' | ')' | '$' | '£' | '€') => {
                    match (is_after, is_decimal) {
                        (true, _) => pattern.after.push(c),
                        (false, true) => return None,
                        (false, false) => pattern.whole.push(Token::Literal(c)),
                    }
                }
                _ => return None,
            }
        }
        let literals_between =
            pattern.whole.iter().skip(first).any(|token| matches!(token, Token::Literal(_)));
        let is_sure = !(pattern.is_grouped && literals_between);
        // A `#` left of a `0` only; otherwise zeros would stand in front of a digit that is hidden.
        let digits: Vec<bool> = pattern
            .whole
            .iter()
            .filter(|token| !matches!(token, Token::Literal(_)))
            .map(|token| *token == Token::Zero)
            .collect();
        (is_sure && digits.is_sorted()).then_some(pattern)
    }

    /// What this section shows for a number that is not negative, or nothing if that hides a part of it.
    fn show(&self, value: f64) -> Option<String> {
        let scaled = if self.is_percent { (value * 100.0 * 1e9).round() / 1e9 } else { value };
        let exact = general(scaled);
        let (whole, decimals) = exact.split_once('.').unwrap_or((&exact, ""));
        let (always, most) = self.decimals;
        if decimals.len() > most {
            return None;
        }
        let whole = if whole == "0" { "" } else { whole };
        let mut shown = self.whole_part(whole)?;
        if most > 0 {
            shown.push('.');
            shown.push_str(decimals);
            shown.extend(std::iter::repeat_n('0', always.saturating_sub(decimals.len())));
        }
        shown.push_str(&self.after);
        Some(shown)
    }

    /// Fills digits into the pattern from the right. Digits that do not fit stand at its first digit.
    fn whole_part(&self, digits: &str) -> Option<String> {
        let mut rest = digits.chars().rev().peekable();
        let mut shown: Vec<char> = Vec::new();
        let places = self.whole.iter().filter(|token| !matches!(token, Token::Literal(_))).count();
        let (mut filled, mut digits_shown) = (0, 0);
        for token in self.whole.iter().rev() {
            if let Token::Literal(c) = token {
                // A literal between digits of which the left ones are missing: programs differ.
                let is_between = filled > 0 && filled < places;
                if is_between && rest.peek().is_none() && !self.zero_left_of(filled) {
                    return None;
                }
                shown.push(*c);
                continue;
            }
            filled += 1;
            let mut next: Vec<char> = Vec::new();
            match rest.next() {
                Some(digit) => next.push(digit),
                None if *token == Token::Zero => next.push('0'),
                None => {}
            }
            if filled == places {
                next.extend(rest.by_ref());
            }
            for digit in next {
                if self.is_grouped && digits_shown > 0 && digits_shown % 3 == 0 {
                    shown.push(',');
                }
                digits_shown += 1;
                shown.push(digit);
            }
        }
        Some(shown.into_iter().rev().collect())
    }

    /// Whether the digit that stands this many digits from the right is always shown.
    fn zero_left_of(&self, filled: usize) -> bool {
        let mut digits = self.whole.iter().rev().filter(|token| !matches!(token, Token::Literal(_)));
        digits.nth(filled) == Some(&Token::Zero)
    }
}

#[cfg(test)]
mod tests {
    use super::Format;

    fn shown(value: f64, code: &str) -> Option<String> {
        Format::parse(code).show(value).ok()
    }

    #[test]
    fn simple_formats_show_what_a_sheet_shows() {
        for (value, code, expected) in [
            (123.0, "00000", "00123"),
            (447_700_900_101.0, "+000000000000", "+447700900101"),
            (7_700_900_104.0, "00000000000", "07700900104"),
            (123_456_789.0, "000-00-0000", "123-45-6789"),
            (1_234.0, "000-00-0000", "000-00-1234"),
            (5_551_234_567.0, "(000) 000-0000", "(555) 123-4567"),
            (1_234_567.0, "#,##0", "1,234,567"),
            (-1_234.5, "#,##0.00", "-1,234.50"),
            (12.5, "0.00", "12.50"),
            (0.25, "0%", "25%"),
            (0.07, "0%", "7%"),
            (0.125, "0.0%", "12.5%"),
            (12.0, "\"M-\"00000", "M-00012"),
            (12.0, "\\M0000", "M0012"),
            (0.0, "0;-0;\"none\"0", "none0"),
            (-5.0, "0;(0)", "(5)"),
            (5.0, "General", "5"),
            (0.1 + 0.2, "General", "0.3"),
            (447_123_456_789.0, "General", "447123456789"),
            (999_999_999_999_999.0, "0", "999999999999999"),
            (0.5, "#.0", ".5"),
            (0.0, "0", "0"),
        ] {
            assert_eq!(shown(value, code).as_deref(), Some(expected), "{value} in {code}");
        }
    }

    #[test]
    fn formats_that_hide_or_change_digits_are_refused() {
        for (value, code) in [
            (123.7, "0"),
            (0.126, "0%"),
            (1234.0, "0,"),
            (1234.0, "0.00E+00"),
            (0.5, "# ?/?"),
            (5.0, "[>3]0;00"),
            (5.0, "[Red]0"),
            (5.0, ";;;"),
            (5.0, "_(* #,##0_)"),
            (1e15, "0"),
            (1e15, "General"),
            (f64::NAN, "General"),
            (5.0, "###-##-####"),
            (5.0, "\"open"),
        ] {
            assert_eq!(shown(value, code), None, "{value} in {code}");
        }
    }
}
