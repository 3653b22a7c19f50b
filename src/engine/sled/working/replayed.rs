//! Differences of the log, replayed into a working copy that may be ahead of them.
//!
//! A working copy that was killed has every batch up to some position, and of later ones some keys. So a key
//! may have a later value than the batch that is replayed knew. Its differences lead to its last value all
//! the same (`difference`), unless a later batch writes it anew or removes it; then a difference may not fit,
//! and does not matter. **A difference that did not fit and that nothing replaced shows that the working copy
//! is damaged.**

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use crate::engine::Value;
use crate::engine::pending::Op;
use crate::engine::sled::log::payload::{Logged, Write};
use crate::engine::sled::working::trouble::Trouble;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// What the batches since the last flush wrote.
    values: HashMap<Bytes, Option<Value>>,
    /// Keys with a difference that did not fit.
    misfits: BTreeSet<Bytes>,
}

impl Replayed {
    /// The writes of the next batch without differences. `stored` is the value as of the last flush or later.
    pub(super) fn resolve(
        &mut self,
        writes: Vec<Logged>,
        stored: impl Fn(&[u8]) -> Result<Option<Value>, Trouble>,
    ) -> Result<Vec<Op>, Trouble> {
        let mut ops = Vec::with_capacity(writes.len());
        for Logged { key, write, .. } in writes {
            let value = match write {
                Write::Value(value) => Some(value),
                Write::Removal => None,
                Write::Difference(_) => {
                    let before = match self.values.get(&key) {
                        Some(before) => before.clone(),
                        None => stored(&key)?,
                    };
                    let made = before.and_then(|before| write.over(&Write::Value(before)));
                    if let Some(Write::Value(value)) = made {
                        self.values.insert(key.clone(), Some(value.clone()));
                        ops.push(Op { key, value: Some(value), is_known: true });
                    } else {
                        self.misfits.insert(key);
                    }
                    continue;
                }
            };
            self.misfits.remove(&key);
            self.values.insert(key.clone(), value.clone());
            ops.push(Op { key, value, is_known: false });
        }
        Ok(ops)
    }

    /// The working copy gets what was resolved so far.
    pub(super) fn flush(&mut self) {
        self.values.clear();
    }

    /// Whether every difference fitted or was replaced.
    pub(super) fn check_complete(&self) -> Result<(), Trouble> {
        match self.misfits.len() {
            0 => Ok(()),
            count => {
                Err(Trouble::Content(format!("{count} values of it are not those that the log changes")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(key: &'static [u8], write: Write) -> Logged {
        Logged { key: Bytes::from_static(key), write, is_packed: false }
    }

    fn value(bytes: &'static [u8]) -> Write {
        Write::Value(Bytes::from_static(bytes))
    }

    fn difference(bytes: &'static [u8]) -> Write {
        Write::Difference(Bytes::from_static(bytes))
    }

    fn absent(_: &[u8]) -> Result<Option<Value>, Trouble> {
        Ok(None)
    }

    #[test]
    fn differences_are_applied_to_what_the_batches_before_wrote_and_else_to_what_is_stored() {
        let mut replayed = Replayed::default();
        let stored = |_: &[u8]| Ok(Some(Bytes::from_static(&[3, 1, b'c'])));
        let writes = vec![logged(b"a", value(&[1, 1, b'a'])), logged(b"b", difference(&[0, 2, 1, b'b']))];
        let ops = replayed.resolve(writes, stored).unwrap();
        assert_eq!(ops[1].value.as_deref(), Some(&[2, 1, b'b', 3, 1, b'c'][..]));
        let ops = replayed.resolve(vec![logged(b"a", difference(&[0, 0, 0]))], stored).unwrap();
        assert_eq!(ops[0].value.as_deref(), Some(&[0, 0, 1, 1, b'a'][..]));
        assert!(replayed.check_complete().is_ok());
    }

    #[test]
    fn a_difference_that_does_not_fit_is_damage_unless_its_key_is_written_later() {
        for (write, is_complete) in
            [(value(b""), true), (Write::Removal, true), (difference(&[0, 1, 0]), false)]
        {
            let mut replayed = Replayed::default();
            let ops = replayed.resolve(vec![logged(b"a", difference(&[0, 1, 0]))], absent).unwrap();
            assert!(ops.is_empty() && replayed.check_complete().is_err());
            replayed.flush();
            replayed.resolve(vec![logged(b"a", write)], absent).unwrap();
            assert_eq!(replayed.check_complete().is_ok(), is_complete);
        }
    }
}
