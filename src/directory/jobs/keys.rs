//! The keys by which people know members.

use std::collections::HashMap;
use std::sync::Arc;

use crate::directory::Error;
use crate::model::{Member, Row};
use crate::table::Base;

/// Finds the keys of members: the ref, or else the e-mail address or worker id.
pub struct MemberKeys {
    base: Arc<Base>,
    /// The revision of a commit, and the keys of the members that it deleted.
    deleted: (u64, HashMap<Row, String>),
}

impl MemberKeys {
    /// Those of the members of a memberbase.
    pub fn new(base: Arc<Base>) -> Self {
        Self { base, deleted: (0, HashMap::new()) }
    }

    /// The keys of those members that exist.
    pub async fn present(&self, rows: &[Row]) -> Result<HashMap<Row, String>, Error> {
        let members = self.base.view().await.members(rows).await?;
        Ok(members.into_iter().filter_map(with_key).collect())
    }

    /// The key of a member that a commit deleted. `None` if it did not, or if the commit log no longer has
    /// it.
    pub async fn deleted(&mut self, revision: u64, row: Row) -> Result<Option<String>, Error> {
        if self.deleted.0 != revision {
            let members = self.base.deleted_by(revision).await?;
            self.deleted = (revision, members.into_iter().filter_map(with_key).collect());
        }
        Ok(self.deleted.1.get(&row).cloned())
    }
}

fn with_key((row, member): (Row, Member)) -> Option<(Row, String)> {
    Some((row, member.profile.key()?.to_owned()))
}
