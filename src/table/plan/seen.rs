//! What is known of the members of many rows before they are applied, so that most rows are decided by it
//! alone.
//!
//! In a list that is sent again nearly every row repeats its member, and in a new one nearly every row has
//! keys that no member has. Nothing is remembered for these: what a plan remembers is for rows that have to
//! look at members.

use smallvec::SmallVec;

use crate::model::{Row, RowError};
use crate::table::TableError;
use crate::table::index::lookup::Candidates;
use crate::table::index::resolve::Wanted;
use crate::table::plan::batch::Plan;
use crate::table::plan::decide::is_repeat;
use crate::table::plan::prepare::Prepared;
use crate::table::plan::upsert::Uniqueness;

/// What is known of the member of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The row repeats what was applied to this member last.
    Repeated(Row),
    /// No member has any of the row's keys.
    Absent,
    /// What was fetched has to be looked at.
    Fetched,
}

impl Plan<'_> {
    /// Fetches, in two reads for all rows, the candidates of the keys that nearly all of them need, and
    /// returns what is known of each row's member, before what this batch did so far.
    pub(super) async fn look_for(
        &mut self,
        rows: &[Result<Prepared, RowError>],
        uniqueness: Uniqueness,
    ) -> Result<Vec<Seen>, TableError> {
        let first = |row: &Prepared| row.matched_by.keys().next();
        // Of a single row they need no allocation.
        let matched: SmallVec<[Wanted; 1]> = rows.iter().flatten().filter_map(first).collect();
        let mut found = self.candidates_of(&matched).await?.into_iter();
        let (mut seen, mut others) = (Vec::with_capacity(rows.len()), SmallVec::<[Wanted; 2]>::new());
        for row in rows {
            let known = match row {
                Ok(row) => {
                    let key = first(row);
                    let candidates = key.and_then(|_| found.next()).unwrap_or_default();
                    let known = seen_by(row, &candidates);
                    if known == Seen::Absent {
                        others.extend_from_slice(&row.others);
                    } else if known == Seen::Fetched {
                        self.resolved.extend(key.map(|key| (key, candidates)));
                    }
                    known
                }
                Err(_) => Seen::Fetched,
            };
            seen.push(known);
        }
        let found = self.look_up(&others).await?;
        let (mut others, mut new) = (others.into_iter().zip(found), 0);
        for (row, known) in rows.iter().zip(&mut seen) {
            let (Ok(row), Seen::Absent) = (row, *known) else { continue };
            let others: SmallVec<[_; 2]> = others.by_ref().take(row.others.len()).collect();
            let key = first(row);
            let is_new = others.iter().all(|(_, candidates)| candidates.is_empty());
            new += usize::from(is_new);
            // At the end of an ATOMIC request all keys are looked at again. A row without a key has an id.
            if !is_new || key.is_none() || uniqueness != Uniqueness::ByRow {
                self.resolved.extend(key.map(|key| (key, Candidates::new())));
                self.resolved.extend(others);
                *known = Seen::Fetched;
            }
        }
        self.layer.expect_new(new);
        Ok(seen)
    }

    /// What is known of a row's member after what this batch did so far: what it has changed has to be looked
    /// at.
    pub(super) fn still(&self, seen: Seen, row: &Prepared) -> Seen {
        let mut first = row.matched_by.keys().take(1);
        let is_unchanged = match seen {
            Seen::Repeated(_) => first.all(|key| self.has_left(key)),
            Seen::Absent => first.chain(row.others.iter().copied()).all(|key| self.has_left(key)),
            Seen::Fetched => true,
        };
        if is_unchanged { seen } else { Seen::Fetched }
    }

    /// Whether this batch has changed nothing about a key.
    fn has_left(&self, (kind, hash): Wanted) -> bool {
        self.layer.overlays.get(kind).get(hash).next().is_none()
    }

    /// The candidates of keys, some of which are fetched already.
    async fn candidates_of(&self, wanted: &[Wanted]) -> Result<Vec<Candidates>, TableError> {
        if self.resolved.is_empty() {
            return self.look_up(wanted).await;
        }
        let is_missing = |key: &&Wanted| !self.resolved.contains_key(*key);
        let missing: Vec<Wanted> = wanted.iter().filter(is_missing).copied().collect();
        let mut found = self.look_up(&missing).await?.into_iter();
        let known = |key: &Wanted| self.resolved.get(key).cloned();
        Ok(wanted.iter().map(|key| known(key).or_else(|| found.next()).unwrap_or_default()).collect())
    }
}

/// What is known of the member of a row by the candidates of the key that it is matched by first.
fn seen_by(row: &Prepared, candidates: &Candidates) -> Seen {
    let is_repeated = |(_, fingerprint): &&(u64, u64)| is_repeat(*fingerprint, row);
    match candidates.iter().find(is_repeated) {
        Some((member, _)) => Seen::Repeated(Row(*member)),
        None if candidates.is_empty() => Seen::Absent,
        None => Seen::Fetched,
    }
}
