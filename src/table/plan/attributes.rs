//! Attributes of many members at once.

use std::collections::BTreeSet;

use super::keys::lookup_deltas;
use super::upsert::check_size;
use super::{Plan, Stop};
use crate::model::limits::ATTRIBUTES_MAX_KEYS;
use crate::model::schema::typed;
use crate::model::{AttributePatch, Member, Reason, Refusal, Row};
use crate::schema::block::place;
use crate::schema::commit::Change;
use crate::schema::member;
use crate::table::{AttributesReply, AttributesRequest, TableError};

/// A member whose attributes change.
struct Changed {
    row: Row,
    old: Member,
    before: bytes::Bytes,
    new: Member,
    record: Vec<u8>,
    values: u64,
}

impl Plan<'_> {
    /// Changes the attributes of members, each named once. When one of them cannot be changed and the request is strict,
    /// none is.
    pub async fn change_attributes(
        &mut self,
        request: &AttributesRequest,
    ) -> Result<AttributesReply, TableError> {
        let blocks: BTreeSet<u64> = request.changes.iter().map(|(row, _)| place(*row).0).collect();
        let missing: Vec<u64> =
            blocks.into_iter().filter(|number| !self.layer.blocks.contains_key(number)).collect();
        self.fetch_blocks(&missing).await?;
        let mut refused = Vec::new();
        let mut changed = Vec::new();
        for (index, (row, patch)) in request.changes.iter().enumerate() {
            match self.with_need(*row, patch).await? {
                Ok(change) => changed.extend(change),
                Err(refusal) => refused.push((index, refusal)),
            }
        }
        let mut values = 0;
        if !request.is_strict || refused.is_empty() {
            for change in changed {
                values += change.values;
                self.write_attributes(change).await?;
            }
        }
        Ok(AttributesReply { values, refused, revision: self.revision() })
    }

    async fn with_need(
        &mut self,
        row: Row,
        patch: &AttributePatch,
    ) -> Result<Result<Option<Changed>, Refusal>, TableError> {
        loop {
            match self.try_attributes(row, patch) {
                Ok(decided) => return Ok(decided),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// What the patch makes of the member; nothing if it changes nothing.
    fn try_attributes(
        &self,
        row: Row,
        patch: &AttributePatch,
    ) -> Result<Result<Option<Changed>, Refusal>, Stop> {
        let Some((old, before)) = self.member(row)? else {
            return Ok(Err(Refusal::new(Reason::MemberNotFound)));
        };
        let wanted = old.attributes.patched(patch, patch.replace_all);
        let attributes = match typed(self.layer.header.schema.as_deref(), &old.attributes, wanted) {
            Ok(attributes) => attributes,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let values = old.attributes.differences(&attributes);
        if values == 0 {
            return Ok(Ok(None));
        }
        if attributes.len() > ATTRIBUTES_MAX_KEYS {
            let description =
                format!("must have at most {ATTRIBUTES_MAX_KEYS} keys, not {}", attributes.len());
            return Ok(Err(Refusal::field(Reason::AttributeInvalid, "attributes", description)));
        }
        let revision = self.layer.header.revision + 1;
        let new = Member { attributes, updated_at: self.now, revision, ..old.clone() };
        let record = member::encode(&new);
        Ok(check_size(&record).map(|()| Some(Changed { row, old, before, new, record, values })))
    }

    async fn write_attributes(&mut self, change: Changed) -> Result<(), TableError> {
        let number = place(change.row).0;
        loop {
            match self.ensure_block(number, false) {
                Ok(()) => break,
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        let lookups = lookup_deltas(&self.shared.hashes, Some(&change.old), Some(&change.new), 0);
        let sets = self.set_changes(change.row, Some(&change.old), Some(&change.new));
        self.set_record(change.row, Some(change.record));
        self.note(change.row, Change::Updated, Some(&change.before), &lookups, sets);
        Ok(())
    }
}
