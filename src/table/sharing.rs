//! Which bases share accounts: where to look whether somebody is an active member elsewhere.
//!
//! Kept in memory; read from the headers when the store opens, and then changed by whoever publishes a commit, in the order
//! of the commits.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use super::TableError;
use super::replay::for_each;
use crate::engine::{Engine, Key};
use crate::model::BaseNumber;
use crate::schema::header::Header;
use crate::schema::key;

/// Bases whose settings are read at once.
const BASES_AT_ONCE: usize = 500;

/// The bases of a store that share accounts and are not deleted.
#[derive(Debug, Default)]
pub struct Sharing(RwLock<BTreeSet<BaseNumber>>);

impl Sharing {
    /// Reads the headers of all bases.
    pub async fn load(engine: &Arc<dyn Engine>) -> Result<Arc<Self>, TableError> {
        let mut heads = Vec::new();
        for_each(engine, key::headers(), |key, value| {
            heads.extend(key::header_base(&key).map(|number| (number, value)));
            Ok(())
        })
        .await?;
        let mut sharing = BTreeSet::new();
        for heads in heads.chunks(BASES_AT_ONCE) {
            let keys: Vec<Key> = heads.iter().map(|(number, _)| key::settings(*number)).collect();
            for ((number, head), settings) in heads.iter().zip(engine.get_many(&keys).await?) {
                if shares(&Header::decode(head, settings.as_deref())?) {
                    sharing.insert(*number);
                }
            }
        }
        Ok(Arc::new(Self(RwLock::new(sharing))))
    }

    /// Notes what a base is now.
    pub fn note(&self, number: BaseNumber, header: &Header) {
        let mut sharing = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if shares(header) {
            sharing.insert(number);
        } else {
            sharing.remove(&number);
        }
    }

    /// Notes what a commit makes of a base, while it is published: so changes are noted in the order of their commits.
    pub fn follow(&self, number: BaseNumber, before: &Header, after: &Header) {
        if shares(before) != shares(after) {
            self.note(number, after);
        }
    }

    /// The bases that share accounts with `base`; none if it does not share its own.
    pub fn with(&self, base: BaseNumber) -> Vec<BaseNumber> {
        let sharing = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if !sharing.contains(&base) {
            return Vec::new();
        }
        sharing.iter().copied().filter(|other| *other != base).collect()
    }
}

fn shares(header: &Header) -> bool {
    header.settings.share_accounts && header.deleted_at.is_none()
}
