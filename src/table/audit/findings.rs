//! The findings of an audit so far.

use crate::model::{BaseNumber, Sealer};
use crate::stored::DecodeError;
use crate::table::audit::Finding;
use crate::table::index::damage::{Damage, hex};

/// Collects findings up to a limit; further ones are only counted.
pub(super) struct Findings {
    /// Makes the ids of bases.
    pub(super) sealer: Option<Sealer>,
    pub(super) list: Vec<Finding>,
    pub(super) more: u64,
    most: usize,
}

impl Findings {
    pub(super) fn new(most: usize) -> Self {
        Self { sealer: None, list: Vec::new(), more: 0, most }
    }

    pub(super) fn add(&mut self, base: Option<BaseNumber>, damage: Damage) {
        if self.list.len() < self.most {
            let base_id = base.zip(self.sealer.as_ref()).map(|(base, sealer)| sealer.base_id(base));
            self.list.push(Finding { base, base_id, damage });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn unreadable(&mut self, base: BaseNumber, key: &[u8], error: DecodeError) {
        self.add(Some(base), Damage::Unreadable { key: hex(key), error });
    }

    pub(super) fn unknown_key(&mut self, base: Option<BaseNumber>, key: &[u8]) {
        self.add(base, Damage::UnknownKey { key: hex(key) });
    }
}
