//! What happened, or by the plan would happen, to rows and members; and the input of a job.

use std::collections::VecDeque;
use std::sync::Arc;

use super::cover::cover;
use super::keys::MemberKeys;
use super::received::{Headings, RawRows, ReadColumn};
use super::reverted::{Reverted, RevertedReader};
use crate::directory::{Directory, Error, Lacking, Shows};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Job, JobNumber, JobTask, Row, Sight};
use crate::table::{Jobs, PlannedResult, RemovedResult, RowResult, StepResults};

/// Values read at once.
const VALUES: usize = 4;
/// Members to remove read at once.
const REMOVALS: usize = 1_000;

/// What happened to a row of the input, or to a member that the job removes.
#[derive(Debug, Clone, PartialEq)]
pub enum JobResultRow {
    /// A row.
    Row {
        /// The line of the file, or the row of the sheet, from 1.
        line: u64,
        /// What happened to it.
        result: RowResult,
        /// Whether that was applied; otherwise it is the plan's.
        is_applied: bool,
        /// Its key: its ref, or else its e-mail address or worker id; if asked for.
        key: Option<String>,
        /// Whether it is an action that offboards its member.
        is_offboard: bool,
        /// The row as it was received, if asked for.
        input: Option<String>,
    },
    /// A member whose changes a revert takes back.
    Reverted {
        /// What happened to it.
        reverted: Reverted,
        /// Its key, if it exists.
        key: Option<String>,
    },
    /// A member that the job removes.
    Member {
        /// The member.
        row: Row,
        /// What happened to it; `None` if it is only planned.
        fate: Option<RemovedResult>,
        /// Its key: its ref, or else its e-mail address or worker id. `None` if it has none, or if the commit
        /// that deleted it is gone.
        key: Option<String>,
    },
}

/// What results show of the rows as they were received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownInput {
    /// Nothing.
    Nothing,
    /// Their keys.
    Keys,
    /// Their keys, and all that they have.
    Rows,
}

/// Reads the results of a job, piece by piece.
pub struct ResultReader {
    jobs: Arc<Jobs>,
    job: Job,
    failed_only: bool,
    shows: ShownInput,
    sight: Sight,
    keys: MemberKeys,
    input: Option<RawRows>,
    /// The next value of the plan, and the place of its first row.
    plan: (u64, u64),
    /// The next value of what steps did, and what was read of them.
    steps: (u64, VecDeque<StepResults>),
    /// Whether all rows were returned.
    rows_done: bool,
    /// The next member of the plan's list.
    removal: u64,
    /// The results of a revert.
    reverted: Option<RevertedReader>,
}

/// Reads the input of a job, piece by piece.
pub struct InputReader {
    jobs: Arc<Jobs>,
    base: BaseNumber,
    number: JobNumber,
    next: u64,
}

impl Directory {
    /// The results of a job; only failed rows and spared members, with `failed_only`. Rows as they were
    /// received may show all that the sender may see.
    pub async fn job_results(
        &self,
        id: &str,
        failed_only: bool,
        shows: ShownInput,
    ) -> Result<ResultReader, Error> {
        let job = self.job(id).await?;
        if shows == ShownInput::Rows {
            self.check_input(&job)?;
        }
        let jobs = Arc::clone(self.jobs(AccessLevel::Read, job.base).await?);
        let base = self.guarded.base(AccessLevel::Read, job.base).await?;
        // Only its lines say which actions offboard a member. Not every job has lines.
        let needs_lines = shows != ShownInput::Nothing || matches!(job.task, JobTask::Batch { .. });
        let reads_lines = needs_lines && job.input.format.is_some();
        let input = reads_lines.then(|| RawRows::open(Arc::clone(&jobs), &job, self.sealer()));
        let is_revert = matches!(job.task, JobTask::Revert(_));
        let reverted = is_revert.then(|| RevertedReader::open(&jobs, &job));
        Ok(ResultReader {
            jobs,
            job,
            failed_only,
            shows,
            sight: self.guarded.sight(),
            keys: MemberKeys::new(base),
            input,
            plan: (0, 0),
            steps: (0, VecDeque::new()),
            rows_done: false,
            removal: 0,
            reverted,
        })
    }

    /// How the columns of a job's list were read; none if it has no table.
    pub async fn job_columns(&self, job: &Job) -> Result<Vec<ReadColumn>, Error> {
        let jobs = Arc::clone(self.jobs(AccessLevel::Read, job.base).await?);
        match job.task {
            JobTask::Sync(_) => RawRows::open(jobs, job, self.sealer()).columns().await,
            JobTask::Batch { .. } | JobTask::DeleteByFilter { .. } | JobTask::Revert(_) => Ok(Vec::new()),
        }
    }

    /// The input of a job, as it was received.
    pub async fn job_input(&self, id: &str) -> Result<InputReader, Error> {
        let job = self.job(id).await?;
        self.check_input(&job)?;
        let jobs = Arc::clone(self.jobs(AccessLevel::Read, job.base).await?);
        Ok(InputReader { jobs, base: job.base, number: job.number, next: 0 })
    }

    /// A list may have dates of birth and bank details, whoever sent it.
    fn check_input(&self, job: &Job) -> Result<(), Error> {
        match self.guarded.sight() {
            Sight::WithoutPii if job.input.format.is_some() => Err(Lacking::Pii(Shows::JobInput).into()),
            Sight::Whole | Sight::WithoutPii => Ok(()),
        }
    }
}

impl InputReader {
    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let values = self.jobs.input(self.base, self.number, self.next, VALUES).await?;
        self.next += u64::try_from(values.len()).unwrap_or(u64::MAX);
        Ok(if values.is_empty() { None } else { Some(values.concat()) })
    }
}

impl ResultReader {
    /// The headings of a table, if the rows are returned as they were received.
    pub async fn headings(&mut self) -> Result<Option<Headings>, Error> {
        match &mut self.input {
            Some(input) if self.shows == ShownInput::Rows => input.headings().await,
            Some(_) | None => Ok(None),
        }
    }

    /// The job whose results these are.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The next results, in order; may be empty before the end. `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<JobResultRow>>, Error> {
        if let Some(reverted) = &mut self.reverted {
            let failed_only = self.failed_only;
            let results = reverted.next(REMOVALS).await?;
            let Some(mut results) = results else { return Ok(None) };
            results.retain(|result| !failed_only || result.what.is_listed());
            let rows: Vec<Row> = results.iter().filter_map(|result| result.row).collect();
            let mut keys = self.keys.present(&rows).await?;
            let with_key = |reverted: Reverted| {
                let key = reverted.row.and_then(|row| keys.remove(&row));
                JobResultRow::Reverted { reverted, key }
            };
            return Ok(Some(results.into_iter().map(with_key).collect()));
        }
        if !self.rows_done {
            let (value, first) = self.plan;
            let planned = self.jobs.planned(self.job.base, self.job.number, value, 1).await?.pop();
            match planned {
                Some(planned) => {
                    self.plan = (value + 1, first + u64::try_from(planned.len()).unwrap_or(u64::MAX));
                    return self.rows(first, planned).await.map(Some);
                }
                None => {
                    self.rows_done = true;
                    self.input = None;
                    // The rows have passed over what steps did with members.
                    self.steps = (0, VecDeque::new());
                }
            }
        }
        self.members().await
    }

    async fn rows(&mut self, first: u64, planned: Vec<PlannedResult>) -> Result<Vec<JobResultRow>, Error> {
        let mut results = Vec::with_capacity(planned.len());
        for (place, planned) in (first..).zip(planned) {
            let applied = self.of_step(place, |step| &mut step.rows).await?;
            let is_applied = applied.is_some();
            let mut result = applied.unwrap_or(planned.result);
            if self.sight == Sight::WithoutPii {
                result.error.iter_mut().for_each(cover);
            }
            if self.failed_only && result.error.is_none() {
                continue;
            }
            let received = match &mut self.input {
                Some(input) => input.row(place).await?,
                None => None,
            };
            let is_offboard = received.as_ref().is_some_and(|row| row.is_offboard);
            // An action that fails is still about its member.
            result.row = result.row.or(received.as_ref().and_then(|row| row.row));
            let (key, text) = received.map_or((None, None), |row| (row.key, Some(row.text)));
            let key = key.filter(|_| self.shows != ShownInput::Nothing);
            let input = text.filter(|_| self.shows == ShownInput::Rows);
            results.push(JobResultRow::Row {
                line: planned.line,
                result,
                is_applied,
                key,
                is_offboard,
                input,
            });
        }
        Ok(results)
    }

    async fn members(&mut self) -> Result<Option<Vec<JobResultRow>>, Error> {
        let rows = self.jobs.removals(self.job.base, self.job.number, self.removal, REMOVALS).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.removal += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let mut present = self.keys.present(&rows).await?;
        let mut results = Vec::with_capacity(rows.len());
        for row in rows {
            let fate = self.of_step(row, |step| &mut step.removals).await?;
            if self.failed_only && !fate.is_some_and(|fate| fate != RemovedResult::Removed) {
                continue;
            }
            let mut key = present.remove(&row);
            if let (None, Some(_), Some(step)) = (&key, fate, self.steps.1.front()) {
                key = self.keys.deleted(step.revision, row).await?;
            }
            results.push(JobResultRow::Member { row, fate, key });
        }
        Ok(Some(results))
    }

    /// What a step did with a row or member. They are asked for in order.
    async fn of_step<K: Ord + Send, T: Send>(
        &mut self,
        key: K,
        entries: fn(&mut StepResults) -> &mut VecDeque<(K, T)>,
    ) -> Result<Option<T>, Error> {
        loop {
            let (next, steps) = &mut self.steps;
            while let Some(step) = steps.front_mut() {
                let entries = entries(step);
                while entries.front().is_some_and(|(other, _)| *other < key) {
                    entries.pop_front();
                }
                match entries.front() {
                    Some((other, _)) if *other == key => {
                        return Ok(entries.pop_front().map(|(_, result)| result));
                    }
                    Some(_) => return Ok(None),
                    None => drop(steps.pop_front()),
                }
            }
            let more = self.jobs.step_results(self.job.base, self.job.number, *next, VALUES).await?;
            if more.is_empty() {
                return Ok(None);
            }
            *next += u64::try_from(more.len()).unwrap_or(u64::MAX);
            steps.extend(more);
        }
    }
}
