//! The end of a request, which becomes a commit, and the end of a batch, which is written.

use crate::engine::Batch;
use crate::stored::block::{Part, Written};
use crate::stored::key;
use crate::table::index::layer::Layer;
use crate::table::plan::batch::Plan;

impl Plan<'_> {
    /// Ends the current request, and returns the revision after it. If the request changed something, it
    /// becomes a commit with a revision of its own.
    pub fn end_request(&mut self) -> u64 {
        if let Some(commit) = self.commit.take() {
            let header = &mut self.layer.header;
            header.revision += 1;
            header.committed_at = self.now;
            let counted = std::mem::take(&mut self.counted);
            if !counted.is_zero() {
                header.window.add(self.now, &counted);
            }
            for (part, bytes) in (0_u32..).zip(commit.finish()) {
                self.commits.put(key::commit(self.open.number, header.revision, part), bytes);
            }
        }
        self.layer.header.revision
    }

    /// The batch and its layer; `None` if there is nothing to write. A batch that only stores results of
    /// requests checks the header but does not change it, so no other batch is planned on it.
    pub fn finish(mut self) -> Option<(Batch, Layer)> {
        if self.commits.puts.is_empty() {
            return None;
        }
        self.layer.definitions = self.audiences.changed().cloned();
        self.layer.ahead = self.audiences.take_ahead();
        let base = self.open.number;
        let mut batch = self.commits;
        batch.checks.push((key::header(base), Some(self.before)));
        if self.layer.header.revision > self.revision_before {
            batch.put(key::header(base), self.layer.header.encode_head());
            if self.settings_before != Some(self.layer.header.settings_revision) {
                batch.put(key::settings(base), self.layer.header.encode_settings());
            }
        }
        for (number, block) in &mut self.layer.blocks {
            let Written { parts, stale } = block.write();
            stale.into_iter().for_each(|first| batch.delete(key::block(base, *number, first)));
            for Part { first, bytes, difference } in parts {
                let key = key::block(base, *number, first);
                match difference {
                    Some(difference) => batch.put_changed(key, bytes, difference),
                    None => batch.put(key, bytes),
                }
            }
        }
        for (key, value) in &self.layer.records {
            match value {
                Some(value) => batch.put(key.clone(), value.clone()),
                None => batch.delete(key.clone()),
            }
        }
        Some((batch, self.layer))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use proptest::prelude::*;

    use crate::engine::apply_difference;
    use crate::stored::block::{Block, Part};

    proptest! {
        #[test]
        fn the_difference_of_a_part_makes_its_bytes_from_the_stored_ones(
            sizes in proptest::collection::vec(proptest::option::weighted(0.9, 100_usize..2_000), 16),
            steps in proptest::collection::vec(
                proptest::collection::vec((0_usize..16, proptest::option::weighted(0.9, 0_usize..2_000)), 0..3),
                1..8,
            ),
        ) {
            let (mut stored, mut block) = (BTreeMap::<u8, Vec<u8>>::new(), Block::default());
            let whole = sizes.into_iter().enumerate().collect();
            for (number, step) in std::iter::once(whole).chain(steps).enumerate() {
                for (slot, size) in step {
                    let byte = u8::try_from(16 * number + slot).unwrap();
                    block.set(slot, size.map(|size| Bytes::from(vec![byte; size])));
                }
                for Part { first, bytes, difference } in block.write().parts {
                    if let Some(difference) = difference {
                        let made = apply_difference(&stored[&first], &difference);
                        prop_assert_eq!(made.as_deref(), Some(&bytes[..]));
                    }
                    stored.insert(first, bytes.to_vec());
                }
            }
        }
    }

    #[test]
    fn one_changed_member_of_sixteen_is_a_difference_and_many_are_not() {
        let mut block = Block::default();
        (0..16).for_each(|slot| block.set(slot, Some(Bytes::from(vec![1; 180]))));
        assert_eq!(block.write().parts[0].difference, None);
        block.set(7, Some(Bytes::from(vec![2; 190])));
        let parts = block.write().parts;
        assert_eq!((parts.len(), parts[0].difference.as_ref().unwrap().len()), (1, 1 + 3 + 190));
        (0..9).for_each(|slot| block.set(slot, Some(Bytes::from(vec![3; 180]))));
        assert_eq!(block.write().parts[0].difference, None);
        block.set(3, None);
        assert_eq!(block.write().parts[0].difference, None);
    }
}
