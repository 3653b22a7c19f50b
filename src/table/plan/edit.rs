//! What a call about one member does.

use std::collections::BTreeSet;

use crate::model::counted::{Unseen, Written};
use crate::model::{
    Edit, MatchKey, Member, MemberPatch, MemberRow, Outcome, Refusal, Row, Semantics, Status, Update,
    UpsertOptions, edit, upsert,
};
use crate::stored::block::place;
use crate::stored::commit::Change;
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::prepare::{Beforehand, Writes, keys_of};
use crate::table::plan::upsert::Uniqueness;
use crate::table::read::view::holds;
use crate::table::{EditWhat, Edited, MemberKey, RowOutcome, TableError};

impl Plan<'_> {
    /// Fetches, in two reads for all of them, what nearly all of these calls need.
    pub async fn prefetch_edits(&mut self, edits: &[EditWhat]) -> Result<(), TableError> {
        let hashes = &self.open.parts.hashes;
        let (mut wanted, mut blocks) = (Vec::with_capacity(edits.len() * 2), BTreeSet::new());
        for edit in edits {
            let patch = match edit {
                EditWhat::Create { row, .. } => Some(&row.patch),
                EditWhat::Change { key, edit, .. } => {
                    match key {
                        MemberKey::Row(row) => drop(blocks.insert(place(*row).0)),
                        MemberKey::Ref(value) => wanted.push(hashes.match_key(MatchKey::Ref(value))),
                        MemberKey::Email(value) => wanted.push(hashes.match_key(MatchKey::Email(value))),
                        MemberKey::WorkerId(value) => {
                            wanted.push(hashes.match_key(MatchKey::WorkerId(value)));
                        }
                    }
                    edit.patch()
                }
            };
            wanted.extend(patch.into_iter().flat_map(|patch| keys_of(patch, hashes)));
        }
        self.fetch_hashes(&wanted).await?;
        for (kind, hash) in &wanted {
            let known = self.known((*kind, *hash)).iter().map(|(row, _)| *row);
            let planned = self.layer.overlays.get(*kind).get(*hash).map(|(row, _)| row);
            blocks.extend(known.chain(planned).map(|row| place(Row(row)).0));
        }
        blocks.retain(|number| self.block(*number).is_none());
        self.fetch_blocks(&blocks.into_iter().collect::<Vec<_>>()).await
    }

    /// Applies the call. A refusal is a result, not an error.
    pub async fn edit(&mut self, what: &EditWhat) -> Result<Edited, TableError> {
        loop {
            let tried = match what {
                EditWhat::Create { row, revive } => self.try_create(row, *revive),
                EditWhat::Change { key, edit, if_revision } => self.try_change(key, edit, *if_revision),
            };
            match tried {
                Ok(edited) => return Ok(edited),
                Err(Stop::Need(need)) => self.fetch(need).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// The status of the member at a row whose block was fetched.
    pub fn status_of(&self, row: Row) -> Result<Option<Status>, TableError> {
        match self.member(row) {
            Ok(found) => Ok(found.map(|(member, _)| member.status)),
            Err(Stop::Need(_)) => Ok(None),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn try_create(&mut self, row: &MemberRow, revive: bool) -> Result<Edited, Stop> {
        let new_members = self.layer.header.settings.first_status(self.origin.door);
        if let Some(email) = row.patch.email.as_set().filter(|_| revive) {
            let key = MemberKey::Email(email.clone());
            if let Some((at, member)) =
                self.find(&key)?.filter(|(_, member)| member.status == Status::Inactive)
            {
                let wanted = row.first_status(new_members);
                let revived = upsert::revive(&member, row, Semantics::Replace, wanted, self.now);
                return self.write(at, &member, (&row.patch, Semantics::Replace), revived);
            }
        }
        let member = match upsert::create(row, &UpsertOptions::default(), new_members, self.now) {
            Ok(member) => member,
            Err(refusal) => return Ok(Edited::Refused(refusal)),
        };
        let unique: Vec<_> = keys_of(&row.patch, &self.open.parts.hashes).collect();
        let writes = Writes {
            patch: &row.patch,
            unique: &unique,
            fingerprint: 0,
            sought_by: None,
            beforehand: Beforehand::NOTHING,
            written: self.plainly(),
        };
        let outcome = self.create(writes, member, Uniqueness::ByRow)?;
        self.edited(outcome)
    }

    fn try_change(&mut self, key: &MemberKey, what: &Edit, if_revision: Option<u64>) -> Result<Edited, Stop> {
        let Some((row, member)) = self.find(key)? else { return Ok(Edited::Missing) };
        let new_members = self.layer.header.settings.first_status(self.origin.door);
        let schema = self.layer.header.schema.as_deref();
        let fold = self.open.parts.hashes.fold();
        let update = edit::edit(&member, what, if_revision, new_members, schema, fold, self.now);
        let patch = MemberPatch::default();
        self.write(row, &member, (what.patch().unwrap_or(&patch), what.semantics()), update)
    }

    /// Writes the decided update of the member at `row`.
    fn write(
        &mut self,
        row: Row,
        old: &Member,
        (patch, semantics): (&MemberPatch, Semantics),
        update: Result<Update, Refusal>,
    ) -> Result<Edited, Stop> {
        let update = update.map(|update| self.sight.judge(update, old, patch, semantics, self.now));
        let (change, new) = match update {
            Ok(Update::Unchanged) => {
                let member = Box::new(old.clone());
                return Ok(Edited::Done { row, member, outcome: Outcome::Unchanged });
            }
            Ok(Update::Updated(new)) => (Change::Updated, new),
            Ok(Update::Reactivated(new)) => (Change::Reactivated, new),
            Err(refusal) => return Ok(Edited::Refused(refusal)),
        };
        let Some(before) = self.stored_member(row)? else { return Ok(Edited::Missing) };
        let unique: Vec<_> = keys_of(patch, &self.open.parts.hashes).collect();
        let unseen = Unseen::of(self.sight, patch, semantics);
        let written = Written { unseen, ..self.plainly() };
        let (sought_by, beforehand) = (None, Beforehand::NOTHING);
        let writes = Writes { patch, unique: &unique, fingerprint: 0, sought_by, beforehand, written };
        let outcome = self.change(writes, row, (old, &before), change, new, Uniqueness::ByRow)?;
        self.edited(outcome)
    }

    /// The result: the member as it now is in the plan.
    fn edited(&self, outcome: Result<RowOutcome, Refusal>) -> Result<Edited, Stop> {
        let RowOutcome { row, outcome, .. } = match outcome {
            Ok(outcome) => outcome,
            Err(refusal) => return Ok(Edited::Refused(refusal)),
        };
        let Some(row) = row else { return Ok(Edited::Missing) };
        let member = self.member(row)?.map(|(member, _)| Box::new(member));
        Ok(member.map_or(Edited::Missing, |member| Edited::Done { row, member, outcome }))
    }

    /// The member that a key belongs to, in the current state.
    fn find(&self, key: &MemberKey) -> Result<Option<(Row, Member)>, Stop> {
        let key = match key {
            MemberKey::Row(row) => return Ok(self.member(*row)?.map(|(member, _)| (*row, member))),
            MemberKey::Ref(value) => MatchKey::Ref(value),
            MemberKey::Email(value) => MatchKey::Email(value),
            MemberKey::WorkerId(value) => MatchKey::WorkerId(value),
        };
        let found = self.holder(self.open.parts.hashes.match_key(key), None, |member| {
            holds(member, key, self.open.parts.hashes.fold(), self.now)
        })?;
        Ok(found.map(|(row, member, _)| (row, member)))
    }
}
