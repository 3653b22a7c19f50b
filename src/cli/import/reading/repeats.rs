//! Rows with the same key as an earlier row of the file.
//!
//! If a member is in a list twice, both rows are written, the later one over the earlier one. This is rarely
//! intended but loses no row, so the import only warns at its end.
//!
//! Only hashes of keys are kept in memory, for the first [`MAX_ROWS`] rows, in at most 40 MB: later rows are
//! compared with those, not with each other. The thread that reads the file compares, because it is faster
//! than the server.

use std::collections::HashSet;

use crate::api::grpc::v1;

use super::chunk::Chunk;
use super::key::Key;

/// The capacity of the hash table before it would grow beyond 2^22 places of 9 bytes.
const MAX_ROWS: usize = (1 << 22) / 8 * 7;
/// How many lines the warning lists.
const LISTED: usize = 5;

/// The keys seen so far.
#[derive(Debug)]
pub struct Seen {
    keys: HashSet<u64>,
    match_by: v1::MatchBy,
}

impl Seen {
    pub fn new(match_by: v1::MatchBy) -> Self {
        Self { keys: HashSet::new(), match_by }
    }

    /// The lines of the rows in a chunk whose key an earlier row had.
    pub fn repeats(&mut self, chunk: &Chunk) -> Vec<u64> {
        let rows = chunk.members.iter().enumerate();
        let repeats = rows.filter(|(_, member)| self.is_repeat(member));
        repeats.filter_map(|(sent, _)| Some(chunk.sent_row(sent)?.number())).collect()
    }

    fn is_repeat(&mut self, member: &v1::MemberInput) -> bool {
        let Some(key) = Key::of_row(member, self.match_by).map(|key| key.hash()) else { return false };
        if self.keys.len() < MAX_ROWS { !self.keys.insert(key) } else { self.keys.contains(&key) }
    }
}

/// The number of such rows, and the first of their lines.
#[derive(Debug, Default)]
pub struct Repeats {
    rows: u64,
    first: Vec<u64>,
}

impl Repeats {
    pub fn add(&mut self, lines: &[u64]) {
        self.rows += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.first.extend(lines.iter().take(LISTED.saturating_sub(self.first.len())));
    }

    /// The warning, if there are such rows.
    pub fn describe(&self) -> Option<String> {
        let lines = self.first.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        match (self.rows, usize::try_from(self.rows).is_ok_and(|rows| rows > self.first.len())) {
            (0, _) => None,
            (1, _) => Some(format!(
                "the row in line {lines} is for the same member as an earlier row, and \
                              overwrites it"
            )),
            (rows, is_more) => {
                let more = if is_more { " and others" } else { "" };
                Some(format!(
                    "{rows} rows are for the same member as an earlier row, and overwrite it: those of lines \
                     {lines}{more}"
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::reading::format::Format;
    use crate::lists::ListRow;

    fn chunk(first: u64, rows: &[&str]) -> Chunk {
        let rows = (first..).zip(rows).map(|(line, row)| ListRow::ndjson(line, row));
        Chunk::new(1, rows.collect(), 0, &Format::ndjson())
    }

    #[test]
    fn rows_with_the_key_of_an_earlier_row_are_found_in_all_chunks() {
        let mut seen = Seen::new(v1::MatchBy::Ref);
        let first = chunk(1, &[r#"{"ref":"a"}"#, "nonsense", r#"{"ref":"b"}"#, r#"{"ref":"a","tier":"x"}"#]);
        assert_eq!(seen.repeats(&first), [4]);
        let id = r#"{"id":"m_4ev85xgydy92xynbbqf0rbtnw0"}"#;
        let again = r#"{"id":"mem_4EV85XGYDY92XYNBBQF0RBTNW0","email":"a@x.example"}"#;
        assert_eq!(
            seen.repeats(&chunk(5, &[r#"{"ref":"b"}"#, id, r#"{"ref":"c"}"#, again, "{}", "{}"])),
            [5, 8]
        );
        let mut seen = Seen::new(v1::MatchBy::Email);
        let rows = [r#"{"ref":"a","email":"A@x.example"}"#, r#"{"ref":"a","email":"b@x.example"}"#];
        assert_eq!(seen.repeats(&chunk(1, &rows)), [] as [u64; 0]);
        assert_eq!(seen.repeats(&chunk(3, &[r#"{"email":"a@X.example"}"#])), [3]);
    }

    #[test]
    fn memory_is_bounded_and_later_rows_are_compared_with_the_first_ones() {
        let mut seen = Seen::new(v1::MatchBy::Ref);
        seen.repeats(&chunk(1, &[r#"{"ref":"a"}"#]));
        seen.keys.extend((0..).take(MAX_ROWS - 1));
        let (rows, room) = (seen.keys.len(), seen.keys.capacity());
        assert_eq!(room, MAX_ROWS, "no place is left over");
        assert_eq!(seen.repeats(&chunk(2, &[r#"{"ref":"b"}"#, r#"{"ref":"b"}"#, r#"{"ref":"a"}"#])), [4]);
        assert_eq!((seen.keys.len(), seen.keys.capacity()), (rows, room));
    }

    #[test]
    fn a_few_lines_are_named() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.describe(), None);
        repeats.add(&[7]);
        assert!(repeats.describe().unwrap().starts_with("the row in line 7 is for"));
        repeats.add(&[8, 9]);
        assert!(repeats.describe().unwrap().contains("lines 7, 8, 9"));
        repeats.add(&[10, 11, 12, 13]);
        let text = repeats.describe().unwrap();
        assert!(text.starts_with("7 rows") && text.contains("lines 7, 8, 9, 10, 11 and others"), "{text}");
    }
}
