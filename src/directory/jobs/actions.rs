//! Reads the stored actions of a batch again, in their order.

use std::sync::Arc;

use super::action::Action;
use super::input::Rows;
use crate::model::{BaseNumber, Date, Job, Sealer};
use crate::table::{Jobs, TableError};

/// The actions of a stored batch.
pub struct Actions {
    rows: Rows,
    sealer: Sealer,
    base: BaseNumber,
    today: Date,
}

impl Actions {
    /// The actions of a job, from the first one on.
    pub fn open(jobs: &Arc<Jobs>, sealer: &Sealer, job: &Job) -> Self {
        let rows = Rows::open(Arc::clone(jobs), job);
        Self { rows, sealer: sealer.clone(), base: job.base, today: job.created_at.date() }
    }

    /// Leaves out the next actions.
    pub async fn skip(&mut self, count: u64) -> Result<(), TableError> {
        for _ in 0..count {
            drop(self.rows.next().await?);
        }
        Ok(())
    }

    /// The next actions, up to `most`; none at the end.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Action>, TableError> {
        let mut actions = Vec::with_capacity(most);
        while actions.len() < most {
            let Some(row) = self.rows.next().await? else { break };
            let line: String = row.cells().collect();
            let action = Action::read(&line, &self.sealer, self.base, self.today);
            let damaged = |fault| TableError::Damaged(format!("an action of a job: {fault}"));
            actions.push(action.map_err(damaged)?);
        }
        Ok(actions)
    }
}
