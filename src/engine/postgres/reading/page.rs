//! A page of rows in key order.

use bytes::Bytes;

use crate::engine::postgres::pieces::{Joined, PieceNumber};
use crate::engine::{Direction, EngineError, Value};

/// What to read: rows from `start` to before `end`.
#[derive(Debug, Clone)]
pub(in crate::engine::postgres) struct Span {
    pub(in crate::engine::postgres) start: Vec<u8>,
    pub(in crate::engine::postgres) end: Option<Vec<u8>>,
    pub(in crate::engine::postgres) direction: Direction,
    /// The most rows.
    pub(in crate::engine::postgres) rows: usize,
}

/// The whole values of a span, in its direction.
#[derive(Debug, Default)]
pub(in crate::engine::postgres) struct Page {
    pub(in crate::engine::postgres) values: Vec<(Bytes, Result<Value, EngineError>)>,
    /// The key at which the rows ended, whose value may lack pieces and is not among the values; `None` if
    /// the span has no more rows.
    pub(in crate::engine::postgres) next: Option<Bytes>,
}

impl Page {
    /// Puts the values of rows together.
    pub(super) fn of(span: &Span, rows: &[(&[u8], PieceNumber, &[u8])]) -> Self {
        let mut page = Self::default();
        let is_full = rows.len() >= span.rows;
        let mut groups = rows.chunk_by(|(a, ..), (b, ..)| a == b).peekable();
        while let Some(group) = groups.next() {
            let Some((key, ..)) = group.first() else { continue };
            let key = Bytes::copy_from_slice(key);
            if is_full && groups.peek().is_none() {
                page.next = Some(key);
                break;
            }
            let mut joined = Joined::new(key.len());
            match span.direction {
                Direction::Forward => group.iter().for_each(|(_, n, piece)| joined.add(*n, piece)),
                Direction::Backward => group.iter().rev().for_each(|(_, n, piece)| joined.add(*n, piece)),
            }
            let value = joined.value(&key);
            page.values.push((key, value));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_ends_before_a_value_that_may_lack_pieces() {
        let big = vec![7; crate::engine::postgres::pieces::piece_bytes(1)];
        let rows: [(&[u8], i16, &[u8]); 4] =
            [(b"a", 0, b"1"), (b"b", 0, &big), (b"b", 1, b"2"), (b"c", 0, b"3")];
        let span = |rows, direction| Span { start: Vec::new(), end: None, direction, rows };
        let keys = |page: &Page| page.values.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        let page = Page::of(&span(5, Direction::Forward), &rows);
        assert_eq!((keys(&page), page.next), (vec!["a".into(), "b".into(), "c".into()], None));
        let page = Page::of(&span(2, Direction::Forward), &rows[..2]);
        assert_eq!((keys(&page), page.next), (vec!["a".into()], Some("b".into())));
        let mut rows = rows;
        rows.reverse();
        let page = Page::of(&span(3, Direction::Backward), &rows[..3]);
        assert_eq!((keys(&page), page.next), (vec!["c".into()], Some("b".into())));
        let page = Page::of(&span(9, Direction::Backward), &rows);
        assert_eq!(page.values[1].1.as_ref().unwrap().len(), big.len() + 1);
        let page = Page::of(&span(9, Direction::Forward), &rows);
        let is_read: Vec<_> = page.values.iter().map(|(_, value)| value.is_ok()).collect();
        assert_eq!(is_read, [true, false, true], "pieces of one key in the wrong order");
    }
}
