//! What one batch changes, in memory: made by the plan, read by the plans after it, applied to the published state once
//! the batch is durable.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

use crate::engine::{Key, Value};
use crate::model::schema::FieldNumber;
use crate::stored::block::Block;
use crate::stored::commit::{LookupDelta, LookupOp};
use crate::stored::header::Header;
use crate::table::index::lookup::{LookupKind, PerLookup};
use crate::table::index::overlay::{Identity, Op, Overlay};
use crate::table::index::sets::{FieldSets, SetChange};

/// Blocks and moves between sets that are shown where the publisher is: each takes some tenths of a microsecond.
const LONG: usize = 16_384;

/// Blocks by number.
pub type Blocks = HashMap<u64, Block, BuildHasherDefault<Identity>>;

/// The changes of one batch.
#[derive(Debug)]
pub struct Layer {
    /// The header after the batch.
    pub header: Header,
    /// Blocks as they are after it.
    pub blocks: Blocks,
    /// Lookup entries that it changed.
    pub overlays: PerLookup<Overlay>,
    /// Entries that it added to each lookup, less those it removed.
    pub growth: PerLookup<i64>,
    /// Moves into and out of sets, in order.
    pub sets: Vec<SetChange>,
    /// Sets of new indexes, as they were before the moves that come after them.
    pub built: BTreeMap<FieldNumber, FieldSets>,
    /// Keys of what hangs on members: set, or removed.
    pub records: HashMap<Key, Option<Value>>,
    /// What the answers that it keeps make of the room that answers take, in bytes.
    pub kept_bytes: i64,
}

impl Layer {
    /// A batch that has changed nothing yet.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            blocks: Blocks::default(),
            overlays: PerLookup::default(),
            growth: PerLookup::default(),
            sets: Vec::new(),
            built: BTreeMap::new(),
            records: HashMap::new(),
            kept_bytes: 0,
        }
    }

    /// Whether it takes more than a few milliseconds to show it.
    pub fn is_long(&self) -> bool {
        self.blocks.len() + self.sets.len() > LONG
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
