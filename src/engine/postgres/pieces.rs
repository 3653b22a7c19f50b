//! Values in pieces that fit a row of the table `kv`.
//!
//! PostgreSQL moves what a row of more than some 2,000 bytes holds elsewhere; a table whose rows are
//! rewritten then grows 63 times instead of twice. So a value is cut into pieces, numbered from 0, each in a
//! row. Every piece but the last is exactly [`piece_bytes`] long and the last one is shorter, perhaps empty:
//! so a reader sees whether it has the whole value.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};

use crate::engine::{EngineError, MAX_KEY_BYTES, Value};

/// The most bytes of key and piece in a row. With the row's header, its number and two lengths that makes at
/// most 1,984 bytes, four rows a page.
const ROW_BYTES: usize = 1940;

/// The number of a piece, as the table has it.
pub(super) type PieceNumber = i16;

/// The length of every piece but the last, for a key of this length.
pub(super) fn piece_bytes(key_bytes: usize) -> usize {
    ROW_BYTES - key_bytes.min(MAX_KEY_BYTES)
}

/// The most pieces that a value can have.
pub(super) const MAX_PIECES: usize = crate::engine::MAX_VALUE_BYTES / (ROW_BYTES - MAX_KEY_BYTES) + 1;

/// How many pieces a value of this length has.
fn count(key_bytes: usize, value_bytes: usize) -> usize {
    value_bytes / piece_bytes(key_bytes) + 1
}

/// The pieces of `value`.
pub(super) fn cut(key_bytes: usize, value: &Value) -> impl Iterator<Item = (PieceNumber, Bytes)> {
    let size = piece_bytes(key_bytes);
    let pieces = (0..count(key_bytes, value.len()))
        .map(move |n| value.slice(n * size..value.len().min((n + 1) * size)));
    (0..).zip(pieces)
}

/// What has to be written so that rows with the pieces of `old` hold `new`: the pieces that differ, and from
/// which number on rows are deleted.
pub(super) fn changes(
    key_bytes: usize,
    old: Option<&Value>,
    new: &Value,
) -> (Vec<(PieceNumber, Bytes)>, Option<PieceNumber>) {
    let mut before = old.map(|old| cut(key_bytes, old));
    let mut changed = Vec::new();
    let mut end = 0;
    for (n, piece) in cut(key_bytes, new) {
        let is_same = before.as_mut().and_then(Iterator::next).is_some_and(|(_, old)| old == piece);
        if !is_same {
            changed.push((n, piece));
        }
        end = n + 1;
    }
    let is_longer = before.as_mut().and_then(Iterator::next).is_some();
    (changed, is_longer.then_some(end))
}

/// Puts a value together from its pieces in order.
#[derive(Debug)]
pub(super) struct Joined {
    size: usize,
    pieces: Vec<Bytes>,
    is_whole: bool,
    is_damaged: bool,
}

impl Joined {
    pub(super) fn new(key_bytes: usize) -> Self {
        Self { size: piece_bytes(key_bytes), pieces: Vec::new(), is_whole: false, is_damaged: false }
    }

    /// Adds a piece. They come in order.
    pub(super) fn add(&mut self, n: PieceNumber, piece: &[u8]) {
        let is_next = usize::try_from(n).is_ok_and(|n| n == self.pieces.len());
        self.is_damaged |= !is_next || self.is_whole || piece.len() > self.size;
        self.is_whole = piece.len() < self.size;
        self.pieces.push(Bytes::copy_from_slice(piece));
    }

    /// The value of `key`.
    pub(super) fn value(mut self, key: &[u8]) -> Result<Value, EngineError> {
        if self.is_damaged || !self.is_whole {
            return Err(damaged(key));
        }
        if self.pieces.len() == 1 {
            return Ok(self.pieces.pop().unwrap_or_default());
        }
        let mut value = BytesMut::with_capacity(self.pieces.iter().map(Bytes::len).sum());
        self.pieces.iter().for_each(|piece| value.extend_from_slice(piece));
        Ok(value.freeze())
    }
}

/// The error for a value whose pieces are not what this program writes.
pub(super) fn damaged(key: &[u8]) -> EngineError {
    EngineError::Corrupt {
        file: "the table kv of the database".to_owned(),
        offset: 0,
        detail: format!("the value of the key {} lacks a piece, or has one too many", hex(key)),
    }
}

/// A key as an operator finds it in the table: `WHERE k = '\x…'`.
fn hex(key: &[u8]) -> String {
    key.iter().fold("\\x".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn joined(key_bytes: usize, rows: &BTreeMap<i16, Bytes>) -> Result<Value, EngineError> {
        let mut joined = Joined::new(key_bytes);
        rows.iter().for_each(|(n, piece)| joined.add(*n, piece));
        joined.value(b"\x20\xff")
    }

    fn rows(key_bytes: usize, value: &Value) -> BTreeMap<i16, Bytes> {
        cut(key_bytes, value).collect()
    }

    #[test]
    fn a_value_is_cut_where_the_documentation_says() {
        for (bytes, expected) in
            [(0, vec![0]), (1929, vec![1929]), (1930, vec![1930, 0]), (5000, vec![1930, 1930, 1140])]
        {
            let pieces: Vec<_> =
                cut(10, &Bytes::from(vec![7; bytes])).map(|(_, piece)| piece.len()).collect();
            assert_eq!(pieces, expected);
        }
        assert_eq!(cut(MAX_KEY_BYTES, &Bytes::from(vec![7; 65536])).count(), MAX_PIECES);
        assert_eq!(MAX_PIECES, 72);
    }

    #[test]
    fn a_value_that_lacks_a_piece_is_damage() {
        let whole = rows(10, &Bytes::from(vec![7; 5000]));
        for n in 0..3 {
            let mut lacking = whole.clone();
            lacking.remove(&n);
            assert!(joined(10, &lacking).is_err(), "{n}");
        }
        let mut more = whole.clone();
        more.insert(3, Bytes::new());
        assert!(joined(10, &more).is_err());
        let error = joined(10, &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("the key \\x20ff lacks a piece"), "{error}");
    }

    proptest! {
        #[test]
        fn changed_pieces_make_the_new_value(
            key_bytes in prop::sample::select(vec![1, 10, 1024]),
            old in prop::option::of((0_usize..9000, any::<u8>())),
            new in (0_usize..9000, any::<u8>()),
        ) {
            let value = |(len, byte): (usize, u8)| Bytes::from(vec![byte % 2; len]);
            let (old, new) = (old.map(value), value(new));
            let mut table = old.as_ref().map(|old| rows(key_bytes, old)).unwrap_or_default();
            let (changed, from) = changes(key_bytes, old.as_ref(), &new);
            for (n, piece) in changed {
                prop_assert_ne!(table.insert(n, piece.clone()), Some(piece), "a piece is written in vain");
            }
            table.retain(|n, _| from.is_none_or(|from| *n < from));
            prop_assert_eq!(joined(key_bytes, &table).unwrap(), new);
        }
    }
}
