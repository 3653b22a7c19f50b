//! Which bases share accounts: where to look whether somebody is an active member elsewhere.
//!
//! Kept in memory; read from the headers when the store opens, and then changed by whoever publishes a commit, in the order
//! of the commits.
//!
//! A base that cannot be read for good (its records are damaged, or of a newer version) knows nobody, so that it does not stop
//! the writes of all that share accounts with it: somebody who is active there and nowhere else begins as `new_members` says.
//! It is passed over for a minute at a time, with a line in the log each time. A fault that passes fails the call, which is
//! then worth repeating.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::{Engine, Key};
use crate::model::{BaseNumber, Timestamp};
use crate::stored::header::Header;
use crate::stored::key;
use crate::table::TableError;
use crate::table::index::scan::for_each;

/// Bases whose settings are read at once.
const BASES_AT_ONCE: usize = 500;

/// The bases of a store that share accounts and are not deleted.
#[derive(Debug, Default)]
pub struct Sharing {
    bases: RwLock<BTreeSet<BaseNumber>>,
    /// Those that could not be read, with the time until which nobody tries again.
    pub passed_over: RwLock<BTreeMap<BaseNumber, Timestamp>>,
}

impl Sharing {
    /// Reads the headers of all bases. One that is damaged shares nothing, and the store opens without it.
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
                match Header::decode(head, settings.as_deref()) {
                    Ok(header) if shares(&header) => drop(sharing.insert(*number)),
                    Ok(_) => {}
                    Err(error) => {
                        tracing::error!(base = number.0, %error, "a memberbase is damaged; it shares no accounts");
                    }
                }
            }
        }
        Ok(Arc::new(Self { bases: RwLock::new(sharing), passed_over: RwLock::default() }))
    }

    /// Notes what a base is now.
    pub fn note(&self, number: BaseNumber, header: &Header) {
        let mut sharing = self.bases.write().unwrap_or_else(PoisonError::into_inner);
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
        let sharing = self.bases.read().unwrap_or_else(PoisonError::into_inner);
        if !sharing.contains(&base) {
            return Vec::new();
        }
        sharing.iter().copied().filter(|other| *other != base).collect()
    }

    /// Whether `base` could not be read a short while ago.
    pub fn is_passed_over(&self, base: BaseNumber, now: Timestamp) -> bool {
        let passed_over = self.passed_over.read().unwrap_or_else(PoisonError::into_inner);
        passed_over.get(&base).is_some_and(|until| now < *until)
    }
}

fn shares(header: &Header) -> bool {
    header.settings.share_accounts && header.deleted_at.is_none()
}
