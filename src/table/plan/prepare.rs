//! What can be worked out about a row before it reaches the lane, in the caller's own task.

use crate::compute::Stretch;
use crate::model::{MatchKey, MemberPatch, MemberRow, Reason, Refusal, Row, RowError, UpsertOptions};
use crate::table::index::hash::Hashes;
use crate::table::index::resolve::Wanted;

/// A row with its hashes.
#[derive(Debug)]
pub struct Prepared {
    /// The row.
    pub row: MemberRow,
    /// What finds its member.
    pub matched_by: Matched,
    /// The other keys that it sets, each to be unique in the base.
    pub others: Vec<Wanted>,
    /// Recognises a repeat; 0 where a repeat cannot be recognised.
    pub fingerprint: u128,
}

/// What finds the member of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// A value in a lookup.
    Key(Wanted),
    /// Its place, from its id.
    Place(Row),
}

impl Matched {
    /// The value to look for, if there is one.
    pub fn key(self) -> Option<Wanted> {
        match self {
            Self::Key(wanted) => Some(wanted),
            Self::Place(_) => None,
        }
    }
}

/// What a request writes to one member.
#[derive(Debug, Clone, Copy)]
pub struct Writes<'a> {
    /// The fields.
    pub patch: &'a MemberPatch,
    /// The keys that are to be unique in the base.
    pub unique: &'a [Wanted],
    /// Recognises a repeat; 0 where a repeat cannot be recognised.
    pub fingerprint: u128,
}

impl Prepared {
    /// What the row writes.
    pub fn writes(&self) -> Writes<'_> {
        Writes { patch: &self.row.patch, unique: &self.others, fingerprint: self.fingerprint }
    }
}

/// Hashes the rows of a request, and lets others go first now and then. Those that did not parse keep their error.
pub async fn prepare_all(
    rows: Vec<Result<MemberRow, RowError>>,
    options: &UpsertOptions,
    hashes: &Hashes,
) -> Vec<Result<Prepared, RowError>> {
    let mut prepared = Vec::with_capacity(rows.len());
    let mut stretch = Stretch::default();
    for row in rows {
        stretch.work(1).await;
        prepared.push(row.and_then(|row| prepare(row, options, hashes)));
    }
    prepared
}

/// Hashes one row; a row that lacks the key that it is matched by is refused.
fn prepare(row: MemberRow, options: &UpsertOptions, hashes: &Hashes) -> Result<Prepared, RowError> {
    if let Some(place) = row.found_by_id {
        let others = keys_of(&row.patch, hashes).collect();
        return Ok(Prepared { row, matched_by: Matched::Place(place), others, fingerprint: 0 });
    }
    let Some(key) = row.match_key(options.match_by) else {
        let field = options.match_by.as_str();
        return Err(Refusal::field(
            Reason::MatchKeyMissing,
            field,
            "is the key that rows are matched by, and is missing",
        ));
    };
    let matched_by = hashes.match_key(key);
    let others = keys_of(&row.patch, hashes).filter(|key| *key != matched_by).collect();
    // A row that asks for a revision, or has doubts, is decided by the record, and so are rows that are not
    // matched by ref: the fingerprint stands in the ref's entry. And whoever writes what it may not see learns nothing of
    // what is there, not even that the row repeats another.
    let repeats = matches!(key, MatchKey::Ref(_))
        && row.if_revision.is_none()
        && row.doubts.is_none()
        && !options.sight.is_blind_to(&row.patch, options.semantics);
    let fingerprint = if repeats { hashes.fingerprint(&row, options) } else { 0 };
    Ok(Prepared { row, matched_by: Matched::Key(matched_by), others, fingerprint })
}

/// The keys that a patch sets.
pub fn keys_of(patch: &MemberPatch, hashes: &Hashes) -> impl Iterator<Item = Wanted> {
    let keys = [
        patch.ref_.as_set().map(MatchKey::Ref),
        patch.email.as_set().map(MatchKey::Email),
        patch.worker_id.as_set().map(MatchKey::WorkerId),
    ];
    keys.map(|key| key.map(|key| hashes.match_key(key))).into_iter().flatten()
}
