//! An audit under way, and what it knows of the base at hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::Engine;
use crate::model::BaseNumber;
use crate::stored::header::Header;
use crate::stored::index::{IndexState, LOOKUPS};
use crate::table::audit::findings::Findings;
use crate::table::audit::report::{AuditConfig, AuditReport};
use crate::table::index::lookup::{LookupKind, PerLookup};
use crate::table::index::overlay::Overlay;
use crate::table::index::sets::Sets;

/// An audit under way.
pub struct Audit<'a> {
    pub engine: &'a Arc<dyn Engine>,
    pub config: &'a AuditConfig,
    pub progress: &'a (dyn Fn(String) + Sync),
    pub report: AuditReport,
    pub findings: Findings,
}

/// What a base that opens would hold in memory, and what is known of it so far.
pub struct State {
    pub number: BaseNumber,
    pub header: Header,
    pub stored: IndexState,
    pub sets: Sets,
    /// The chunks that any set has.
    pub chunks: BTreeSet<u64>,
    /// The lookup changes after the watermark.
    pub overlays: PerLookup<Overlay>,
    /// Entries of each lookup, as counted by whoever wrote them.
    pub entries: PerLookup<u64>,
}

/// Buckets of a lookup.
pub fn buckets_of(state: &State, kind: LookupKind) -> u32 {
    let lookups: &[_; LOOKUPS] = &state.stored.lookups;
    lookups.get(usize::from(kind.number())).map_or(1, |lookup| lookup.buckets)
}
