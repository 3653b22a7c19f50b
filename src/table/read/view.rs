//! A view of a base at one revision.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use foldhash::HashMap;
use tokio::sync::RwLockReadGuard;

use crate::engine::{Direction, Key, Value};
use crate::model::schema::AttributeSchema;
use crate::model::search::TokenRange;
use crate::model::{
    AudienceNumber, Audiences, Email, Fold, Hand, MatchKey, Member, MemberRecord, RecordKind, Ref, Row,
    Timestamp, WorkerId,
};
use crate::stored::record_key::{self, RecordName, RecordPlace};
use crate::stored::{member, member_record};
use crate::table::TableError;
use crate::table::index::audiences::AudienceMembers;
use crate::table::index::block::Stored;
use crate::table::index::look_again::LookAgain;
use crate::table::index::published::Published;
use crate::table::index::resolve::resolve;
use crate::table::index::search::{self, WordRows};
use crate::table::index::sets::{RowSet, SetField, Sets};
use crate::table::open::OpenBase;
use crate::table::read::stored::StoredMember;
use crate::table::read::summary::BaseSummary;
use crate::table::shared::member_cache::CachedMember;

/// The key by which a member is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKey {
    /// Its row.
    Row(Row),
    /// Its ref.
    Ref(Ref),
    /// Its e-mail address, in any spelling that folds to the same.
    Email(Email),
    /// Its worker id.
    WorkerId(WorkerId),
}

impl MemberKey {
    pub(super) fn as_match_key(&self) -> Option<MatchKey<'_>> {
        match self {
            Self::Row(_) => None,
            Self::Ref(value) => Some(MatchKey::Ref(value)),
            Self::Email(value) => Some(MatchKey::Email(value)),
            Self::WorkerId(value) => Some(MatchKey::WorkerId(value)),
        }
    }
}

/// A view holds the view lock of a base shared: everything read through it has one revision, and no commit
/// becomes visible until the view is dropped. Keep it for one point read, batch or page only.
pub struct View<'a> {
    pub(super) open: &'a OpenBase,
    pub(super) published: RwLockReadGuard<'a, Published>,
}

impl<'a> View<'a> {
    pub(in crate::table) fn new(open: &'a OpenBase, published: RwLockReadGuard<'a, Published>) -> Self {
        Self { open, published }
    }

    /// The base's settings, counters and revision.
    #[must_use]
    pub fn summary(&self) -> BaseSummary {
        BaseSummary::new(self.open.number, &self.published.header, self.published.sets.unindexed())
    }

    /// The revision that this view shows.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.published.header.revision
    }

    /// Whether the base was deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.published.header.deleted_at.is_some()
    }

    /// The attribute schema, once one was set.
    #[must_use]
    pub fn schema(&self) -> Option<&AttributeSchema> {
        self.published.header.schema.as_deref()
    }

    /// The row that the next new member gets: all members have lower rows.
    #[must_use]
    pub fn next_row(&self) -> Row {
        Row(self.published.header.next_row)
    }

    /// The sets of the base.
    #[must_use]
    pub fn sets(&self) -> &Sets {
        &self.published.sets
    }

    /// The audiences of the base, archived ones included.
    #[must_use]
    pub fn audiences(&self) -> &Audiences {
        self.published.definitions.audiences()
    }

    /// While an audience is built: the members of rows below this one are evaluated. It may be of another
    /// revision.
    #[must_use]
    pub fn audience_progress(&self, audience: AudienceNumber) -> Row {
        let next = self.published.definitions.next();
        // Others wait.
        let is_built = next.is_some_and(|next| next.admitted.contains(&audience));
        Row(if is_built { self.open.audience_row.load(Ordering::Relaxed) } else { 0 })
    }

    /// The attributes whose index is being built, each with the row up to which members are in it.
    #[must_use]
    pub fn indexing(&self) -> Vec<(String, Row)> {
        let sets = &self.published.sets;
        let schema = self.published.header.schema.iter();
        let keys = schema.flat_map(|schema| &schema.indexes);
        let below = |number| sets.built_below(SetField::Attribute(number));
        keys.filter_map(|(key, index)| Some((key.clone(), below(index.number)?))).collect()
    }

    /// The rows that are in an audience; none if it is archived or does not exist.
    #[must_use]
    pub fn audience_rows(&self, audience: AudienceNumber) -> RowSet {
        self.published.members.of(audience)
    }

    /// Who is in which audience.
    #[must_use]
    pub fn memberships(&self) -> AudienceMembers {
        self.published.members.snapshot()
    }

    /// What is kept by hand about a row in an audience.
    #[must_use]
    pub fn audience_hand(&self, audience: AudienceNumber, row: Row) -> Hand {
        self.published.definitions.hands.of(audience, row)
    }

    /// The rows that were picked for an audience by hand, including those of deleted members.
    #[must_use]
    pub fn audience_picked(&self, audience: AudienceNumber) -> RowSet {
        self.published.definitions.hands.picked(audience)
    }

    /// The rows that were removed from an audience by hand, including those of deleted members.
    #[must_use]
    pub fn audience_removed(&self, audience: AudienceNumber) -> RowSet {
        self.published.definitions.hands.removed(audience)
    }

    /// For each range, the rows of the members that have a word with a token in it.
    pub async fn word_rows(&self, ranges: &[TokenRange]) -> Result<Vec<WordRows>, TableError> {
        search::read(&self.open.parts.engine, self.open.number, &self.published.search, ranges).await
    }

    /// The members with these keys, in the same order.
    pub async fn find(&self, keys: &[MemberKey]) -> Result<Vec<Option<(Row, Member)>>, TableError> {
        let wanted: Vec<_> = keys
            .iter()
            .filter_map(MemberKey::as_match_key)
            .map(|key| self.open.parts.hashes.match_key(key))
            .collect();
        let (engine, base) = (&self.open.parts.engine, self.open.number);
        let mut resolved = resolve(engine, base, &self.published, &[], &wanted).await?.into_iter();
        let rows: Vec<Vec<Row>> = keys
            .iter()
            .map(|key| match key {
                MemberKey::Row(row) => vec![*row],
                _ => resolved.next().unwrap_or_default().into_iter().map(|(row, _)| Row(row)).collect(),
            })
            .collect();
        let records = self.records(rows.iter().flatten().copied()).await?;
        let now = self.now();
        let mut found = Vec::with_capacity(keys.len());
        for (key, rows) in keys.iter().zip(rows) {
            let mut member = None;
            for row in rows {
                let Some(record) = records.get(&row) else { continue };
                let candidate = member::decode(record)?;
                if key
                    .as_match_key()
                    .is_none_or(|key| holds(&candidate, key, self.open.parts.hashes.fold(), now))
                {
                    member = Some((row, candidate));
                    break;
                }
            }
            found.push(member);
        }
        Ok(found)
    }

    /// The stored members at `rows`, from the member cache where it has them.
    pub(super) async fn records(
        &self,
        rows: impl Iterator<Item = Row>,
    ) -> Result<HashMap<Row, CachedMember>, TableError> {
        let (base, cache) = (self.open.number, &self.open.parts.member_cache);
        let mut found = HashMap::default();
        let mut unknown = Vec::new();
        for row in rows {
            match cache.get(base, row) {
                Some(record) => drop(found.insert(row, record)),
                None => unknown.push(row),
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let stored = self.stored_members(&unknown).await?.into_iter();
        found.extend(stored.map(|(row, record)| (row, cache.put(base, row, record.bytes()))));
        Ok(found)
    }

    /// The members at `rows` as they are stored, in the same order. Rows without a member are omitted. The
    /// blocks are read in their order, each once, and no member is decoded.
    pub async fn stored_members(&self, rows: &[Row]) -> Result<Vec<(Row, StoredMember)>, TableError> {
        let mut again = LookAgain::default();
        loop {
            let stored =
                Stored::read(&self.open.parts.engine, self.open.number, rows.iter().copied()).await?;
            let mut members = Vec::with_capacity(rows.len());
            let mut missed = None;
            for row in rows {
                match stored.shared(*row)? {
                    Some(record) => members.push((*row, StoredMember::new(record))),
                    None if self.published.sets.has_members(*row, 1) => missed = Some(*row),
                    None => {}
                }
            }
            match missed {
                Some(row) if again.wait(self.open.number, row).await => {}
                Some(_) | None => return Ok(members),
            }
        }
    }

    /// Up to `limit` records of one kind that are attached to a member, with their sequences: those after
    /// (`backward`: before) the sequence `after`. `None` if the row has no member.
    pub async fn member_records(
        &self,
        row: Row,
        kind: RecordKind,
        after: Option<u64>,
        backward: bool,
        limit: usize,
    ) -> Result<Option<Vec<(u64, MemberRecord)>>, TableError> {
        if self.find_one(&MemberKey::Row(row)).await?.is_none() {
            return Ok(None);
        }
        let range = record_key::records_of(self.open.number, row, kind, after, backward);
        let direction = if backward { Direction::Backward } else { Direction::Forward };
        let found = self.open.parts.engine.scan(range, direction, limit).await?;
        let records = read_records(found)?.into_iter();
        Ok(Some(records.map(|(place, record)| (place.sequence, record)).collect()))
    }

    /// The record with this id, which the service assigned.
    pub async fn member_record(
        &self,
        row: Row,
        kind: RecordKind,
        id: u128,
    ) -> Result<Option<MemberRecord>, TableError> {
        let (engine, base) = (&self.open.parts.engine, self.open.number);
        let name = record_key::record_name(base, row, kind, RecordName::Id(id));
        let Some(place) = engine.get_many(&[name]).await?.pop().flatten() else { return Ok(None) };
        let (row, sequence) = member_record::decode_place(&place)?;
        let key = record_key::record(base, RecordPlace { row, kind, sequence });
        let found = engine.get_many(&[key]).await?.pop().flatten();
        Ok(found.map(|bytes| member_record::decode(kind, &bytes)).transpose()?)
    }

    /// Reads up to `limit` records of all members after `after`, and omits those of deleted members. Also
    /// returns where to continue, if there may be more.
    pub async fn all_records(
        &self,
        after: Option<RecordPlace>,
        limit: usize,
    ) -> Result<(Vec<(RecordPlace, MemberRecord)>, Option<RecordPlace>), TableError> {
        let range = record_key::records(self.open.number, after);
        let found = self.open.parts.engine.scan(range, Direction::Forward, limit).await?;
        let complete = found.len() < limit;
        let mut records = read_records(found)?;
        let next = records.last().map(|(place, _)| *place).filter(|_| !complete);
        let mut rows: Vec<Row> = records.iter().map(|(place, _)| place.row).collect();
        rows.dedup();
        let living: HashSet<Row> =
            self.stored_members(&rows).await?.into_iter().map(|(row, _)| row).collect();
        records.retain(|(place, _)| living.contains(&place.row));
        Ok((records, next))
    }

    /// The time, which is never before the last write, even if the clock went back.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.open.now(&self.published.header)
    }

    /// The members at `rows`, in the same order. Rows without a member are omitted.
    pub async fn members(&self, rows: &[Row]) -> Result<Vec<(Row, Member)>, TableError> {
        let stored = self.stored_members(rows).await?.into_iter();
        stored.map(|(row, member)| Ok((row, member.decode()?))).collect()
    }
}

fn read_records(found: Vec<(Key, Value)>) -> Result<Vec<(RecordPlace, MemberRecord)>, TableError> {
    let mut records = Vec::with_capacity(found.len());
    for (key, value) in found {
        let place = record_key::record_place(&key);
        let place =
            place.ok_or_else(|| TableError::Damaged("the key of a record cannot be read".to_owned()))?;
        records.push((place, member_record::decode(place.kind, &value)?));
    }
    Ok(records)
}

/// Whether `member` really has the key that was looked up. A lookup compares only hashes. A former ref counts
/// as long as it is valid.
pub(in crate::table) fn holds(member: &Member, key: MatchKey<'_>, fold: Fold, now: Timestamp) -> bool {
    let profile = &member.profile;
    match key {
        MatchKey::Ref(value) => member.answers_to(value, now),
        MatchKey::Email(value) => {
            profile.email.as_ref().is_some_and(|email| email.folded(fold) == value.folded(fold))
        }
        MatchKey::WorkerId(value) => profile.worker_id.as_ref() == Some(value),
    }
}
