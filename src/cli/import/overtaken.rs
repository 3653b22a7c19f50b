//! Failed rows whose member a later row of the file has written.
//!
//! Such a row is older than what its member has now. Mended and imported once more, it would undo the later one, so it is marked
//! in the file of failed rows, with a reason under which it fails again until somebody decides.
//!
//! Rows are known by the hash of what finds their member. How many failed rows are remembered is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::api::grpc::v1;
use crate::model::Fold;

use super::RowFailure;
use super::columns::Told;

/// The reason of a failed row that a later one has overtaken.
pub const OVERTAKEN: &str = "LATER_ROW_APPLIED";
/// Failed rows that are remembered; each takes about 20 bytes.
const MAX_ROWS: usize = 1 << 20;

/// The failed rows so far.
#[derive(Debug, Default)]
pub struct Overtaken {
    /// What finds their members, hashed, and their lines.
    failed: BTreeSet<(u64, u64)>,
    /// The lines of those that were overtaken, and by which.
    lines: BTreeMap<u64, u64>,
    /// Whether more rows failed than are remembered.
    is_full: bool,
}

impl Overtaken {
    /// Whether no row has failed so far, so that none can be overtaken.
    pub fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }

    /// The row of this line has failed, and looks for its member by `finder`.
    pub fn failed(&mut self, line: u64, finder: &str) {
        if self.failed.len() >= MAX_ROWS {
            self.is_full = true;
            return;
        }
        self.failed.insert((hash(finder), line));
    }

    /// The row of this line was applied: it overtakes those before it that look for the same member.
    pub fn applied(&mut self, line: u64, finder: &str) {
        let hash = hash(finder);
        while let Some(&older) = self.failed.range((hash, 0)..(hash, line)).next() {
            self.failed.remove(&older);
            self.lines.insert(older.1, line);
        }
    }

    /// The lines that were overtaken, and by which.
    pub fn lines(&self) -> &BTreeMap<u64, u64> {
        &self.lines
    }

    /// Whether further rows may have been overtaken.
    pub fn is_full(&self) -> bool {
        self.is_full
    }
}

fn hash(finder: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    finder.hash(&mut hasher);
    hasher.finish()
}

/// Why a row that has failed is not to be imported as it is, once the row of line `later` was applied.
pub fn overtaken(later: u64, reason: &str, field: &str, message: &str) -> RowFailure {
    let said = if message.is_empty() { reason.to_owned() } else { format!("{reason}, {message}") };
    let message = format!(
        "the row failed ({said}), and that of line {later}, which is newer, was applied to the same member: delete this row, or, \
         to write it over the newer one, put MENDED in the place of its reason"
    );
    RowFailure::new(OVERTAKEN, field, message)
}

/// A row that an earlier import marked fails again, and keeps its mark.
pub fn check(told: Option<Told<'_>>) -> Result<(), RowFailure> {
    match told.filter(|told| told.reason == OVERTAKEN) {
        Some(told) => Err(RowFailure::new(OVERTAKEN, "", told.message)),
        None => Ok(()),
    }
}

/// What finds a row's member: the field by which rows are matched, or else the id.
pub fn finder(keys: &v1::MemberInput, match_by: v1::MatchBy) -> Option<String> {
    let key = match match_by {
        v1::MatchBy::Unspecified | v1::MatchBy::Ref => keys.r#ref.clone(),
        v1::MatchBy::Email => keys.email.as_deref().map(folded),
        v1::MatchBy::WorkerId => keys.worker_id.clone(),
        v1::MatchBy::Id => None,
    };
    let id = || keys.id.as_deref().map(|id| format!("id {}", id.to_lowercase()));
    key.map(|key| format!("key {key}")).or_else(id)
}

/// An address as servers compare it. By the newest rule, which takes more spellings for one than older stores do: too many rows
/// may be taken for rows of one member by that, and none are missed.
pub fn folded(email: &str) -> String {
    Fold::NEWEST.of(email).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_row_overtakes_all_before_it_that_failed_and_none_after_it() {
        let mut rows = Overtaken::default();
        for (line, finder) in [(2, "a"), (3, "b"), (5, "a"), (9, "a")] {
            rows.failed(line, finder);
        }
        rows.applied(4, "c");
        assert_eq!(rows.lines().len(), 0);
        rows.applied(7, "a");
        assert_eq!(rows.lines(), &BTreeMap::from([(2, 7), (5, 7)]));
        rows.applied(12, "a");
        assert_eq!(rows.lines(), &BTreeMap::from([(2, 7), (5, 7), (9, 12)]));
        assert!(!rows.is_full());
    }

    #[test]
    fn a_member_is_found_by_every_spelling_of_its_address() {
        let found_by = |email: &str| {
            let member = v1::MemberInput { email: Some(email.into()), ..Default::default() };
            finder(&member, v1::MatchBy::Email)
        };
        assert_eq!(found_by("Zo\u{eb}@Bücher.example"), found_by("zoe\u{308}@xn--bcher-kva.example"));
        assert_ne!(found_by("zoe@x.example"), found_by("zoë@x.example"));
    }
}
