//! The data values of jobs.

use std::ops::Bound;

use crate::engine::{Batch, Direction};
use crate::model::{BaseNumber, JobNumber};
use crate::stored::job::{self as stored, JobPart};
use crate::table::TableError;
use crate::table::jobs::state::Jobs;

/// Keys deleted in one batch.
const DELETE_AT_ONCE: usize = 500;

impl Jobs {
    /// Stores values of a part, from the place `first` on, in one batch.
    pub async fn put_values(
        &self,
        base: BaseNumber,
        number: JobNumber,
        part: JobPart,
        first: u64,
        plain: &[Vec<u8>],
    ) -> Result<(), TableError> {
        let mut batch = Batch::default();
        for (n, value) in (first..).zip(plain) {
            batch.put(stored::value(base, number, part, n), stored::pack(value));
        }
        self.engine.commit(batch).await?;
        Ok(())
    }

    /// Up to `limit` values of a part, from the place `first` on, with their places.
    pub async fn values(
        &self,
        base: BaseNumber,
        number: JobNumber,
        part: JobPart,
        first: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, TableError> {
        let mut range = stored::values(base, number, Some(part));
        range.start = Bound::Included(stored::value(base, number, part, first));
        let found = self.engine.scan(range, Direction::Forward, limit).await?;
        let mut values = Vec::with_capacity(found.len());
        for (key, value) in found {
            let Some((.., n)) = stored::job_parts(&key) else {
                return Err(TableError::Damaged("the key of a job's data cannot be read".to_owned()));
            };
            values.push((n, stored::unpack(&value)?));
        }
        Ok(values)
    }

    /// Deletes the values of a part, or of all parts.
    pub async fn delete_values(
        &self,
        base: BaseNumber,
        number: JobNumber,
        part: Option<JobPart>,
    ) -> Result<(), TableError> {
        loop {
            let range = stored::values(base, number, part);
            let found = self.engine.scan(range, Direction::Forward, DELETE_AT_ONCE).await?;
            if found.is_empty() {
                return Ok(());
            }
            let deletes = found.into_iter().map(|(key, _)| key).collect();
            self.engine.commit(Batch { deletes, ..Batch::default() }).await?;
        }
    }
}
