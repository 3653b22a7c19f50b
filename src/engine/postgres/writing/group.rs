//! The rows that a group of batches changes.

use std::collections::BTreeMap;

use bytes::Bytes;
use tokio_postgres::types::{ToSql, Type};

use crate::engine::Value;
use crate::engine::pending::Ops;
use crate::engine::postgres::pieces::{PieceNumber, changes};
use crate::engine::postgres::sql::Arms;

/// The most bytes in one statement.
pub(super) const PART_BYTES: usize = 4 * 1024 * 1024;
/// What a row costs beside its key and piece, in bytes.
const ROW_OVERHEAD_BYTES: usize = 16;

/// Changes of rows that fit one statement. No row is named twice.
#[derive(Debug, Default)]
pub(super) struct Part {
    deletes: Vec<Bytes>,
    trims: (Vec<Bytes>, Vec<PieceNumber>),
    puts: (Vec<Bytes>, Vec<PieceNumber>, Vec<Bytes>),
    bytes: usize,
}

/// The changes of a group, in order of keys. Of several writes of one key the last one counts; `before` tells
/// the value that the tables have now, so that only pieces that change are written.
pub(super) fn parts<'a>(
    batches: impl Iterator<Item = &'a Ops>,
    before: impl Fn(&[u8]) -> Option<Value>,
) -> Vec<Part> {
    let ops = batches.flat_map(|ops| ops.iter());
    let last: BTreeMap<&Bytes, &Option<Value>> = ops.map(|op| (&op.key, &op.value)).collect();
    let mut parts = Parts::default();
    for (key, value) in last {
        let old = before(key);
        match value {
            None if old.is_none() => {}
            None => parts.room(key.len()).deletes.push(key.clone()),
            Some(new) => {
                let (changed, trim) = changes(key.len(), old.as_ref(), new);
                for (n, piece) in changed {
                    let part = parts.room(key.len() + piece.len());
                    part.puts.0.push(key.clone());
                    part.puts.1.push(n);
                    part.puts.2.push(piece);
                }
                if let Some(from) = trim {
                    let part = parts.room(key.len());
                    part.trims.0.push(key.clone());
                    part.trims.1.push(from);
                }
            }
        }
    }
    parts.full.push(parts.last);
    parts.full
}

#[derive(Debug, Default)]
struct Parts {
    full: Vec<Part>,
    last: Part,
}

impl Parts {
    /// A part with room for a row of this many bytes.
    fn room(&mut self, bytes: usize) -> &mut Part {
        let bytes = bytes + ROW_OVERHEAD_BYTES;
        if self.last.bytes > 0 && self.last.bytes + bytes > PART_BYTES {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.bytes += bytes;
        &mut self.last
    }
}

impl Part {
    pub(super) fn arms(&self) -> Arms {
        Arms {
            deletes: !self.deletes.is_empty(),
            trims: !self.trims.0.is_empty(),
            puts: !self.puts.0.is_empty(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The parameters of the arms that are not empty.
    pub(super) fn params(&self) -> Params<'_> {
        Params {
            deletes: slices(&self.deletes),
            trims: (slices(&self.trims.0), &self.trims.1),
            puts: (slices(&self.puts.0), &self.puts.1, slices(&self.puts.2)),
        }
    }
}

fn slices(all: &[Bytes]) -> Vec<&[u8]> {
    all.iter().map(Bytes::as_ref).collect()
}

/// See [`Part::params`].
pub(super) struct Params<'a> {
    deletes: Vec<&'a [u8]>,
    trims: (Vec<&'a [u8]>, &'a Vec<PieceNumber>),
    puts: (Vec<&'a [u8]>, &'a Vec<PieceNumber>, Vec<&'a [u8]>),
}

impl Params<'_> {
    pub(super) fn list(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let mut list: Vec<(&(dyn ToSql + Sync), Type)> = Vec::new();
        if !self.deletes.is_empty() {
            list.push((&self.deletes, Type::BYTEA_ARRAY));
        }
        if !self.trims.0.is_empty() {
            list.push((&self.trims.0, Type::BYTEA_ARRAY));
            list.push((self.trims.1, Type::INT2_ARRAY));
        }
        if !self.puts.0.is_empty() {
            list.push((&self.puts.0, Type::BYTEA_ARRAY));
            list.push((self.puts.1, Type::INT2_ARRAY));
            list.push((&self.puts.2, Type::BYTEA_ARRAY));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Batch;
    use crate::engine::pending::ops_of;

    fn batch(pairs: &[(&str, Option<usize>)]) -> Ops {
        let mut batch = Batch::default();
        for (key, bytes) in pairs {
            match bytes {
                Some(bytes) => batch.put(key.as_bytes().to_vec(), vec![1; *bytes]),
                None => batch.delete(key.as_bytes().to_vec()),
            }
        }
        ops_of(batch)
    }

    #[test]
    fn of_several_writes_of_a_key_the_last_one_counts() {
        let batches =
            [batch(&[("a", Some(1)), ("b", Some(1)), ("c", None)]), batch(&[("a", None), ("b", Some(2))])];
        let parts = parts(batches.iter(), |key| (key == b"a").then(|| Bytes::from("old")));
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].deletes, ["a"]);
        assert_eq!(parts[0].puts.0, ["b"]);
        assert_eq!(parts[0].puts.2, [vec![1; 2]]);
        assert!(!parts[0].arms().trims, "c was absent, so nothing is left to do");
    }

    #[test]
    fn a_shorter_value_takes_its_pieces_along_and_an_equal_one_costs_nothing() {
        let batches = [batch(&[("a", Some(10)), ("b", Some(4000))])];
        let parts = parts(batches.iter(), |_| Some(Bytes::from(vec![1; 4000])));
        assert_eq!((&parts[0].trims.0[..], &parts[0].trims.1[..]), (&[Bytes::from("a")][..], &[1][..]));
        assert_eq!(parts[0].puts.0, ["a"]);
        assert_eq!(parts[0].params().list().len(), 5);
    }

    #[test]
    fn large_groups_are_cut() {
        let keys: Vec<String> = (0..200).map(|n| format!("{n:03}")).collect();
        let pairs: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(60_000))).collect();
        let parts = parts([batch(&pairs)].iter(), |_| None);
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| part.bytes <= PART_BYTES));
        let rows: usize = parts.iter().map(|part| part.puts.0.len()).sum();
        assert_eq!(rows, 200 * 31);
        assert!(super::parts([].iter(), |_| None)[0].is_empty());
    }
}
