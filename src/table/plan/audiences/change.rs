//! Changes of the audiences of a base: their names, their filters, and whether they are archived.

use std::sync::Arc;

use crate::model::{
    Audience, AudienceFilter, AudienceName, AudienceNumber, AudienceState, Reason, Refusal, Row,
};
use crate::stored::audience::{self, Record};
use crate::stored::commit::{Change, Deltas};
use crate::table::index::audiences::Definitions;
use crate::table::index::sets::RowSet;
use crate::table::plan::audience_request::AudienceWhat;
use crate::table::plan::batch::Plan;
use crate::table::{RowOutcome, TableError};

/// What a change of an audience did.
#[derive(Debug)]
pub struct Changed {
    /// The audience.
    pub audience: AudienceNumber,
    /// What happened with each row.
    pub rows: Vec<RowOutcome>,
}

impl Plan<'_> {
    /// Changes an audience, or refuses the change and leaves the plan unchanged.
    pub async fn change_audience(
        &mut self,
        what: &AudienceWhat,
    ) -> Result<Result<Changed, Refusal>, TableError> {
        let mut rows = Vec::new();
        let changed = match what {
            AudienceWhat::Create { name, filter } => self.create_audience(name, filter),
            AudienceWhat::Update { audience, name, filter } => {
                self.update_audience(*audience, name.as_ref(), filter.as_ref())
            }
            AudienceWhat::Archive { audience } => self.archive_audience(*audience).await,
            AudienceWhat::Unarchive { audience } => self.unarchive_audience(*audience).await,
            AudienceWhat::AddRows { audience, rows: wanted } => {
                match self.change_by_hand(*audience, wanted, true).await? {
                    Ok(outcomes) => {
                        rows = outcomes;
                        Ok(*audience)
                    }
                    Err(refusal) => Err(refusal),
                }
            }
            AudienceWhat::RemoveRows { audience, rows: wanted } => {
                match self.change_by_hand(*audience, wanted, false).await? {
                    Ok(outcomes) => {
                        rows = outcomes;
                        Ok(*audience)
                    }
                    Err(refusal) => Err(refusal),
                }
            }
        };
        let audience = match changed {
            Ok(audience) => audience,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let is_small = self.layer.header.counts.total() <= self.open.parts.audience_build.at_once;
        if self.audiences.changed().is_some() {
            self.serve_by_sets().await;
            if is_small {
                self.build_at_once().await?;
            }
        }
        Ok(Ok(Changed { audience, rows }))
    }

    /// An audience in the current state, and how many members are in it.
    pub async fn audience(&self, number: AudienceNumber) -> Option<(Arc<Audience>, u64)> {
        let audience = Arc::clone(self.audiences.definitions().audiences().get(number)?);
        let published = self.open.published.read().await;
        Some((audience, self.rows_in(&published, number).len()))
    }

    fn create_audience(
        &mut self,
        name: &AudienceName,
        filter: &AudienceFilter,
    ) -> Result<AudienceNumber, Refusal> {
        let schema = self.layer.header.schema.as_deref();
        self.audiences.definitions().audiences().may_create(name, filter, schema)?;
        let mut number = None;
        self.audiences.define(|definitions| number = definitions.take_number());
        let number = number.ok_or_else(|| Refusal::new(Reason::TooManyAudiences))?;
        let state = match filter.filter() {
            None => AudienceState::Ready,
            Some(_) => AudienceState::Building { row: 0, serving: Box::default() },
        };
        self.save([Audience {
            number,
            name: name.clone(),
            filter: filter.clone(),
            created_at: self.now,
            updated_at: self.now,
            archived_at: None,
            revision: self.revision() + 1,
            state,
        }]);
        Ok(number)
    }

    fn update_audience(
        &mut self,
        number: AudienceNumber,
        name: Option<&AudienceName>,
        filter: Option<&AudienceFilter>,
    ) -> Result<AudienceNumber, Refusal> {
        let schema = self.layer.header.schema.as_deref();
        let audiences = self.audiences.definitions().audiences();
        let before = Arc::clone(audiences.may_update(number, name, filter, schema)?);
        let mut after = Audience::clone(&before);
        name.into_iter().for_each(|name| after.name = name.clone());
        if let Some(filter) = filter.filter(|filter| **filter != before.filter) {
            let serving = before.serving().clone();
            after.filter = filter.clone();
            // An archived audience has no members, and its filter is evaluated when it is unarchived.
            after.state = if serving == *filter || before.is_archived() {
                AudienceState::Ready
            } else {
                AudienceState::Building { row: 0, serving: Box::new(serving) }
            };
        }
        if after != *before {
            self.save([Audience { updated_at: self.now, revision: self.revision() + 1, ..after }]);
        }
        Ok(number)
    }

    async fn archive_audience(&mut self, number: AudienceNumber) -> Result<AudienceNumber, Refusal> {
        let before = Arc::clone(self.audiences.definitions().audiences().may_archive(number)?);
        if before.is_archived() {
            return Ok(number);
        }
        self.change_rows(number, &RowSet::default()).await;
        self.save([Audience {
            archived_at: Some(self.now),
            updated_at: self.now,
            revision: self.revision() + 1,
            state: AudienceState::Ready,
            ..Audience::clone(&before)
        }]);
        Ok(number)
    }

    /// An unarchived audience begins with the members who were picked for it.
    async fn unarchive_audience(&mut self, number: AudienceNumber) -> Result<AudienceNumber, Refusal> {
        let schema = self.layer.header.schema.as_deref();
        let before = Arc::clone(self.audiences.definitions().audiences().may_unarchive(number, schema)?);
        if !before.is_archived() {
            return Ok(number);
        }
        let picked = self.living_of(&self.audiences.definitions().hands.picked(number)).await;
        self.change_rows(number, &picked).await;
        let state = match before.filter.filter() {
            None => AudienceState::Ready,
            Some(_) => AudienceState::Building { row: 0, serving: Box::default() },
        };
        self.save([Audience {
            archived_at: None,
            updated_at: self.now,
            revision: self.revision() + 1,
            state,
            ..Audience::clone(&before)
        }]);
        Ok(number)
    }

    /// Saves audiences as they are now, and notes each in the commit of the current request.
    pub(super) fn save(&mut self, audiences: impl IntoIterator<Item = Audience>) {
        let base = self.open.number;
        let audiences: Vec<Arc<Audience>> = audiences.into_iter().map(Arc::new).collect();
        for audience in &audiences {
            let known = self.audiences.definitions().audiences().get(audience.number);
            let before = known.map(|before| record_of(before).encode());
            let row = Row(audience.number.0.into());
            self.begin_commit().change(row, Change::Audience, before.as_deref(), Deltas::default());
            let record = record_of(audience).encode();
            self.weight.add(record.len() + before.map_or(0, |before| before.len()));
            self.layer.records.insert(audience::audience(base, audience.number), Some(record.into()));
        }
        self.audiences.define(|definitions: &mut Definitions| definitions.put(audiences));
        self.note_change();
    }

    /// Notes that the commit of the current request changes an audience, or what is kept by hand.
    pub(super) fn note_change(&mut self) {
        let revision = self.revision() + 1;
        self.audiences.define(|definitions| definitions.note_change(revision));
        let numbers = self.audiences.definitions().numbers().encode();
        self.layer.records.insert(audience::numbers(self.open.number), Some(numbers.into()));
    }
}

/// The record of an audience.
fn record_of(audience: &Audience) -> Record {
    Record {
        name: audience.name.as_str().to_owned(),
        filter: audience.filter.raw().to_vec(),
        created_at: audience.created_at,
        updated_at: audience.updated_at,
        archived_at: audience.archived_at,
        revision: audience.revision,
        serving: match &audience.state {
            AudienceState::Ready => None,
            AudienceState::Building { serving, .. } => Some(serving.raw().to_vec()),
        },
    }
}
