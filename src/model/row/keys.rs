//! The keys by which a row of a list names members, even if the row cannot be applied.
//!
//! A full list removes members that it does not name. So every key that can be read counts, also that of a
//! row with faults; and a key that cannot be read is known to be there.

use crate::model::contact::email::Email;
use crate::model::refusal::error::RowError;
use crate::model::row::input::{MatchKey, MemberRow};
use crate::model::value::text::{Ref, WorkerId};

/// The keys of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RowKeys {
    /// The ref.
    pub ref_: Option<Ref>,
    /// The e-mail address. It may be one that today's rules refuse and an older store may have.
    pub email: Option<Email>,
    /// The worker id.
    pub worker_id: Option<WorkerId>,
    /// Whether the row has a value for a key that cannot be read.
    pub is_unreadable: bool,
}

/// A row that cannot be applied, with the keys that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadRow {
    /// Why it cannot be applied.
    pub error: RowError,
    /// Its keys.
    pub keys: Box<RowKeys>,
}

impl RowKeys {
    /// The keys of a row that was parsed, including an e-mail address in doubt.
    #[must_use]
    pub fn of(row: &MemberRow) -> Self {
        let doubtful = || row.doubts.as_ref().and_then(|doubts| doubts.stored_email());
        Self {
            ref_: row.patch.ref_.as_set().cloned(),
            email: row.patch.email.as_set().cloned().or_else(doubtful),
            worker_id: row.patch.worker_id.as_set().cloned(),
            is_unreadable: false,
        }
    }

    /// The keys that can be read.
    pub fn iter(&self) -> impl Iterator<Item = MatchKey<'_>> {
        let keys = [
            self.ref_.as_ref().map(MatchKey::Ref),
            self.email.as_ref().map(MatchKey::Email),
            self.worker_id.as_ref().map(MatchKey::WorkerId),
        ];
        keys.into_iter().flatten()
    }
}
