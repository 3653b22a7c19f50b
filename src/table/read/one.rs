//! One member by its key, which is what most calls about a member ask for.
//!
//! The result is that of [`View::find`] with one key. The usual way needs no lists of one, and copies nothing
//! of the member. What is rare is left to the general way: a key that memory does not know for certain, a
//! block in parts, a member that is not there.

use crate::engine::Value;
use crate::model::{BorrowedMember, Fold, MatchKey, Member, Row, Timestamp};
use crate::stored::block::{find, place};
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::index::lookup::Candidates;
use crate::table::index::resolve::known;
use crate::table::read::view::{MemberKey, View};
use crate::table::shared::member_cache::CachedMember;

impl View<'_> {
    /// The member with this key.
    pub async fn find_one(&self, key: &MemberKey) -> Result<Option<(Row, Member)>, TableError> {
        self.find_one_as(key, |row, member| (row, member.to_member())).await
    }

    /// What `make` makes of the member with this key, whose texts stay where they were read.
    pub async fn find_one_as<T>(
        &self,
        key: &MemberKey,
        make: impl FnOnce(Row, BorrowedMember<'_>) -> T,
    ) -> Result<Option<T>, TableError> {
        let Some(rows) = self.certain_rows(key) else {
            let found = self.find(std::slice::from_ref(key)).await?.pop().flatten();
            return Ok(found.map(|(row, member)| make(row, (&member).into())));
        };
        for (row, _) in rows {
            let row = Row(row);
            let Some(record) = self.record(row).await? else { continue };
            let candidate = member::borrow(record.bytes())?;
            let holds = |wanted| holds(&candidate, wanted, self.open.parts.hashes.fold(), self.now());
            if key.as_match_key().is_none_or(holds) {
                return Ok(Some(make(row, candidate)));
            }
        }
        Ok(None)
    }

    /// The rows that may have this key, if memory knows them for certain.
    fn certain_rows(&self, key: &MemberKey) -> Option<Candidates> {
        match (key, key.as_match_key()) {
            (_, Some(wanted)) => known(&self.published, self.open.parts.hashes.match_key(wanted)),
            (MemberKey::Row(row), None) => Some(std::iter::once((row.0, 0)).collect()),
            (_, None) => None,
        }
    }

    /// The stored member at a row, from the member cache if that has it.
    async fn record(&self, row: Row) -> Result<Option<Record>, TableError> {
        let (base, parts) = (self.open.number, &self.open.parts);
        if let Some(record) = parts.member_cache.get(base, row) {
            return Ok(Some(Record::Cached(record)));
        }
        let (number, slot) = place(row);
        let first = parts.engine.get_many(&[key::block(base, number, 0)]).await?.pop().flatten();
        if let Some(first) = &first
            && let Some(record) = find(first, true, slot)?
        {
            parts.member_cache.put_if_again(base, row, record);
            return Ok(Some(Record::Read(first.slice_ref(record))));
        }
        Ok(self.records(std::iter::once(row)).await?.remove(&row).map(Record::Cached))
    }
}

/// A stored member.
enum Record {
    Cached(CachedMember),
    /// In the bytes of its block.
    Read(Value),
}

impl Record {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Cached(record) => record,
            Self::Read(record) => record,
        }
    }
}

/// The same as [`holds`](super::view::holds) for a member whose texts lie elsewhere.
fn holds(member: &BorrowedMember<'_>, key: MatchKey<'_>, fold: Fold, now: Timestamp) -> bool {
    match key {
        MatchKey::Ref(value) => member.answers_to(value, now),
        MatchKey::Email(value) => member.email.is_some_and(|email| fold.of(email) == value.folded(fold)),
        MatchKey::WorkerId(value) => member.worker_id == Some(value.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::samples;
    use crate::table::read::view;

    proptest! {
        #[test]
        fn both_forms_of_a_member_have_the_same_keys(
            member in samples::member(), other in samples::member(), now in 0..4_i64, is_older: bool,
        ) {
            let fold = if is_older { Fold::Lower } else { Fold::Full };
            let now = Timestamp::from_micros(now);
            for Member { profile, aliases, .. } in [&member, &other] {
                let refs = profile.ref_.iter().chain(aliases.iter().map(|alias| &alias.ref_));
                let keys = refs.map(MatchKey::Ref);
                let keys = keys.chain(profile.email.iter().map(MatchKey::Email));
                for key in keys.chain(profile.worker_id.iter().map(MatchKey::WorkerId)) {
                    let borrowed = holds(&(&member).into(), key, fold, now);
                    prop_assert_eq!(borrowed, view::holds(&member, key, fold, now), "{:?}", key);
                }
            }
        }
    }
}
