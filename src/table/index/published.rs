//! The state of a base that reads see, guarded by the view lock. A commit, or a batch of a checkpoint,
//! changes it together with what the engine shows.

use std::sync::Arc;

use crate::model::{Status, TierCounts, Timestamp};
use crate::stored::header::Header;
use crate::stored::index::IndexState;
use crate::table::index::audiences::{Build, Definitions, Members};
use crate::table::index::layer::Layer;
use crate::table::index::lookup::{Lookup, LookupKind, PerLookup};
use crate::table::index::overlay::Overlay;
use crate::table::index::search::Delta;
use crate::table::index::sets::{RowSet, SetField, Sets};

/// Header, lookups and sets at one revision.
#[derive(Debug)]
pub struct Published {
    /// The header as of the last published commit.
    pub header: Header,
    /// The lookups.
    pub lookups: PerLookup<Lookup>,
    /// The sets.
    pub sets: Sets,
    /// The audiences.
    pub definitions: Arc<Definitions>,
    /// Who is in them.
    pub members: Members,
    /// What is built of new filters of audiences.
    pub build: Build,
    /// What the stored search sets lack.
    pub search: Delta,
    /// The state of the stored indexes, as a checkpoint wrote it last.
    pub stored: IndexState,
    /// Whether the table of sets of stores of format 1 still has keys.
    pub has_narrow_sets: bool,
}

impl Published {
    /// The stored state, before the commits after the watermark are replayed.
    pub fn new(header: Header, stored: IndexState, sets: Sets) -> Self {
        let lookups = PerLookup::from_fn(|kind| {
            Lookup::new(kind, stored.lookup(kind.number()), stored.recent(kind.number()))
        });
        let (definitions, members) = (Arc::default(), Members::default());
        Self {
            header,
            lookups,
            sets,
            search: Delta::default(),
            definitions,
            members,
            build: Build::default(),
            stored,
            has_narrow_sets: false,
        }
    }

    /// Applies the changes of a batch.
    pub fn apply(&mut self, layer: &Layer) {
        let is_other = self.header.schema != layer.header.schema;
        self.header = layer.header.clone();
        if is_other {
            self.sets.follow(self.header.schema.as_deref());
        }
        for (number, built) in &layer.built {
            self.sets.install(*number, built.clone());
        }
        layer.begun.iter().for_each(|number| self.sets.begin(*number));
        for kind in LookupKind::ALL {
            let lookup = self.lookups.get_mut(kind);
            lookup.active.absorb(layer.overlays.get(kind));
            lookup.entries = lookup.entries.saturating_add_signed(*layer.growth.get(kind));
        }
        layer.sets.iter().for_each(|change| self.sets.apply(change));
        if let Some(definitions) = &layer.definitions {
            self.definitions = Arc::clone(definitions);
            self.build.follow(definitions);
        }
        self.build.catch_up(&layer.ahead);
        self.members.apply_all(&layer.audiences);
        self.search.add(&layer.search);
    }

    /// For each tier with a limit of its own the members that its share is of: the active and invited ones,
    /// and those removed within 24 hours before `now`.
    pub fn of_tiers(&self, now: Timestamp) -> TierCounts {
        let (sets, removed) = (&self.sets, self.header.window.within(now).of_tiers);
        let present = [Status::Active, Status::Invited];
        let present: Vec<RowSet> =
            present.into_iter().filter_map(|of| sets.of_value(SetField::Status, of.as_str())).collect();
        let mut counts = TierCounts::NONE;
        for (slot, (tier, _)) in self.header.settings.tier_limits.taken() {
            counts.set(slot, removed.get(slot));
            let Some(members) = sets.of_value(SetField::Tier, tier.as_str()) else { continue };
            for chunk in sets.living().chunks() {
                let Some(of_tier) = members.chunk(chunk) else { continue };
                for others in present.iter().filter_map(|rows| rows.chunk(chunk)) {
                    counts.add(slot, of_tier.intersection_len(others));
                }
            }
        }
        counts
    }

    /// The bytes that the images of the lookups take once all are filled.
    pub fn image_bytes(&self) -> usize {
        self.lookups.iter().map(Lookup::image_bytes).sum()
    }

    /// What waits for a checkpoint: the number of overlay entries or, if they take more memory, the number of
    /// entries that would take as much as the moves between search sets. A sum would make a load of members
    /// with many words write twice as many checkpoints.
    pub fn overlay_entries(&self) -> usize {
        let entries: usize = self.lookups.iter().map(|lookup| lookup.active.len()).sum();
        entries.max(self.search.waiting())
    }

    /// The rows that were evaluated for new filters of audiences, or built of new indexes, since the last
    /// checkpoint.
    pub fn built_rows(&self) -> u64 {
        self.build.unstored().saturating_add(self.sets.unstored())
    }

    /// Freezes the overlays for a checkpoint. New commits go into empty ones.
    pub fn freeze(&mut self) -> PerLookup<Arc<Overlay>> {
        PerLookup::from_fn(|kind| {
            let lookup = self.lookups.get_mut(kind);
            let frozen = Arc::new(std::mem::take(&mut lookup.active));
            lookup.frozen = Some(Arc::clone(&frozen));
            frozen
        })
    }

    /// Drops the frozen overlays after a checkpoint. If it was `written`, the buckets have their entries;
    /// otherwise the entries go back into the active overlays, below newer ones.
    pub fn thaw(&mut self, written: bool) {
        self.search.thaw(written);
        for kind in LookupKind::ALL {
            let lookup = self.lookups.get_mut(kind);
            let Some(frozen) = lookup.frozen.take().filter(|_| !written) else { continue };
            let newer = std::mem::take(&mut lookup.active);
            lookup.active.absorb(&frozen);
            lookup.active.absorb(&newer);
        }
    }
}
