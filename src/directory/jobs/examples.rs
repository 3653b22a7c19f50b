//! Examples of a plan, as its reader may see them.

use super::cover::cover;
use crate::directory::{Directory, Error};
use crate::model::token::AccessLevel;
use crate::model::{Job, Sight};
use crate::table::PlannedExample;

impl Directory {
    /// The examples of the last plan of a job.
    pub async fn job_examples(&self, job: &Job) -> Result<Vec<PlannedExample>, Error> {
        let jobs = self.jobs(AccessLevel::Read, job.base).await?;
        let mut examples = jobs.examples(job.base, job.number).await?;
        for example in &mut examples {
            example.before = example.before.take().map(|member| self.guarded.show(member));
            example.after = example.after.take().map(|member| self.guarded.show(member));
            if self.guarded.sight() == Sight::WithoutPii {
                example.error.iter_mut().for_each(cover);
            }
        }
        Ok(examples)
    }
}
