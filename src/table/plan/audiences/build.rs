//! Evaluating new filters for the members that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Audience, AudienceNumber, AudienceState, Member, Row};
use crate::stored::commit::AudienceRows;
use crate::table::TableError;
use crate::table::index::audiences::{AudienceChange, Build, Definitions, Evaluator, Piece, Sided};
use crate::table::index::published::Published;
use crate::table::index::sets::{CHUNK_ROWS, Chunk, RowSet};
use crate::table::plan::batch::Plan;

impl Plan<'_> {
    /// Evaluates the members of the next `blocks` blocks. Also returns whether there are no more members.
    pub async fn build_on(&mut self, build: &Build, blocks: usize) -> Result<(Piece, bool), TableError> {
        let mut piece = Piece { below: build.below(), ..Piece::default() };
        let Some(next) = build.next() else { return Ok((piece, true)) };
        let definitions = Arc::clone(self.audiences.definitions());
        let mut evaluator = Evaluator::new(Arc::clone(&next.world));
        let rows = &mut piece;
        let each = |row, member: &Member| {
            let side = Sided::new(member, &definitions.hands);
            evaluator.each(row, side, &next.built, |audience| rows.add(audience, row));
        };
        let (below, is_complete) = self.next_members(build.below(), blocks, each).await?;
        piece.below = below;
        Ok((piece, is_complete))
    }

    /// Builds everything that is to be built, at once.
    pub(super) async fn build_at_once(&mut self) -> Result<(), TableError> {
        let mut build = Build::new(self.audiences.definitions());
        while build.next().is_some() {
            let (piece, is_complete) = self.build_on(&build, BLOCKS_AT_ONCE).await?;
            build.extend(&piece);
            if is_complete {
                self.switch_to(&build).await;
                // What waited is next.
                build = Build::new(self.audiences.definitions());
            }
        }
        Ok(())
    }

    /// Lets everything that was built decide, which must be complete.
    pub async fn switch_to(&mut self, build: &Build) {
        let Some(next) = build.next() else { return };
        let rows = next.numbers.iter().map(|number| (*number, build.rows(*number))).collect();
        self.serve(rows, |number| next.admitted.contains(&number)).await;
        self.serve_by_sets().await;
    }

    /// Lets the newest filters of the audiences decide for which sets tell who is in them.
    pub(super) async fn serve_by_sets(&mut self) {
        let known = self.known_by_sets().await;
        if !known.is_empty() {
            self.serve(known, |_| true).await;
        }
    }

    /// Lets exactly these rows be in these audiences, and the newest filters of those decide that are
    /// `admitted`. Others that are to be built must not use them.
    async fn serve(
        &mut self,
        rows: BTreeMap<AudienceNumber, RowSet>,
        admitted: impl Fn(AudienceNumber) -> bool,
    ) {
        for (number, wanted) in &rows {
            self.change_rows(*number, wanted).await;
        }
        let audiences = self.audiences.definitions().audiences().clone();
        let built =
            audiences.in_use().filter(|audience| matches!(audience.state, AudienceState::Building { .. }));
        let is_ready = |number| rows.contains_key(&number) && admitted(number);
        let (ready, left): (Vec<_>, Vec<_>) = built.partition(|audience| is_ready(audience.number));
        if left.is_empty() {
            self.audiences.define(Definitions::note_fold);
        }
        let ready = ready.into_iter();
        let ready: Vec<Audience> = ready
            .map(|audience| Audience { state: AudienceState::Ready, ..Audience::clone(audience) })
            .collect();
        self.save(ready);
    }

    /// Lets exactly these rows be in an audience.
    pub(super) async fn change_rows(&mut self, audience: AudienceNumber, wanted: &RowSet) {
        let open = self.open;
        let present = {
            let published = open.published.read().await;
            self.rows_in(&published, audience)
        };
        let chunks: BTreeSet<u64> = present.chunks().chain(wanted.chunks()).map(|(chunk, _)| chunk).collect();
        let none = Chunk::new();
        for chunk in chunks {
            let [had, has] = [&present, wanted].map(|rows| rows.chunk(chunk).unwrap_or(&none));
            self.note_rows(chunk, AudienceRows { audience, enter: has - had, leave: had - has });
        }
    }

    /// The rows that are in an audience, in the current state.
    pub(super) fn rows_in(&self, published: &Published, audience: AudienceNumber) -> RowSet {
        let mut rows = published.members.of(audience);
        let revision = published.header.revision;
        let in_flight = self.in_flight.iter().filter(|layer| layer.header.revision > revision);
        let changes = in_flight.flat_map(|layer| &layer.audiences).chain(&self.layer.audiences);
        changes.filter(|change| change.audience() == audience).for_each(|change| change.apply(&mut rows));
        rows
    }

    /// Adds rows of a chunk that enter and leave an audience to the commit of the current request.
    pub(super) fn note_rows(&mut self, chunk: u64, rows: AudienceRows) {
        if rows.enter.is_empty() && rows.leave.is_empty() {
            return;
        }
        let first = Row(chunk.saturating_mul(CHUNK_ROWS));
        self.weight.add(rows.enter.serialized_size() + rows.leave.serialized_size());
        self.begin_commit().audience_rows(first, &rows);
        self.layer.audiences.push(AudienceChange::Chunk { chunk, rows: Box::new(rows) });
    }
}

/// Blocks that are evaluated together when all are evaluated at once.
const BLOCKS_AT_ONCE: usize = 256;
