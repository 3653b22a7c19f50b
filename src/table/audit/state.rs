//! The state of a running audit, and of the base that it is checking.

use std::collections::BTreeSet;
use std::sync::Arc;

use roaring::RoaringTreemap;

use crate::engine::Engine;
use crate::model::BaseNumber;
use crate::stored::header::Header;
use crate::stored::index::IndexState;
use crate::stored::key::Level;
use crate::table::audit::findings::Findings;
use crate::table::audit::report::{AuditConfig, AuditReport};
use crate::table::index::audiences::{Build, Definitions, Members};
use crate::table::index::lookup::{LookupKind, PerLookup};
use crate::table::index::overlay::Overlay;
use crate::table::index::sets::Sets;

/// A running audit.
pub struct Audit<'a> {
    pub engine: &'a Arc<dyn Engine>,
    pub config: &'a AuditConfig,
    pub progress: &'a (dyn Fn(String) + Sync),
    pub report: AuditReport,
    pub findings: Findings,
}

/// What the current base would have in memory after opening, as far as the audit has read it.
pub struct State {
    pub number: BaseNumber,
    pub header: Header,
    pub stored: IndexState,
    pub sets: Sets,
    /// The audiences; `None` if they cannot be checked.
    pub definitions: Option<Arc<Definitions>>,
    /// Who is in them.
    pub members: Members,
    /// What is stored of audiences that are built.
    pub build: Build,
    /// The chunks that have a set, and are not compared yet.
    pub chunks: BTreeSet<u64>,
    /// The rows that commits after the watermark change.
    pub replayed: RoaringTreemap,
    /// The lookup changes after the watermark.
    pub overlays: PerLookup<Overlay>,
    /// The number of entries of each lookup according to the stored counters.
    pub entries: PerLookup<u64>,
}

/// The number of buckets of a level of a lookup.
pub fn buckets_of(state: &State, level: Level, kind: LookupKind) -> u32 {
    match level {
        Level::Main => state.stored.lookup(kind.number()).buckets,
        Level::Recent => state.stored.recent(kind.number()).buckets,
    }
}
