//! The index entries of a member, and how they change with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::Key;
use crate::model::schema::AttributeSchema;
use crate::model::{BaseNumber, MatchKey, MemberRecord, RecordKind};
use crate::model::{Member, Row};
use crate::stored::commit::{LookupDelta, LookupOp};
use crate::stored::record_key::{self, RecordName};
use crate::table::index::hash::Hashes;
use crate::table::index::lookup::LookupKind;
use crate::table::index::resolve::Wanted;
use crate::table::index::sets::{SetChange, SetField, status_value, tier_value};

/// The hash under which a lookup has a member; none if the member has no such value.
pub fn hash_of(hashes: &Hashes, kind: LookupKind, member: &Member) -> Option<u64> {
    let profile = &member.profile;
    match kind {
        LookupKind::Ref => profile.ref_.as_ref().map(|value| hashes.value(kind, value.as_str())),
        LookupKind::Email => profile.email.as_ref().map(|value| hashes.email(value)),
        LookupKind::WorkerId => profile.worker_id.as_ref().map(|value| hashes.value(kind, value.as_str())),
    }
}

/// All hashes under which a lookup has a member. In the ref lookup these include its former refs, as long as
/// the member holds them.
pub fn hashes_of(hashes: &Hashes, kind: LookupKind, member: &Member) -> BTreeSet<u64> {
    let former = if kind == LookupKind::Ref { member.aliases.as_slice() } else { &[] };
    let former = former.iter().map(|alias| hashes.value(kind, alias.ref_.as_str()));
    hash_of(hashes, kind, member).into_iter().chain(former).collect()
}

/// The keys of a member, with the places in the lookups where they are found. They include its former refs,
/// also those that have expired.
pub fn match_keys<'m>(hashes: &Hashes, member: &'m Member) -> Vec<(Wanted, MatchKey<'m>)> {
    let profile = &member.profile;
    let keys = [
        profile.ref_.as_ref().map(MatchKey::Ref),
        profile.email.as_ref().map(MatchKey::Email),
        profile.worker_id.as_ref().map(MatchKey::WorkerId),
    ];
    let former = member.aliases.iter().map(|alias| MatchKey::Ref(&alias.ref_));
    keys.into_iter().flatten().chain(former).map(|key| (hashes.match_key(key), key)).collect()
}

/// The lookup deltas from `before` to `after`. The ref's entry gets `fingerprint` whether it is new or stays:
/// each write replaces the fingerprint of the last one (or clears it, with 0).
pub fn lookup_deltas(
    hashes: &Hashes,
    before: Option<&Member>,
    after: Option<&Member>,
    fingerprint: u128,
) -> Vec<LookupDelta> {
    let mut deltas = Vec::with_capacity(3);
    for kind in LookupKind::ALL {
        let has_aliases = |member: Option<&Member>| member.is_some_and(|member| !member.aliases.is_empty());
        if kind == LookupKind::Ref && (has_aliases(before) || has_aliases(after)) {
            alias_deltas(hashes, before, after, fingerprint, &mut deltas);
            continue;
        }
        let old = before.and_then(|member| hash_of(hashes, kind, member));
        let new = after.and_then(|member| hash_of(hashes, kind, member));
        let mut push = |hash, op| deltas.push(LookupDelta { lookup: kind.number(), hash, op });
        let fingerprint = if kind == LookupKind::Ref { fingerprint } else { 0 };
        match (old, new) {
            (Some(old), Some(new)) if old == new => {
                if kind == LookupKind::Ref {
                    push(new, LookupOp::Refresh(fingerprint));
                }
            }
            (old, new) => {
                if let Some(old) = old {
                    push(old, LookupOp::Remove);
                }
                if let Some(new) = new {
                    push(new, LookupOp::Insert(fingerprint));
                }
            }
        }
    }
    deltas
}

/// The lookup deltas of a new member, one for each lookup at most.
pub type NewDeltas = SmallVec<[LookupDelta; 3]>;

/// The lookup deltas of a new member, whose keys have these hashes. A key may be there more than once.
pub fn new_deltas(keys: impl Iterator<Item = Wanted> + Clone, fingerprint: u128) -> NewDeltas {
    let mut deltas = NewDeltas::new();
    for kind in LookupKind::ALL {
        let fingerprint = if kind == LookupKind::Ref { fingerprint } else { 0 };
        let hash = keys.clone().find_map(|(of, hash)| (of == kind).then_some(hash));
        let insert = |hash| LookupDelta { lookup: kind.number(), hash, op: LookupOp::Insert(fingerprint) };
        deltas.extend(hash.map(insert));
    }
    deltas
}

/// The ref deltas of a member that has former refs, before or after.
fn alias_deltas(
    hashes: &Hashes,
    before: Option<&Member>,
    after: Option<&Member>,
    fingerprint: u128,
    deltas: &mut Vec<LookupDelta>,
) {
    let kind = LookupKind::Ref;
    let all =
        |member: Option<&Member>| member.map(|member| hashes_of(hashes, kind, member)).unwrap_or_default();
    let own = |member: Option<&Member>| member.and_then(|member| hash_of(hashes, kind, member));
    let (old, new) = (all(before), all(after));
    let mut push = |hash, op| deltas.push(LookupDelta { lookup: kind.number(), hash, op });
    old.difference(&new).for_each(|hash| push(*hash, LookupOp::Remove));
    for hash in new {
        // Only the current ref recognises repeats, so only its entry has a fingerprint.
        let is_own = own(after) == Some(hash);
        let fingerprint = if is_own { fingerprint } else { 0 };
        if !old.contains(&hash) {
            push(hash, LookupOp::Insert(fingerprint));
        } else if is_own || own(before) == Some(hash) {
            push(hash, LookupOp::Refresh(fingerprint));
        }
    }
}

/// The moves of a row between sets from `before` to `after`, under a schema.
pub fn set_changes(
    row: Row,
    before: Option<&Member>,
    after: Option<&Member>,
    schema: Option<&AttributeSchema>,
) -> Vec<SetChange> {
    let mut changes = Vec::with_capacity(2);
    let mut moved = |field, old: Option<Arc<str>>, new: Option<Arc<str>>| {
        if old != new {
            changes.extend(old.map(|value| SetChange { field, value, row, enters: false }));
            changes.extend(new.map(|value| SetChange { field, value, row, enters: true }));
        }
    };
    let status = |member: &Member| status_value(member.status);
    moved(SetField::Status, before.map(status), after.map(status));
    let tier = |member: &Member| member.profile.tier.as_ref().map(|tier| tier_value(tier.as_str()));
    moved(SetField::Tier, before.and_then(tier), after.and_then(tier));
    changes.extend(schema.into_iter().flat_map(|schema| index_changes(row, before, after, schema)));
    changes
}

/// The moves of a row between the sets of indexed attributes.
pub fn index_changes(
    row: Row,
    before: Option<&Member>,
    after: Option<&Member>,
    schema: &AttributeSchema,
) -> Vec<SetChange> {
    let mut changes = Vec::new();
    for (key, index) in &schema.indexes {
        let value = |member: Option<&'_ Member>| -> Option<Arc<str>> {
            member?.attributes.get(key)?.set_name().map(Arc::from)
        };
        let (old, new) = (value(before), value(after));
        if old != new {
            let field = SetField::Attribute(index.number);
            changes.extend(old.map(|value| SetChange { field, value, row, enters: false }));
            changes.extend(new.map(|value| SetChange { field, value, row, enters: true }));
        }
    }
    changes
}

/// The keys under which a record is found by its id and by its own name.
pub fn record_names(base: BaseNumber, row: Row, record: &MemberRecord) -> Vec<Key> {
    let (kind, own) = (record.kind(), record.name().as_str());
    if kind == RecordKind::Transaction {
        return vec![record_key::transaction(base, own)];
    }
    let id = record.id().map(|id| record_key::record_name(base, row, kind, RecordName::Id(id)));
    id.into_iter().chain([record_key::record_name(base, row, kind, RecordName::Own(own))]).collect()
}
