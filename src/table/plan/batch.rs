//! A batch in the making: the current state as its requests see it, and what they have changed so far.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::compute::Stretch;
use crate::engine::{Batch, Key, Value};
use crate::model::origin::Call;
use crate::model::{
    Allowance, BaseNumber, GuardCounts, Held, Member, Origin, Row, Sight, TierCounts, Timestamp,
};
use crate::stored::block::{Block, place};
use crate::stored::commit::{AudienceDelta, Change, CommitHead, CommitWriter, Deltas, LookupDelta, SetDelta};
use crate::stored::header::Header;
use crate::stored::member;
use crate::table::TableError;
use crate::table::index::audiences::{AudienceChange, Definitions};
use crate::table::index::entries::set_changes;
use crate::table::index::layer::{Blocks, Layer};
use crate::table::index::lookup::{Candidates, LookupKind, candidates};
use crate::table::index::overlay::Op;
use crate::table::index::resolve::Wanted;
use crate::table::index::search::RowMoves;
use crate::table::index::sets::SetChange;
use crate::table::open::OpenBase;
use crate::table::plan::carried::Carried;
use crate::table::plan::freed::Freed;
use crate::table::plan::keeper::{Keeper, Kept};
use crate::table::plan::prepare::Beforehand;
use crate::table::plan::valued::{Valued, ValuedMove};
use crate::table::plan::weight::Weight;

/// The bytes of one change in a commit, without the previous member and the values of sets.
pub(super) const CHANGE_BYTES: usize = 128;
/// The bytes of a move into or out of an audience.
const MOVE_BYTES: usize = 5;
/// Deciding about one row counts as this many steps of a [`Stretch`].
const ROW_STEPS: usize = 2;

/// A batch in the making.
pub struct Plan<'a> {
    pub(super) open: &'a OpenBase,
    pub(super) in_flight: &'a [Arc<Layer>],
    /// The stored head that the batch is planned on.
    pub(super) before: Bytes,
    /// The revision of that head.
    pub(super) revision_before: u64,
    /// The revision that wrote the stored settings; `None` if they are still stored inside the head.
    pub(super) settings_before: Option<u64>,
    /// The random id of the batch.
    nonce: u64,
    /// Where the current request comes from.
    pub(super) origin: Origin,
    /// Which fields of members its sender may see.
    pub(super) sight: Sight,
    /// The work done since this task last yielded.
    stretch: Stretch,
    /// What the guard counts of the current request.
    pub(super) counted: GuardCounts,
    /// The rows of an ATOMIC request of which the guard counts something.
    pub(super) counted_rows: Vec<(usize, GuardCounts)>,
    /// What the current request may still do.
    pub(super) allowance: Allowance,
    /// The last refusal of a write of the current request by the guard.
    pub(super) held: Option<Held>,
    /// What unfinished requests may still do, and is not planned yet.
    pub(super) reserved: GuardCounts,
    /// For each tier with a limit of its own the members that its share is of.
    pub(super) of_tiers: TierCounts,
    /// What the batch has changed so far.
    pub(super) layer: Layer,
    pub(super) commits: Batch,
    /// The commit of the current request; its first change creates it.
    pub(super) commit: Option<CommitWriter>,
    pub(super) now: Timestamp,
    /// The audiences. A plan that is never written has none.
    pub(super) audiences: Keeper,
    /// The count of members for a new schema that the lane makes, as of what was planned so far.
    pub(super) valued: Option<Valued>,
    /// The keys that earlier rows of a list free. Their holders do not have them any more.
    pub(super) freed: Option<&'a Freed>,
    /// What earlier slices of a batch of actions did.
    pub(super) carried: Carried,
    /// Whether it is made beside the lane. Then others write meanwhile, and the members that it reads may be
    /// newer than the counts in its header, so it leaves these as they are.
    pub(super) is_beside: bool,
    pub(super) resolved: foldhash::HashMap<Wanted, Candidates>,
    pub(super) fetched: Blocks,
    /// The bytes of the members in the fetched blocks.
    pub(super) fetched_bytes: usize,
    /// Blocks changed by earlier slices of a request that is only validated and never written.
    pub(super) foreseen: Blocks,
    /// The keys of records, with their values as published or in flight.
    pub(super) fetched_records: HashMap<Key, Option<Value>>,
    /// When records of members that a revert deletes changed last.
    pub(super) records_changed: HashMap<Row, Timestamp>,
    /// When the oldest commit of the log was made, as read after the marks of records that were fetched last.
    /// `None` if the log is empty.
    pub(super) log_begins: Option<Timestamp>,
    /// Whether any member has published records; `None` until the plan has checked.
    pub(super) has_records: Option<bool>,
    /// The bytes of commits, keys of records and stored results, and of blocks that are weighed.
    pub(super) weight: Weight,
    /// The bytes of the blocks in the layer as long as they are not weighed.
    pub(super) unweighed: Option<usize>,
    /// The stored form of the member that was encoded last. A copy of it takes the memory that it needs.
    pub(super) encoded: Vec<u8>,
}

/// The sets, audiences, search sets and counts that a row enters and leaves with one write of its member.
#[derive(Debug, Default)]
pub struct Moves<'w> {
    pub sets: Vec<SetChange>,
    pub audiences: Kept,
    pub search: Cow<'w, RowMoves>,
    pub valued: ValuedMove,
}

/// Something that deciding needs and that was not fetched yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The candidates of a hash.
    Hash(Wanted),
    /// A block.
    Block(u64),
}

/// Why deciding stopped. Nothing was changed.
#[derive(Debug)]
pub enum Stop {
    /// Fetch this and try again.
    Need(Need),
    /// Stored data is damaged.
    Failed(TableError),
}

impl From<crate::stored::DecodeError> for Stop {
    fn from(error: crate::stored::DecodeError) -> Self {
        Self::Failed(error.into())
    }
}

impl<'a> Plan<'a> {
    /// An empty batch on top of `header`. `in_flight` has the batches that are not published yet, oldest
    /// first.
    pub fn new(open: &'a OpenBase, in_flight: &'a [Arc<Layer>], header: Header, now: Timestamp) -> Self {
        let before = header.stored_head();
        let settings_before = header.whole.is_none().then_some(header.settings_revision);
        let now = now.max(header.committed_at);
        let nonce = open.parts.nonces.next();
        Self {
            open,
            in_flight,
            before,
            revision_before: header.revision,
            settings_before,
            nonce,
            origin: Origin::system(Call::NONE),
            sight: Sight::Whole,
            stretch: Stretch::default(),
            counted: GuardCounts::default(),
            counted_rows: Vec::new(),
            allowance: Allowance::default(),
            held: None,
            reserved: GuardCounts::default(),
            of_tiers: TierCounts::NONE,
            layer: Layer::new(Header { nonce, whole: None, ..header }),
            commits: Batch::default(),
            commit: None,
            now,
            audiences: Keeper::default(),
            valued: None,
            freed: None,
            carried: Carried::default(),
            is_beside: false,
            resolved: foldhash::HashMap::default(),
            fetched: Blocks::default(),
            fetched_bytes: 0,
            foreseen: Blocks::default(),
            fetched_records: HashMap::new(),
            records_changed: HashMap::new(),
            log_begins: None,
            has_records: None,
            weight: Weight::default(),
            unweighed: Some(0),
            encoded: Vec::new(),
        }
    }

    /// Keeps these audiences with every write. The lane has evaluated new filters for the rows below `below`.
    pub fn keep(&mut self, definitions: Arc<Definitions>, below: Row) {
        self.audiences = Keeper::new(definitions, below);
    }

    /// The revision after what was planned so far.
    pub fn revision(&self) -> u64 {
        self.layer.header.revision
    }

    /// The time of the batch.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Counts `rows` as decided next, and yields now and then to the other tasks of this thread.
    pub async fn work(&mut self, rows: usize) {
        self.stretch.work(rows.saturating_mul(ROW_STEPS)).await;
    }

    /// The row that the next new member will get.
    pub fn next_row(&self) -> Row {
        Row(self.layer.header.next_row)
    }

    /// The base's number.
    pub fn base(&self) -> BaseNumber {
        self.open.number
    }

    /// The header after what was planned so far.
    pub fn header(&self) -> &Header {
        &self.layer.header
    }

    /// Begins a request of this origin, whose sender may see this much of members. The guard allows it
    /// nothing yet.
    pub fn act_for(&mut self, origin: Origin, sight: Sight) {
        self.origin = origin;
        self.sight = sight;
        if sight != Sight::Whole {
            self.weigh();
        }
        self.allowance = Allowance::default();
        (self.counted, self.held) = (GuardCounts::default(), None);
    }

    /// Rows that may have a value, in the current state.
    pub(super) fn candidates(&self, wanted: Wanted) -> Result<Candidates, Stop> {
        let known = self.resolved.get(&wanted).ok_or(Stop::Need(Need::Hash(wanted)))?;
        let (kind, hash) = wanted;
        let mut changed = self.layer.overlays.get(kind).get(hash).peekable();
        if changed.peek().is_none() {
            return Ok(known.clone());
        }
        Ok(candidates(
            changed.chain(known.iter().map(|(row, fingerprint)| (*row, Op::Put(u128::from(*fingerprint))))),
        ))
    }

    /// The stored form of the member at a row, in the current state.
    pub(super) fn stored_member(&self, row: Row) -> Result<Option<Bytes>, Stop> {
        let (number, slot) = place(row);
        Ok(self.block(number).ok_or(Stop::Need(Need::Block(number)))?.shared(slot))
    }

    /// A block in the current state, if it is in memory.
    pub(super) fn block(&self, number: u64) -> Option<&Block> {
        let planned = self.layer.blocks.get(&number).or_else(|| self.foreseen.get(&number));
        planned.or_else(|| self.fetched.get(&number))
    }

    /// The member at a row in the current state, with its stored form.
    pub(super) fn member(&self, row: Row) -> Result<Option<(Member, Bytes)>, Stop> {
        match self.stored_member(row)? {
            Some(stored) => Ok(Some((member::decode(&stored)?, stored))),
            None => Ok(None),
        }
    }

    /// The first candidate of `wanted`, other than `except`, whose member passes `holds`.
    pub(super) fn holder(
        &self,
        wanted: Wanted,
        except: Option<Row>,
        holds: impl Fn(&Member) -> bool,
    ) -> Result<Option<(Row, Member, Bytes)>, Stop> {
        for (row, _) in self.candidates(wanted)? {
            if Some(Row(row)) == except {
                continue;
            }
            if let Some((member, stored)) = self.member(Row(row))?.filter(|(member, _)| holds(member)) {
                return Ok(Some((Row(row), member, stored)));
            }
        }
        Ok(None)
    }

    /// The moves of a row whose member becomes `after`; `None` before it exists and after it is deleted.
    /// **Every write of a member passes here**, so audiences and search sets follow every write.
    pub(super) fn moves(
        &mut self,
        row: Row,
        before: Option<&Member>,
        after: Option<&Member>,
    ) -> Moves<'static> {
        let audiences = self.audiences.changes(row, before, after);
        self.moves_with(row, before, after, audiences, Cow::Owned(RowMoves::of(before, after)))
    }

    /// The same for a new member, of which this was found out before the lane.
    pub(super) fn moves_of_new<'w>(
        &mut self,
        row: Row,
        member: &Member,
        beforehand: &'w Beforehand,
    ) -> Moves<'w> {
        let (before, after) = (None, Some(member));
        let audiences = match &beforehand.entered {
            Some(entered) => {
                let schema = self.layer.header.schema.as_ref();
                self.audiences.enters(row, member, schema, entered)
            }
            None => self.audiences.changes(row, before, after),
        };
        let search = match &beforehand.words {
            Some(words) => Cow::Borrowed(words),
            None => Cow::Owned(RowMoves::of(before, after)),
        };
        debug_assert_eq!(*search, RowMoves::of(before, after));
        self.moves_with(row, before, after, audiences, search)
    }

    fn moves_with<'w>(
        &self,
        row: Row,
        before: Option<&Member>,
        after: Option<&Member>,
        audiences: Kept,
        search: Cow<'w, RowMoves>,
    ) -> Moves<'w> {
        let sets = set_changes(row, before, after, self.layer.header.schema.as_deref());
        let valued = self.valued.as_ref().map(|count| count.moves(row, before, after));
        Moves { sets, audiences, search, valued: valued.unwrap_or_default() }
    }

    /// The commit of the current request.
    pub(super) fn begin_commit(&mut self) -> &mut CommitWriter {
        let head = CommitHead { time: self.now, origin: self.origin, batch: self.nonce };
        self.commit.get_or_insert_with(|| CommitWriter::new(head))
    }

    /// Adds a change to the commit of the current request, and to the indexes of the layer.
    pub(super) fn note(
        &mut self,
        row: Row,
        change: Change,
        before: Option<&[u8]>,
        lookups: &[LookupDelta],
        moves: Moves<'_>,
    ) {
        let Moves { sets, audiences: Kept { now, next }, search, valued } = moves;
        self.valued.iter_mut().for_each(|count| count.follow(&valued));
        let set_deltas: SmallVec<[SetDelta<'_>; 4]> = sets
            .iter()
            .map(|change| SetDelta {
                field: change.field.number(),
                value: &change.value,
                enters: change.enters,
            })
            .collect();
        let deltas = Deltas { lookups, sets: &set_deltas, audiences: &now };
        self.begin_commit().change(row, change, before, deltas);
        let values: usize = set_deltas.iter().map(|delta| delta.value.len()).sum();
        self.weight.add(CHANGE_BYTES + values + now.len() * MOVE_BYTES);
        match change {
            Change::Base | Change::Records | Change::Audience | Change::AudienceRows => {
                self.weight.add(before.map_or(0, <[u8]>::len))
            }
            Change::Created | Change::Updated | Change::Reactivated | Change::Deleted => {
                before.into_iter().for_each(|stored| self.weight.add_member(stored));
            }
        }
        for delta in lookups {
            if let Some(kind) = LookupKind::from_number(delta.lookup) {
                self.layer.lookup(kind, row.0, delta);
            }
        }
        drop(set_deltas);
        self.layer.sets.extend(sets);
        let of_row = |d: &AudienceDelta| AudienceChange::Row { audience: d.audience, row, enters: d.enters };
        self.layer.audiences.extend(now.iter().map(of_row));
        self.audiences.note(row, &next);
        Arc::make_mut(&mut self.layer.search).add(row, &search);
    }
}
