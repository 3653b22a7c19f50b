//! The data values of jobs.

use std::ops::Bound;

use crate::engine::{Batch, Direction};
use crate::model::{BaseNumber, JobNumber, Row};
use crate::stored::job::{
    self as stored, JobPart, PLAIN_MAX_BYTES, PlannedExample, PlannedResult, StepResults,
};
use crate::table::TableError;
use crate::table::jobs::state::Jobs;

/// Keys deleted in one batch.
const DELETE_AT_ONCE: usize = 64;
/// Most values of examples.
const EXAMPLE_VALUES: usize = 1_000;
/// Members to remove in one value: each takes up to ten bytes.
const REMOVALS_IN_VALUE: usize = 5_000;

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
        let mut batch = Batch { is_packed: true, ..Batch::default() };
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

    /// The value in which a plan keeps what it says about some rows.
    pub fn planned_value(rows: &[PlannedResult]) -> Vec<u8> {
        stored::encode_planned(rows)
    }

    /// Stores what a plan says about the next rows, from the value `first` on.
    pub async fn put_planned(
        &self,
        base: BaseNumber,
        number: JobNumber,
        first: u64,
        values: &[Vec<u8>],
    ) -> Result<(), TableError> {
        self.put_values(base, number, JobPart::Plan, first, values).await
    }

    /// What the plan says about rows: up to `limit` values from the place `first` on.
    pub async fn planned(
        &self,
        base: BaseNumber,
        number: JobNumber,
        first: u64,
        limit: usize,
    ) -> Result<Vec<Vec<PlannedResult>>, TableError> {
        let values = self.values(base, number, JobPart::Plan, first, limit).await?;
        values.iter().map(|(_, value)| Ok(stored::decode_planned(value)?)).collect()
    }

    /// Stores the members that a plan removes, in ascending order.
    pub async fn put_removals(
        &self,
        base: BaseNumber,
        number: JobNumber,
        rows: &[Row],
    ) -> Result<(), TableError> {
        for (first, rows) in (0_u64..).zip(rows.chunks(REMOVALS_IN_VALUE)) {
            let value = stored::encode_removals(rows);
            self.put_values(base, number, JobPart::Removals, first, &[value]).await?;
        }
        Ok(())
    }

    /// Up to `limit` members that the plan removes, from the place `from` in their list on; maybe fewer, but
    /// none only at the end.
    pub async fn removals(
        &self,
        base: BaseNumber,
        number: JobNumber,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Row>, TableError> {
        let in_value = u64::try_from(REMOVALS_IN_VALUE).unwrap_or(u64::MAX);
        let values = self.values(base, number, JobPart::Removals, from / in_value, 1).await?;
        let Some((_, value)) = values.first() else { return Ok(Vec::new()) };
        let skipped = usize::try_from(from % in_value).unwrap_or(usize::MAX);
        Ok(stored::decode_removals(value)?.into_iter().skip(skipped).take(limit).collect())
    }

    /// All members that the plan removes.
    pub async fn all_removals(&self, base: BaseNumber, number: JobNumber) -> Result<Vec<Row>, TableError> {
        let mut all = Vec::new();
        loop {
            let from = u64::try_from(all.len()).unwrap_or(u64::MAX);
            let some = self.removals(base, number, from, REMOVALS_IN_VALUE).await?;
            if some.is_empty() {
                return Ok(all);
            }
            all.extend(some);
        }
    }

    /// Stores examples of what a plan does.
    pub async fn put_examples(
        &self,
        base: BaseNumber,
        number: JobNumber,
        examples: &[PlannedExample],
    ) -> Result<(), TableError> {
        let mut values: Vec<Vec<u8>> = Vec::new();
        for example in examples.iter().map(stored::encode_example) {
            // The members of an example are 64 KiB at most; one that is too large for a value is left out.
            if example.len() > PLAIN_MAX_BYTES {
                continue;
            }
            match values.last_mut() {
                Some(last) if last.len() + example.len() <= PLAIN_MAX_BYTES => last.extend(example),
                _ => values.push(example),
            }
        }
        self.put_values(base, number, JobPart::Examples, 0, &values).await
    }

    /// The examples of what the plan does.
    pub async fn examples(
        &self,
        base: BaseNumber,
        number: JobNumber,
    ) -> Result<Vec<PlannedExample>, TableError> {
        let values = self.values(base, number, JobPart::Examples, 0, EXAMPLE_VALUES).await?;
        let mut examples = Vec::new();
        for (_, value) in values {
            examples.extend(stored::decode_examples(&value)?);
        }
        Ok(examples)
    }

    /// What steps did: up to `limit` values from the place `first` on.
    pub async fn step_results(
        &self,
        base: BaseNumber,
        number: JobNumber,
        first: u64,
        limit: usize,
    ) -> Result<Vec<StepResults>, TableError> {
        let values = self.values(base, number, JobPart::Results, first, limit).await?;
        values.iter().map(|(_, value)| Ok(stored::decode_step(value)?)).collect()
    }

    /// The input, byte for byte: up to `limit` values from the place `first` on.
    pub async fn input(
        &self,
        base: BaseNumber,
        number: JobNumber,
        first: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, TableError> {
        let values = self.values(base, number, JobPart::Input, first, limit).await?;
        Ok(values.into_iter().map(|(_, value)| value).collect())
    }

    /// Deletes the plan of a job: it is made again.
    pub async fn delete_plan(&self, base: BaseNumber, number: JobNumber) -> Result<(), TableError> {
        for part in [JobPart::Plan, JobPart::Removals, JobPart::Examples, JobPart::Reverts] {
            self.delete_values(base, number, Some(part)).await?;
        }
        Ok(())
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
