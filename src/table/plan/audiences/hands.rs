//! Members that are added to an audience, or removed from it, by hand.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AudienceNumber, Outcome, Reason, Refusal, Row};
use crate::stored::audience::{self, Kind};
use crate::stored::block::place;
use crate::stored::commit::AudienceRows;
use crate::stored::index::encode_chunk;
use crate::table::index::sets::{CHUNK_ROWS, Chunk, RowSet, SetField};
use crate::table::plan::batch::{Plan, Stop};
use crate::table::plan::guard::FETCHED_MAX_BYTES;
use crate::table::{RowOutcome, TableError};

/// Members whose blocks are read together.
const READ_TOGETHER: usize = 512;

/// Rows that enter and leave audiences, by audience and chunk.
type Moved = BTreeMap<(AudienceNumber, u64), AudienceRows>;

impl Plan<'_> {
    /// Adds members to an audience, or removes them (`adds` is false). The outcome of a row is `Updated` or
    /// `Unchanged`, or a failure if it has no member.
    pub(super) async fn change_by_hand(
        &mut self,
        audience: AudienceNumber,
        rows: &[Row],
        adds: bool,
    ) -> Result<Result<Vec<RowOutcome>, Refusal>, TableError> {
        if let Err(refusal) = self.audiences.definitions().audiences().may_change(audience) {
            return Ok(Err(refusal));
        }
        let mut outcomes = Vec::with_capacity(rows.len());
        let (mut moved, mut chunks) = (Moved::new(), BTreeSet::new());
        for together in rows.chunks(READ_TOGETHER) {
            self.work(together.len()).await;
            let blocks: BTreeSet<u64> = together.iter().map(|row| place(*row).0).collect();
            let blocks: Vec<u64> =
                blocks.into_iter().filter(|number| self.block(*number).is_none()).collect();
            self.fetch_blocks(&blocks).await?;
            for row in together {
                let outcome = match self.hand_one(audience, *row, adds, &mut moved) {
                    Ok(outcome) => outcome,
                    // Every block was fetched, so no `Need` can occur.
                    Err(Stop::Need(_)) => None,
                    Err(Stop::Failed(error)) => return Err(error),
                };
                if outcome == Some(Outcome::Updated) {
                    chunks.insert(row.0 / CHUNK_ROWS);
                }
                outcomes.push(match outcome {
                    Some(outcome) => RowOutcome::ok(*row, outcome),
                    None => RowOutcome::failed(Some(*row), Refusal::new(Reason::MemberNotFound)),
                });
            }
            if self.fetched_bytes > FETCHED_MAX_BYTES {
                self.forget_fetched();
            }
        }
        for ((_, chunk), rows) in moved {
            self.note_rows(chunk, rows);
        }
        self.keep_hands(audience, chunks);
        Ok(Ok(outcomes))
    }

    /// Adds or removes one member; `None` if the row has no member.
    fn hand_one(
        &mut self,
        audience: AudienceNumber,
        row: Row,
        adds: bool,
        moved: &mut Moved,
    ) -> Result<Option<Outcome>, Stop> {
        let Some((member, _)) = self.member(row)? else { return Ok(None) };
        let before = self.audiences.definitions().hands.of(audience, row);
        // While the audience is built, the member is to be in, or out, now and later.
        let (in_all, in_any) = self.audiences.is_matched(row, &member, audience);
        let after = if adds { before.added(in_all) } else { before.removed(in_any) };
        if after == before {
            return Ok(Some(Outcome::Unchanged));
        }
        let kept = self.audiences.changes_by_hand(row, &member, audience, (before, after));
        self.audiences.define(|definitions| definitions.hands.set(audience, row, after));
        self.audiences.note(row, &kept.next);
        let low = u32::try_from(row.0 % CHUNK_ROWS).unwrap_or_default();
        for delta in kept.now {
            let rows = moved.entry((delta.audience, row.0 / CHUNK_ROWS)).or_default();
            rows.audience = delta.audience;
            // A row may be listed twice, so what it does first may be taken back.
            let (to, from) = if delta.enters {
                (&mut rows.enter, &mut rows.leave)
            } else {
                (&mut rows.leave, &mut rows.enter)
            };
            if !from.remove(low) {
                to.insert(low);
            }
        }
        Ok(Some(Outcome::Updated))
    }

    /// Writes chunks of what is kept by hand.
    fn keep_hands(&mut self, number: AudienceNumber, chunks: BTreeSet<u64>) {
        if chunks.is_empty() {
            return;
        }
        // The change may change nobody's membership now, but it is a change of the base.
        self.begin_commit();
        self.note_change();
        let hands = &self.audiences.definitions().hands;
        let kinds = [(Kind::Picked, hands.picked(number)), (Kind::Removed, hands.removed(number))];
        for (kind, rows) in kinds {
            for chunk in &chunks {
                let key = audience::rows(self.open.number, number, kind, *chunk);
                let value = rows.chunk(*chunk).filter(|rows| !rows.is_empty()).map(encode_chunk);
                self.weight.add(key.len() + value.as_ref().map_or(0, Vec::len));
                self.layer.records.insert(key, value.map(Into::into));
            }
        }
    }

    /// Those of some rows that have a member, in the current state.
    pub(super) async fn living_of(&self, rows: &RowSet) -> RowSet {
        let open = self.open;
        let published = open.published.read().await;
        let mut living: BTreeMap<u64, Chunk> = BTreeMap::new();
        let all = published.sets.living();
        for (chunk, _) in rows.chunks() {
            living.insert(chunk, all.chunk(chunk).into_owned());
        }
        for change in self.moves_after(&published).filter(|change| change.field == SetField::Status) {
            let Some(chunk) = living.get_mut(&(change.row.0 / CHUNK_ROWS)) else { continue };
            let low = u32::try_from(change.row.0 % CHUNK_ROWS).unwrap_or_default();
            if change.enters {
                chunk.insert(low)
            } else {
                chunk.remove(low)
            };
        }
        let mut found = RowSet::default();
        for (chunk, there) in rows.chunks() {
            let there = living.get(&chunk).map(|living| living & there).unwrap_or_default();
            found.load(chunk, there, false);
        }
        found
    }
}
