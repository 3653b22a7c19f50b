//! What the plan of a revert does with members, as the data of its job.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::{BaseNumber, JobNumber};
use crate::stored::job::{JobPart, PLAIN_MAX_BYTES, Reversal, decode_reversals, encode_reversal};
use crate::table::TableError;
use crate::table::jobs::state::Jobs;

/// Values read and written together.
const VALUES_TOGETHER: usize = 8;

/// Writes what the plan of a revert does, in the order in which it is applied.
pub struct ReversalWriter<'a> {
    jobs: &'a Jobs,
    base: BaseNumber,
    number: JobNumber,
    /// Values that are not stored yet; the last one is not full.
    values: Vec<Vec<u8>>,
    next: u64,
}

/// Reads it again.
pub struct ReversalReader {
    jobs: Arc<Jobs>,
    base: BaseNumber,
    number: JobNumber,
    next_value: u64,
    /// The place of the next one.
    place: u64,
    ready: VecDeque<Reversal>,
}

impl Jobs {
    /// Begins to write what the plan of a revert does.
    #[must_use]
    pub fn write_reversals(&self, base: BaseNumber, number: JobNumber) -> ReversalWriter<'_> {
        ReversalWriter { jobs: self, base, number, values: Vec::new(), next: 0 }
    }

    /// Reads what the plan of a revert does, from its beginning.
    #[must_use]
    pub fn reversals(self: &Arc<Self>, base: BaseNumber, number: JobNumber) -> ReversalReader {
        let (jobs, ready) = (Arc::clone(self), VecDeque::new());
        ReversalReader { jobs, base, number, next_value: 0, place: 0, ready }
    }
}

impl ReversalWriter<'_> {
    /// Adds the next ones.
    pub async fn add(&mut self, reversals: &[Reversal]) -> Result<(), TableError> {
        for reversal in reversals.iter().map(encode_reversal) {
            match self.values.last_mut() {
                Some(last) if last.len() + reversal.len() <= PLAIN_MAX_BYTES => last.extend(reversal),
                _ => self.values.push(reversal),
            }
        }
        if self.values.len() <= VALUES_TOGETHER {
            return Ok(());
        }
        let rest = self.values.pop();
        self.flush().await?;
        self.values.extend(rest);
        Ok(())
    }

    /// Writes the rest.
    pub async fn finish(mut self) -> Result<(), TableError> {
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), TableError> {
        let values = std::mem::take(&mut self.values);
        self.jobs.put_values(self.base, self.number, JobPart::Reverts, self.next, &values).await?;
        self.next += u64::try_from(values.len()).unwrap_or(u64::MAX);
        Ok(())
    }
}

impl ReversalReader {
    /// The next one, with its place; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<(u64, Reversal)>, TableError> {
        if self.ready.is_empty() {
            let (part, first) = (JobPart::Reverts, self.next_value);
            let values = self.jobs.values(self.base, self.number, part, first, VALUES_TOGETHER).await?;
            self.next_value += u64::try_from(values.len()).unwrap_or(u64::MAX);
            for (_, value) in values {
                self.ready.extend(decode_reversals(&value)?);
            }
        }
        let Some(next) = self.ready.pop_front() else { return Ok(None) };
        self.place += 1;
        Ok(Some((self.place - 1, next)))
    }
}
