//! One step of a durable job: what it does to members, in one commit.
//!
//! - A step stops after the change that fills its batch. What is left is for the next step.
//! - A member is removed only if nobody has written it since the job's plan was made, and it still matches a
//!   filter that names audiences. Otherwise it is spared, and the outcome says why.
//! - The guard has judged the whole job before its first step; a step gets the allowance for its own changes.

use crate::model::{Edit, Effort, Member, MemberView, Outcome, Parsed, Row, Status};
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::delete::{Doomed, LOOKED_UP_TOGETHER};
use crate::table::plan::prepare::Prepared;
use crate::table::plan::request::EditWhat;
use crate::table::plan::step_request::{Spared, StepOps, StepOutcome, StillMeant};
use crate::table::{Edited, MemberKey, TableError};

impl Plan<'_> {
    /// Does what the step is to do until the batch is full. There may be fewer outcomes than there is to do.
    pub async fn job_step(&mut self, ops: &StepOps<Prepared>) -> Result<Vec<StepOutcome>, TableError> {
        match ops {
            StepOps::Rows(rows, options) => {
                let outcomes = self.upsert_while_room(rows, options).await?;
                Ok(outcomes.into_iter().map(StepOutcome::Row).collect())
            }
            StepOps::Removals(rows, meant) => self.remove_while_room(rows, meant, Removal::Offboard).await,
            StepOps::Deletes(rows, meant) => self.remove_while_room(rows, meant, Removal::Delete).await,
            StepOps::Edits(edits) => self.edit_while_room(edits).await,
            StepOps::Reversals(reversals, _) => self.reverse_while_room(reversals).await,
        }
    }

    async fn remove_while_room(
        &mut self,
        rows: &[Row],
        meant: &StillMeant,
        how: Removal,
    ) -> Result<Vec<StepOutcome>, TableError> {
        let mut outcomes = Vec::with_capacity(rows.len());
        for together in rows.chunks(LOOKED_UP_TOGETHER) {
            self.work(together.len()).await;
            let doomed: Vec<Doomed> = together.iter().copied().map(Doomed::Row).collect();
            self.prefetch_doomed(&doomed).await?;
            for doomed in &doomed {
                outcomes.push(self.remove_meant(doomed, meant, how).await?);
                if self.is_full() {
                    return Ok(outcomes);
                }
            }
        }
        Ok(outcomes)
    }

    /// Removes a member if it is still meant.
    async fn remove_meant(
        &mut self,
        doomed: &Doomed,
        meant: &StillMeant,
        how: Removal,
    ) -> Result<StepOutcome, TableError> {
        let Some((row, member)) = self.find_fetched(doomed).await? else {
            return Ok(StepOutcome::Spared(Spared::Gone));
        };
        let filter = meant.filter.as_deref();
        if member.revision > meant.since
            || filter.is_some_and(|filter| !self.still_matches(row, &member, filter))
        {
            return Ok(StepOutcome::Spared(Spared::Changed));
        }
        match how {
            Removal::Delete => {
                let records = self.delete(doomed).await?;
                Ok(records.map_or(StepOutcome::Spared(Spared::Gone), StepOutcome::Deleted))
            }
            Removal::Offboard if member.status == Status::Inactive => {
                Ok(StepOutcome::Spared(Spared::Inactive))
            }
            Removal::Offboard => {
                let (key, edit) = (MemberKey::Row(row), Edit::Offboard);
                let edited = self.edit(&EditWhat::Change { key, edit, if_revision: None }).await?;
                match edited {
                    Edited::Done { outcome: Outcome::Unchanged, .. } => {
                        Ok(StepOutcome::Spared(Spared::Inactive))
                    }
                    Edited::Done { .. } => Ok(StepOutcome::Removed),
                    Edited::Missing => Ok(StepOutcome::Spared(Spared::Gone)),
                    Edited::Refused(refusal) => Err(TableError::Refused(refusal)),
                }
            }
        }
    }

    /// Whether a member matches a filter now. Nobody does if it names an audience that is archived.
    fn still_matches(&mut self, row: Row, member: &Member, wanted: &Parsed) -> bool {
        let Parsed { filter, named } = wanted;
        let is_known = self.audiences.definitions().audiences().check_named(&named.audiences).is_ok();
        let audiences = self.audiences.memberships(row, member, &named.audiences);
        let view = MemberView { row, member, fold: self.open.parts.hashes.fold(), audiences: &audiences };
        is_known && filter.matches(&view, &mut Effort::default())
    }

    async fn find_fetched(&mut self, doomed: &Doomed) -> Result<Option<(Row, Member)>, TableError> {
        loop {
            match self.find_doomed(doomed) {
                Ok(found) => return Ok(found.map(|(row, member, _)| (row, member))),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    async fn edit_while_room(&mut self, edits: &[EditWhat]) -> Result<Vec<StepOutcome>, TableError> {
        let mut outcomes = Vec::with_capacity(edits.len());
        for together in edits.chunks(LOOKED_UP_TOGETHER) {
            self.work(together.len()).await;
            self.prefetch_edits(together).await?;
            for edit in together {
                outcomes.push(StepOutcome::Edited(self.edit(edit).await?));
                if self.is_full() {
                    return Ok(outcomes);
                }
            }
        }
        Ok(outcomes)
    }
}

/// How members are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    Offboard,
    Delete,
}
