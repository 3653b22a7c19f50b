//! The changes of one batch in memory. The plan of the batch makes them, later plans read them, and they are
//! applied to the published state once the batch is durable.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use crate::engine::{Key, Value};
use crate::model::schema::FieldNumber;
use crate::stored::block::Block;
use crate::stored::commit::{LookupDelta, LookupOp};
use crate::stored::header::Header;
use crate::table::index::audiences::{Ahead, AudienceChange, Definitions};
use crate::table::index::lookup::{LookupKind, PerLookup};
use crate::table::index::overlay::{Identity, Op, Overlay};
use crate::table::index::search::WordMoves;
use crate::table::index::sets::{FieldSets, SetChange};

/// The most blocks and moves that the publisher applies on its own thread: each takes some tenths of a
/// microsecond.
const LONG: usize = 16_384;

/// Blocks by number.
pub type Blocks = HashMap<u64, Block, BuildHasherDefault<Identity>>;

/// The changes of one batch.
#[derive(Debug)]
pub struct Layer {
    /// The header after the batch.
    pub header: Header,
    /// Changed blocks, as they are after the batch.
    pub blocks: Blocks,
    /// Changed lookup entries.
    pub overlays: PerLookup<Overlay>,
    /// For each lookup, the entries added less those removed.
    pub growth: PerLookup<i64>,
    /// Moves into and out of sets, in order.
    pub sets: Vec<SetChange>,
    /// Changes of who is in which audience, in order.
    pub audiences: Vec<AudienceChange>,
    /// The audiences after the batch, if it changes them or what is kept by hand.
    pub definitions: Option<Arc<Definitions>>,
    /// What it did to members that were evaluated already for audiences that are built.
    pub ahead: Vec<Ahead>,
    /// Moves into and out of search sets, in order.
    pub search: Arc<WordMoves>,
    /// Sets of new indexes, before any of the moves in `sets`.
    pub built: BTreeMap<FieldNumber, FieldSets>,
    /// New indexes that the lane is to build.
    pub begun: BTreeSet<FieldNumber>,
    /// Changed keys of records of members, of audiences, and of what is kept by hand; `None` if removed.
    pub records: HashMap<Key, Option<Value>>,
    /// The bytes by which the batch changes the total of stored results.
    pub result_bytes: i64,
}

impl Layer {
    /// The layer of a batch without changes.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            blocks: Blocks::default(),
            overlays: PerLookup::default(),
            growth: PerLookup::default(),
            sets: Vec::new(),
            audiences: Vec::new(),
            definitions: None,
            ahead: Vec::new(),
            search: Arc::default(),
            built: BTreeMap::new(),
            begun: BTreeSet::new(),
            records: HashMap::new(),
            result_bytes: 0,
        }
    }

    /// Whether applying it takes more than a few milliseconds.
    pub fn is_long(&self) -> bool {
        self.blocks.len() + self.sets.len() + self.audiences.len() > LONG
    }

    /// Makes room for the lookup entries of so many new members.
    pub fn expect_new(&mut self, members: usize) {
        LookupKind::ALL.into_iter().for_each(|kind| self.overlays.get_mut(kind).reserve(members));
    }

    /// Applies the delta of a lookup entry.
    pub fn lookup(&mut self, kind: LookupKind, row: u64, delta: &LookupDelta) {
        let (op, growth) = match delta.op {
            LookupOp::Insert(fingerprint) => (Op::Put(fingerprint), 1),
            LookupOp::Refresh(fingerprint) => (Op::Put(fingerprint), 0),
            LookupOp::Remove => (Op::Remove, -1),
        };
        self.overlays.get_mut(kind).set(delta.hash, row, op);
        *self.growth.get_mut(kind) += growth;
    }
}
