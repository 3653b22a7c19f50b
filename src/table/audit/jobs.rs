//! Checks jobs: every record is readable, and its data are what it says.
//!
//! Data without a record are no damage: they are left of an upload or of a removal that was interrupted, and
//! the housekeeping removes them. A plan is checked only if it is complete, which the state says.

use std::ops::Bound;

use sha2::{Digest, Sha256};

use crate::engine::{Direction, Key, Value};
use crate::model::{Job, JobState, JobTask};
use crate::stored::DecodeError;
use crate::stored::job::{self as stored, JobPart};
use crate::table::TableError;
use crate::table::audit::state::Audit;
use crate::table::index::damage::{Damage, hex};

/// Records read in one step.
const JOBS_TOGETHER: usize = 200;
/// Data values read in one step, of up to 64 KiB each.
const VALUES_TOGETHER: usize = 32;

/// What was read of the data of a job.
#[derive(Default)]
struct Seen {
    input: Sha256,
    input_bytes: u64,
    rows: u64,
    removals: u64,
    reversals: u64,
    /// The number of values of each part, as long as they are without a gap.
    values: [u64; JobPart::ALL.len()],
    has_gap: [bool; JobPart::ALL.len()],
}

/// Checks every job with its data.
pub async fn check(audit: &mut Audit<'_>) -> Result<(), TableError> {
    let mut range = stored::jobs();
    loop {
        let found = audit.engine.scan(range.clone(), Direction::Forward, JOBS_TOGETHER).await?;
        let Some((last, _)) = found.last() else { break };
        range.start = Bound::Excluded(last.clone());
        for (key, value) in found {
            let Some((base, number)) = stored::job_number(&key) else {
                audit.findings.unknown_key(None, &key);
                continue;
            };
            audit.report.jobs += 1;
            match stored::decode(base, number, &value) {
                Ok(job) => check_data(audit, &key, &job).await?,
                Err(error) => audit.findings.unreadable(base, &key, error),
            }
        }
    }
    check_keys(audit).await
}

/// Reports keys of data that have no known form, with one read for each job.
async fn check_keys(audit: &mut Audit<'_>) -> Result<(), TableError> {
    let mut range = stored::values_of();
    loop {
        let found = audit.engine.scan(range.clone(), Direction::Forward, 1).await?.pop();
        let Some((key, _)) = found else { return Ok(()) };
        range.start = match stored::job_parts(&key) {
            Some((base, number, ..)) => stored::after_values(base, number),
            None => {
                audit.findings.unknown_key(None, &key);
                Bound::Excluded(key)
            }
        };
    }
}

async fn check_data(audit: &mut Audit<'_>, record: &Key, job: &Job) -> Result<(), TableError> {
    let mut seen = Seen::default();
    let mut range = stored::values(job.base, job.number, None);
    loop {
        let found = audit.engine.scan(range.clone(), Direction::Forward, VALUES_TOGETHER).await?;
        let Some((last, _)) = found.last() else { break };
        range.start = Bound::Excluded(last.clone());
        for (key, value) in found {
            let Some((.., part, n)) = stored::job_parts(&key) else {
                audit.findings.unknown_key(Some(job.base), &key);
                continue;
            };
            if let Err(error) = seen.add(part, n, &value) {
                audit.findings.unreadable(job.base, &key, error);
            }
        }
    }
    for (what, is_whole) in [
        ("the input", seen.has_input_of(job)),
        ("the results", seen.has_results_of(job)),
        ("the plan", seen.has_plan_of(job)),
    ] {
        if !is_whole {
            audit.findings.add(Some(job.base), Damage::JobData { key: hex(record), what });
        }
    }
    Ok(())
}

impl Seen {
    fn add(&mut self, part: JobPart, n: u64, value: &Value) -> Result<(), DecodeError> {
        let place = part.place();
        if let (Some(next), Some(has_gap)) = (self.values.get_mut(place), self.has_gap.get_mut(place)) {
            *has_gap |= *next != n;
            *next = n.saturating_add(1);
        }
        let plain = stored::unpack(value)?;
        match part {
            JobPart::Input => {
                self.input.update(&plain);
                self.input_bytes += count(plain.len());
            }
            JobPart::Plan => self.rows += count(stored::decode_planned(&plain)?.len()),
            JobPart::Removals => self.removals += count(stored::decode_removals(&plain)?.len()),
            JobPart::Results => drop(stored::decode_step(&plain)?),
            JobPart::Reverts => self.reversals += count(stored::decode_reversals(&plain)?.len()),
            JobPart::Examples | JobPart::Cancelled => {}
        }
        Ok(())
    }

    /// Whether a part has values without a gap, and, if `wanted` is given, as many.
    fn has(&self, part: JobPart, wanted: Option<u64>) -> bool {
        let has_gap = self.has_gap.get(part.place()) == Some(&true);
        !has_gap && wanted.is_none_or(|wanted| self.values.get(part.place()) == Some(&wanted))
    }

    fn has_input_of(&self, job: &Job) -> bool {
        let is_same = job.input.chunks == 0 || self.input.clone().finalize()[..] == job.input.sha256;
        self.has(JobPart::Input, Some(job.input.chunks)) && self.input_bytes == job.input.bytes && is_same
    }

    fn has_results_of(&self, job: &Job) -> bool {
        self.has(JobPart::Results, Some(job.cursor.step))
    }

    fn has_plan_of(&self, job: &Job) -> bool {
        let is_complete = matches!(job.state, JobState::Held | JobState::Running | JobState::Succeeded);
        let Some(plan) = job.plan.as_ref().filter(|_| is_complete) else { return true };
        let parts = [JobPart::Plan, JobPart::Removals, JobPart::Examples, JobPart::Reverts];
        let has_all = match job.task {
            JobTask::Sync(_) => (self.rows, self.removals) == (plan.counts.rows.rows(), plan.counts.removed),
            JobTask::DeleteByFilter { .. } => self.removals == plan.counts.removed,
            JobTask::Batch { .. } => self.rows == plan.counts.rows.rows() + plan.counts.removed,
            JobTask::Revert(_) => self.reversals == job.rows(),
        };
        has_all && parts.into_iter().all(|part| self.has(part, None))
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
