//! One member by its key, which is what most calls about a member ask for.
//!
//! The result is that of [`View::find`] with one key. The usual way needs no lists of one. What is rare is
//! left to the general way: a key that memory does not know for certain, a block in parts, a member that is
//! not there.

use crate::model::{Member, Row};
use crate::stored::block::{find, place};
use crate::stored::{key, member};
use crate::table::TableError;
use crate::table::index::resolve::known;
use crate::table::read::view::{MemberKey, View, holds};
use crate::table::shared::member_cache::CachedMember;

impl View<'_> {
    /// The member with this key.
    pub async fn find_one(&self, key: &MemberKey) -> Result<Option<(Row, Member)>, TableError> {
        let Some(wanted) = key.as_match_key() else {
            return Ok(self.find(std::slice::from_ref(key)).await?.pop().flatten());
        };
        let Some(rows) = known(&self.published, self.open.parts.hashes.match_key(wanted)) else {
            return Ok(self.find(std::slice::from_ref(key)).await?.pop().flatten());
        };
        for (row, _) in rows {
            let row = Row(row);
            let Some(record) = self.record(row).await? else { continue };
            let candidate = member::decode(&record)?;
            if holds(&candidate, wanted, self.open.parts.hashes.fold(), self.now()) {
                return Ok(Some((row, candidate)));
            }
        }
        Ok(None)
    }

    /// The stored member at a row, from the member cache if that has it.
    async fn record(&self, row: Row) -> Result<Option<CachedMember>, TableError> {
        let (base, parts) = (self.open.number, &self.open.parts);
        if let Some(record) = parts.member_cache.get(base, row) {
            return Ok(Some(record));
        }
        let (number, slot) = place(row);
        let first = parts.engine.get_many(&[key::block(base, number, 0)]).await?.pop().flatten();
        if let Some(first) = &first
            && let Some(record) = find(first, true, slot)?
        {
            return Ok(Some(parts.member_cache.put(base, row, record)));
        }
        Ok(self.records(std::iter::once(row)).await?.remove(&row))
    }
}
