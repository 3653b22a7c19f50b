//! The end of a request, which becomes a commit, and the end of a batch, which is written.

use crate::engine::Batch;
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
            let parts = block.encode();
            let kept: Vec<u8> = parts.iter().map(|(first, _)| *first).collect();
            let stale = std::iter::once(0)
                .chain(std::mem::take(&mut block.parts))
                .filter(|first| !kept.contains(first));
            stale.for_each(|first| batch.delete(key::block(base, *number, first)));
            block.parts = kept.into_iter().filter(|first| *first != 0).collect();
            for (first, bytes) in parts {
                batch.put(key::block(base, *number, first), bytes);
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
