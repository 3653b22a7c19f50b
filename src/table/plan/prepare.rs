//! The part of planning a row that needs no lane and is done in the caller's own task.

use smallvec::SmallVec;

use crate::compute::Stretch;
use crate::model::counted::Written;
use crate::model::origin::Door;
use crate::model::schema::typed;
use crate::model::{
    Attributes, MatchBy, MatchKey, MemberPatch, MemberRow, Reason, Refusal, Row, RowError, Status, Timestamp,
    UpsertOptions, upsert,
};
use crate::table::index::audiences::{Early, Entered};
use crate::table::index::hash::Hashes;
use crate::table::index::lookup::LookupKind;
use crate::table::index::resolve::Wanted;
use crate::table::index::search::RowMoves;
use crate::table::open::OpenBase;
use crate::table::plan::most::Most;

/// A row with its hashes.
#[derive(Debug)]
pub struct Prepared {
    /// The row.
    pub row: MemberRow,
    /// How its member is found.
    pub matched_by: Matched,
    /// The other keys that it sets; each must be unique in the base.
    pub others: SmallVec<[Wanted; 2]>,
    /// Equal for rows that repeat each other; 0 if a repeat of the row must not be recognised.
    pub fingerprint: u128,
    /// The most that it can count as for the guard.
    pub most: Most,
    /// What was found out about the member for the case that the row creates it.
    pub beforehand: Beforehand,
}

/// What the request found out about the member that a row creates, so that the lane need not.
#[derive(Debug, Default)]
pub struct Beforehand {
    /// The audiences that it enters, as far as they were evaluated.
    pub entered: Option<Entered>,
    /// The search sets that it enters. They follow from the row alone.
    pub words: Option<RowMoves>,
}

impl Beforehand {
    /// Nothing.
    pub const NOTHING: &'static Self = &Self { entered: None, words: None };
}

/// What is found out about a row, before the row is moved to it.
struct Hashed {
    matched_by: Matched,
    others: SmallVec<[Wanted; 2]>,
    fingerprint: u128,
    most: Most,
}

/// How the member of a row is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matched {
    /// By a value in a lookup.
    Key(Wanted),
    /// By the first value, or if no member has it, by the second.
    Either(Wanted, Wanted),
    /// By its place, taken from its id.
    Place(Row),
}

impl Matched {
    /// The values in lookups by which the member is found, the decisive one first.
    pub fn keys(self) -> impl Iterator<Item = Wanted> + Clone {
        let keys = match self {
            Self::Key(wanted) => [Some(wanted), None],
            Self::Either(first, second) => [Some(first), Some(second)],
            Self::Place(_) => [None, None],
        };
        keys.into_iter().flatten()
    }
}

/// What a request writes to one member.
#[derive(Debug, Clone, Copy)]
pub struct Writes<'a> {
    /// The fields.
    pub patch: &'a MemberPatch,
    /// The keys that must be unique in the base.
    pub unique: &'a [Wanted],
    /// Equal for rows that repeat each other; 0 if a repeat of the row must not be recognised.
    pub fingerprint: u128,
    /// How a member was sought that is created; `None` if by one of the keys in `unique`.
    pub sought_by: Option<Matched>,
    /// What was found out about a new member.
    pub beforehand: &'a Beforehand,
    /// How it came to the member.
    pub written: Written,
}

impl Prepared {
    fn new(row: MemberRow, hashed: Hashed, beforehand: Beforehand) -> Self {
        let Hashed { matched_by, others, fingerprint, most } = hashed;
        Self { row, matched_by, others, fingerprint, most, beforehand }
    }

    /// What the row writes.
    pub fn writes(&self, written: Written) -> Writes<'_> {
        Writes {
            patch: &self.row.patch,
            unique: &self.others,
            fingerprint: self.fingerprint,
            sought_by: Some(self.matched_by),
            beforehand: &self.beforehand,
            written,
        }
    }
}

impl Writes<'_> {
    /// The keys of the member that it creates. Some may be there twice.
    pub fn keys_of_new(&self) -> impl Iterator<Item = Wanted> + Clone {
        self.sought_by.into_iter().flat_map(Matched::keys).chain(self.unique.iter().copied())
    }
}

/// Hashes the rows of a request that comes through `door`, and yields to other tasks now and then. Rows that
/// did not parse keep their error. While most rows create members, it also finds out which audiences and
/// search sets those enter.
pub async fn prepare_all(
    open: &OpenBase,
    rows: Vec<Result<MemberRow, RowError>>,
    options: &UpsertOptions,
    door: Door,
) -> Vec<Result<Prepared, RowError>> {
    let mut prepared = Vec::with_capacity(rows.len());
    let mut stretch = Stretch::default();
    let is_filling = open.is_filling();
    let mut early = if is_filling { early(open, door).await } else { None };
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        stretch.work(1).await;
        // A row is half a kilobyte, so it is moved once, and taken only when it is its turn.
        let Some(row) = rows.next() else { break };
        prepared.push(match row {
            Ok(row) => match hashed(&row, options, &open.parts.hashes) {
                Ok(hashed) => {
                    let mut beforehand = Beforehand::default();
                    if is_filling && may_create(&row) {
                        beforehand.words = Some(RowMoves::of_new(&row.patch));
                        if let Some((early, new_members)) = &mut early {
                            beforehand.entered = entered(early, &row, options, *new_members);
                        }
                    }
                    Ok(Prepared::new(row, hashed, beforehand))
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        });
    }
    prepared
}

/// What evaluates the members that rows create, and the status that they get; `None` without audiences.
async fn early(open: &OpenBase, door: Door) -> Option<(Early, Status)> {
    let published = open.published.read().await;
    let (header, world) = (&published.header, published.definitions.serving());
    let early = (!world.is_empty()).then(|| Early::new(world, header.schema.clone()))?;
    Some((early, header.settings.first_status(door)))
}

/// Whether a row creates a member if it finds none, and nothing else refuses it.
fn may_create(row: &MemberRow) -> bool {
    row.found_by_id.is_none() && row.doubts.is_none()
}

/// The audiences that the member of a row enters if the row creates it; `None` if it cannot.
fn entered(
    early: &mut Early,
    row: &MemberRow,
    options: &UpsertOptions,
    new_members: Status,
) -> Option<Entered> {
    let mut member = upsert::create(row, options, new_members, Timestamp::default()).ok()?;
    member.attributes = typed(early.schema(), &Attributes::default(), member.attributes).ok()?;
    Some(early.enters(&member))
}

/// Hashes one row. Refuses a row without the key that it is to be matched by.
pub fn prepare(row: MemberRow, options: &UpsertOptions, hashes: &Hashes) -> Result<Prepared, RowError> {
    let hashed = hashed(&row, options, hashes)?;
    Ok(Prepared::new(row, hashed, Beforehand::default()))
}

fn hashed(row: &MemberRow, options: &UpsertOptions, hashes: &Hashes) -> Result<Hashed, RowError> {
    if let Some(place) = row.found_by_id {
        let (matched_by, others) = (Matched::Place(place), keys_of(&row.patch, hashes).collect());
        return Ok(Hashed { matched_by, others, fingerprint: 0, most: Most::of(row, false, options) });
    }
    let or_email = options.or_email && options.match_by == MatchBy::WorkerId;
    let email = row.patch.email.as_set().filter(|_| or_email).map(MatchKey::Email);
    let Some(key) = row.match_key(options.match_by).or(email) else {
        let field = options.match_by.as_str();
        return Err(Refusal::field(Reason::MatchKeyMissing, field, "is missing, but rows are matched by it"));
    };
    let first = hashes.match_key(key);
    // The row sets the first key too, which need not be hashed again.
    let others = keys_but(&row.patch, Some(first.0), hashes).collect();
    let second = email.map(|key| hashes.match_key(key)).filter(|second| *second != first);
    let matched_by = second.map_or(Matched::Key(first), |second| Matched::Either(first, second));
    // Fingerprints are stored in the entries of refs, so only rows matched by ref have one. A row that asks
    // for a revision, or has doubts, is decided by the stored member. A sender that writes fields it may not
    // see must not learn anything about their values, not even that the row is a repeat.
    let repeats = matches!(key, MatchKey::Ref(_))
        && row.if_revision.is_none()
        && row.doubts.is_none()
        && !options.sight.is_blind_to(&row.patch, options.semantics);
    let fingerprint = if repeats { hashes.fingerprint(row, options) } else { 0 };
    Ok(Hashed { matched_by, others, fingerprint, most: Most::of(row, true, options) })
}

/// The value that a patch sets in a lookup.
pub fn key_of(patch: &MemberPatch, kind: LookupKind) -> Option<MatchKey<'_>> {
    match kind {
        LookupKind::Ref => patch.ref_.as_set().map(MatchKey::Ref),
        LookupKind::Email => patch.email.as_set().map(MatchKey::Email),
        LookupKind::WorkerId => patch.worker_id.as_set().map(MatchKey::WorkerId),
    }
}

/// The keys that a patch sets.
pub fn keys_of(patch: &MemberPatch, hashes: &Hashes) -> impl Iterator<Item = Wanted> {
    keys_but(patch, None, hashes)
}

/// The keys that a patch sets, without the one of a lookup.
fn keys_but(
    patch: &MemberPatch,
    without: Option<LookupKind>,
    hashes: &Hashes,
) -> impl Iterator<Item = Wanted> + use<> {
    let wanted = |kind| key_of(patch, kind).filter(|_| without != Some(kind));
    LookupKind::ALL.map(|kind| wanted(kind).map(|key| hashes.match_key(key))).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, Email, Ref, WorkerId};
    use crate::stored::meta;

    #[test]
    fn a_row_has_each_of_its_keys_once() {
        let hashes = Hashes::new(&meta::sample());
        let mut row = MemberRow::default();
        row.patch.email = Change::Set(Email::parse("a@b.cd").unwrap());
        row.patch.worker_id = Change::Set(WorkerId::parse("w").unwrap());
        let keys_of_row = |row: &MemberRow, options: &UpsertOptions| {
            let prepared = prepare(row.clone(), options, &hashes).unwrap();
            let mut keys: Vec<Wanted> = prepared.matched_by.keys().chain(prepared.others).collect();
            let first = keys[0].0;
            keys.sort_unstable();
            (first, keys)
        };
        let by = |match_by, or_email| UpsertOptions { match_by, or_email, ..UpsertOptions::default() };
        for has_ref in [false, true] {
            if has_ref {
                row.patch.ref_ = Change::Set(Ref::parse("a").unwrap());
                let (first, keys) = keys_of_row(&row, &by(MatchBy::Ref, false));
                assert_eq!((first, keys), (LookupKind::Ref, keys_of(&row.patch, &hashes).collect()));
            }
            let (first, keys) = keys_of_row(&row, &by(MatchBy::Email, false));
            assert_eq!((first, keys), (LookupKind::Email, keys_of(&row.patch, &hashes).collect()));
            let (first, keys) = keys_of_row(&row, &by(MatchBy::WorkerId, false));
            assert_eq!((first, keys), (LookupKind::WorkerId, keys_of(&row.patch, &hashes).collect()));
            assert_eq!(prepare(row.clone(), &by(MatchBy::Ref, false), &hashes).is_ok(), has_ref);
        }
        // The second key is also one that must be unique.
        let (first, keys) = keys_of_row(&row, &by(MatchBy::WorkerId, true));
        assert_eq!((first, keys.len()), (LookupKind::WorkerId, 4));
    }
}
