//! What a revert did, or by its plan would do, with each member.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::directory::Error;
use crate::model::{Job, JobState, Outcome, Refusal, Row};
use crate::table::{Jobs, Reversal, ReversalReader, RowResult, Undo};

/// Values of results read at once.
const VALUES: usize = 16;

/// What happened to a member whose changes a revert takes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reverted {
    /// The member; `None` if it is the memberbase itself that was changed.
    pub row: Option<Row>,
    /// What happened to it.
    pub what: RevertedAs,
    /// Whether that was applied; otherwise it is the plan's.
    pub is_applied: bool,
}

/// What a revert did with a member.
#[derive(Debug, Clone, PartialEq)]
pub enum RevertedAs {
    /// It went back ([`Outcome::Updated`], [`Outcome::Reactivated`]), came back after it was deleted
    /// ([`Outcome::Created`]), or was as before already ([`Outcome::Unchanged`]).
    Done(Outcome),
    /// It was created, and is deleted.
    Deleted,
    /// It was created, and became inactive; why it is not deleted.
    Offboarded(Refusal),
    /// It stays as it is.
    Stays(Refusal),
}

impl RevertedAs {
    /// Whether not everything could be taken back.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        match self {
            Self::Done(_) | Self::Deleted => false,
            Self::Offboarded(_) | Self::Stays(_) => true,
        }
    }
}

/// Reads the results of a revert, in the order of its plan.
pub struct RevertedReader {
    jobs: Arc<Jobs>,
    job: Job,
    reader: ReversalReader,
    /// What steps did; read before the first result. The steps of an earlier plan have other places, so it is
    /// found by member.
    steps: Option<Steps>,
}

#[derive(Default)]
struct Steps {
    done: HashSet<Row>,
    failed: HashMap<Row, Refusal>,
}

impl RevertedReader {
    pub fn open(jobs: &Arc<Jobs>, job: &Job) -> Self {
        let reader = jobs.reversals(job.base, job.number);
        Self { jobs: Arc::clone(jobs), job: job.clone(), reader, steps: None }
    }

    /// The next results, at most `limit`; `None` at the end.
    pub async fn next(&mut self, limit: usize) -> Result<Option<Vec<Reverted>>, Error> {
        let steps = match self.steps.take() {
            Some(steps) => steps,
            None => self.read_steps().await?,
        };
        let mut results = Vec::new();
        while results.len() < limit
            && let Some((_, reversal)) = self.reader.next().await?
        {
            results.push(self.result(&steps, reversal));
        }
        self.steps = Some(steps);
        Ok(if results.is_empty() { None } else { Some(results) })
    }

    fn result(&self, steps: &Steps, Reversal { row, does, .. }: Reversal) -> Reverted {
        let failed = row.and_then(|row| steps.failed.get(&row));
        let is_done = row.is_some_and(|row| steps.done.contains(&row));
        // What the plan leaves as it is was not applied, and that is what happened with it.
        let is_over = self.job.state == JobState::Succeeded && !self.job.is_dry_run;
        let is_applied = is_done || failed.is_some() || (is_over && !does.is_change());
        let what = match (failed, does) {
            (Some(why), _) => RevertedAs::Stays(why.clone()),
            (None, Undo::Stays(why)) => RevertedAs::Stays(why),
            (None, Undo::Unchanged) => RevertedAs::Done(Outcome::Unchanged),
            (None, Undo::Delete(_)) => RevertedAs::Deleted,
            (None, Undo::Offboard(why)) => RevertedAs::Offboarded(why),
            (None, Undo::Returns { .. }) => RevertedAs::Done(Outcome::Created),
            (None, Undo::Back { reactivates: true, .. }) => RevertedAs::Done(Outcome::Reactivated),
            (None, Undo::Back { reactivates: false, .. }) => RevertedAs::Done(Outcome::Updated),
        };
        Reverted { row, what, is_applied }
    }

    async fn read_steps(&self) -> Result<Steps, Error> {
        let (mut steps, mut next) = (Steps::default(), 0);
        loop {
            let some = self.jobs.step_results(self.job.base, self.job.number, next, VALUES).await?;
            if some.is_empty() {
                return Ok(steps);
            }
            next += u64::try_from(some.len()).unwrap_or(u64::MAX);
            for (_, RowResult { row, error, .. }) in some.into_iter().flat_map(|step| step.rows) {
                let Some(row) = row else { continue };
                match error {
                    Some(why) => drop(steps.failed.insert(row, why)),
                    None => {
                        steps.done.insert(row);
                        steps.failed.remove(&row);
                    }
                }
            }
        }
    }
}
