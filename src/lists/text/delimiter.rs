//! What stands before the first record: a line that names the delimiter, or a header that shows it.

/// The delimiters that a header may show, in the order in which they win when it shows several equally well.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The beginning of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct Beginning {
    /// What stands between cells.
    pub delimiter: u8,
    /// The length in bytes of the line that names the delimiter; 0 without one.
    pub named: usize,
}

/// Finds the delimiter of a table that begins with `text`; `None` if more text is needed, which never happens
/// if it `is_all`. A line `sep=;` is believed, then what the caller `given`, then the header: the delimiter
/// under which most names are known, or else the most frequent one.
pub fn find(
    text: &str,
    is_all: bool,
    given: Option<u8>,
    is_known: &dyn Fn(&str) -> bool,
) -> Option<Beginning> {
    let header = header(text);
    if header.is_none() && !is_all {
        return None;
    }
    if let Some((delimiter, named)) = sep_line(text.as_bytes()) {
        // Its CR may be the first half of a CRLF.
        return (is_all || text.len() > named).then_some(Beginning { delimiter, named });
    }
    let header = header.unwrap_or(text);
    Some(Beginning { delimiter: given.unwrap_or_else(|| shown(header, is_known)), named: 0 })
}

/// Whether the byte can separate cells.
#[must_use]
pub fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n')
}

/// The delimiter that a list has whose header was taken for the one name `name`.
pub fn missed(name: &str, is_known: &dyn Fn(&str) -> bool) -> Option<u8> {
    let is_there = |delimiter: &&u8| {
        let delimiter = char::from(**delimiter);
        name.contains(delimiter) && name.split(delimiter).any(is_known)
    };
    [b';', b'\t', b'|', b','].iter().find(is_there).copied()
}

/// The first line in which something is written, if it is whole. It may contain line breaks in quotes.
fn header(text: &str) -> Option<&str> {
    let start = text.find(|c: char| !c.is_whitespace() && !",;|\"".contains(c))?;
    let start = text.get(..start)?.rfind(['\r', '\n']).map_or(0, |end| end + 1);
    let text = text.get(start..)?;
    let mut in_quotes = false;
    let end = text.bytes().position(|byte| {
        in_quotes ^= byte == b'"';
        !in_quotes && matches!(byte, b'\r' | b'\n')
    })?;
    text.get(..end)
}

fn shown(header: &str, is_known: &dyn Fn(&str) -> bool) -> u8 {
    let score = |delimiter: u8| {
        let names = names(header, delimiter);
        let known = names.iter().filter(|name| is_known(name)).count();
        (known, names.len())
    };
    // Of equal ones, `max_by_key` takes the last.
    CANDIDATES.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',')
}

/// The names of a header, without their quotes.
fn names(header: &str, delimiter: u8) -> Vec<&str> {
    let mut in_quotes = false;
    let names = header.split(|c: char| {
        in_quotes ^= c == '"';
        !in_quotes && c == char::from(delimiter)
    });
    names.map(|name| name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name)).collect()
}

/// The delimiter that a line `sep=;` names, quoted or not, and the length of the line in bytes.
fn sep_line(bytes: &[u8]) -> Option<(u8, usize)> {
    let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
    let line = bytes.get(..end)?;
    let bare = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (key, value) = bare.split_at_checked(4)?;
    let [delimiter] = *value else { return None };
    if !key.eq_ignore_ascii_case(b"sep=") || !is_delimiter(delimiter) {
        return None;
    }
    let is_crlf = bytes.get(end..)?.starts_with(b"\r\n");
    Some((delimiter, end + 1 + usize::from(is_crlf)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known(name: &str) -> bool {
        ["ref", "email", "tier", "=\"\"ref\"\""].contains(&name)
    }

    #[track_caller]
    fn found(text: &str) -> (char, usize) {
        let Beginning { delimiter, named } = find(text, true, None, &is_known).unwrap();
        (char::from(delimiter), named)
    }

    #[test]
    fn the_header_shows_the_delimiter() {
        for (text, delimiter) in [
            ("", ','),
            ("ref", ','),
            ("ref\na;b;c\n", ','),
            ("ref;email\n", ';'),
            ("ref\temail\r", '\t'),
            ("ref|email", '|'),
            ("\n ; ;\r\nref;email\n", ';'),
            ("\"ref\";\"a,b,c,d\";\"tier\"\n", ';'),
            ("\"=\"\"ref\"\"\";x,y,z\n", ';'),
            ("a;b,c;d\n", ';'),
            ("a,b;c\n", ','),
            ("\"two\nlines\"\tref\nx", '\t'),
        ] {
            assert_eq!(found(text), (delimiter, 0), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_names_the_delimiter_is_believed_first() {
        for (text, delimiter, named) in [
            ("sep=;\r\nref,email\r\n", ';', 7),
            ("SEP=|\nref|tier\n", '|', 6),
            ("\"sep=\t\"\rref\ttier\r", '\t', 8),
        ] {
            assert_eq!(found(text), (delimiter, named), "{text:?}");
            let beginning = find(text, true, Some(b','), &is_known).unwrap();
            assert_eq!(char::from(beginning.delimiter), delimiter, "a given delimiter comes second");
        }
        for text in ["sep=\nref", "sep=;;\nref", "sep=\"\nref", "sep;\nref"] {
            assert_eq!(found(text).1, 0, "{text:?}");
        }
        let given = find("ref;email\n", true, Some(b'|'), &is_known).unwrap();
        assert_eq!(given.delimiter, b'|');
    }

    #[test]
    fn more_text_is_needed_until_the_header_is_whole() {
        for text in ["", "\n", "ref;em", "\n,\nref", "\"a\nb", "sep=;\r"] {
            assert_eq!(find(text, false, None, &is_known), None, "{text:?}");
        }
        assert!(find("ref;em\n", false, None, &is_known).is_some());
    }
}
