//! Keys, values and batches, with their limits.

use bytes::Bytes;

use super::EngineError;

/// An ordered key: 1 to [`MAX_KEY_BYTES`] bytes.
pub type Key = Vec<u8>;
/// A value: 0 to [`MAX_VALUE_BYTES`] bytes.
pub type Value = Bytes;

/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 1024;
/// Longest value, in bytes (sled stores values over 128 KiB in files of their own).
pub const MAX_VALUE_BYTES: usize = 64 * 1024;
/// Largest batch: the sum of its keys and values, in bytes. The limit exceeds every weight that the table
/// computes exactly, because the table estimates some batches from a part of them (`table::plan::weight`).
pub const MAX_BATCH_BYTES: usize = 112 * 1024 * 1024;
/// Batches up to this size are small: a call that changes one member writes no more.
pub const SMALL_BATCH_BYTES: usize = 64 * 1024;

/// An atomic write as data. A key appears at most once among its puts and deletes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Each key must hold exactly this value (or be absent) when the batch is numbered.
    pub checks: Vec<(Key, Option<Value>)>,
    /// Keys to set.
    pub puts: Vec<(Key, Value)>,
    /// Keys to remove; removing an absent key is not an error.
    pub deletes: Vec<Key>,
    /// For some of the puts, by their index: the difference that makes the value from the one before it (see
    /// `difference`). An engine may store it in the place of the value.
    pub differences: Vec<(usize, Value)>,
    /// Its values are packed already, or are of a kind that does not pack, such as hashes: packing them again
    /// would cost time and save next to nothing.
    pub is_packed: bool,
}

impl Batch {
    /// Adds a put.
    pub fn put(&mut self, key: Key, value: impl Into<Value>) {
        self.puts.push((key, value.into()));
    }

    /// Adds a put of a value that the stored one becomes by `difference`. The key must be stored, and the
    /// batch must check something that changes with every write of the key.
    pub fn put_changed(&mut self, key: Key, value: impl Into<Value>, difference: impl Into<Value>) {
        self.differences.push((self.puts.len(), difference.into()));
        self.put(key, value);
    }

    /// Adds a delete.
    pub fn delete(&mut self, key: Key) {
        self.deletes.push(key);
    }

    /// The bytes of keys and values that the batch writes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let puts: usize = self.puts.iter().map(|(k, v)| k.len() + v.len()).sum();
        puts + self.deletes.iter().map(Vec::len).sum::<usize>()
    }

    /// Rejects a batch that exceeds one of the limits above.
    pub fn check_limits(&self) -> Result<(), EngineError> {
        let keys = self.puts.iter().map(|(k, _)| k).chain(&self.deletes);
        if let Some(key) = keys.into_iter().find(|k| k.is_empty() || k.len() > MAX_KEY_BYTES) {
            return Err(EngineError::TooLarge { what: "key", bytes: key.len(), limit: MAX_KEY_BYTES });
        }
        if let Some((_, value)) = self.puts.iter().find(|(_, v)| v.len() > MAX_VALUE_BYTES) {
            return Err(EngineError::TooLarge { what: "value", bytes: value.len(), limit: MAX_VALUE_BYTES });
        }
        let bytes = self.bytes();
        if bytes > MAX_BATCH_BYTES {
            return Err(EngineError::TooLarge { what: "batch", bytes, limit: MAX_BATCH_BYTES });
        }
        Ok(())
    }
}
