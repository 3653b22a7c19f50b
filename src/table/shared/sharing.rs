//! Which bases share accounts, so that a lane knows where a new member may already be active.
//!
//! The set is in memory. Opening the store fills it from the headers, and publishing a commit changes it, in
//! the order of the commits.
//!
//! A base with a permanent fault (its stored data is damaged or of a newer version) counts as having no
//! members, so that it does not stop the writes of all bases that share accounts with it. A new member who is
//! active only in that base gets the status that `new_members` says. The base is skipped for a minute at a
//! time, and each time a line in the log says so. A temporary fault fails the call, which is then worth
//! repeating.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::{Engine, Key};
use crate::model::{BaseNumber, Timestamp};
use crate::stored::header::Header;
use crate::stored::key;
use crate::table::TableError;
use crate::table::index::scan::for_each;
use crate::table::shared::clock::LatestWrite;

/// The number of bases whose settings are read at once.
const BASES_AT_ONCE: usize = 500;

/// The bases of a store that share accounts and are not deleted.
#[derive(Debug, Default)]
pub struct Sharing {
    bases: RwLock<BTreeSet<BaseNumber>>,
    /// The bases that could not be read, each with the time until which it is skipped.
    pub passed_over: RwLock<BTreeMap<BaseNumber, Timestamp>>,
}

impl Sharing {
    /// Reads the headers of all bases, and notes the times of their last commits. A base with a damaged header
    /// shares nothing; the store opens anyway.
    pub async fn load(engine: &Arc<dyn Engine>, latest: &LatestWrite) -> Result<Arc<Self>, TableError> {
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
                    Ok(header) => {
                        latest.note(header.committed_at);
                        if shares(&header) {
                            sharing.insert(*number);
                        }
                    }
                    Err(error) => {
                        tracing::error!(base = number.0, %error, "a memberbase is damaged; it shares no accounts");
                    }
                }
            }
        }
        Ok(Arc::new(Self { bases: RwLock::new(sharing), passed_over: RwLock::default() }))
    }

    /// Adds the base to the set or removes it, as its header says.
    pub fn note(&self, number: BaseNumber, header: &Header) {
        let mut sharing = self.bases.write().unwrap_or_else(PoisonError::into_inner);
        if shares(header) {
            sharing.insert(number);
        } else {
            sharing.remove(&number);
        }
    }

    /// Notes a change of the header. Called while its commit is published, so in the order of commits.
    pub fn follow(&self, number: BaseNumber, before: &Header, after: &Header) {
        if shares(before) != shares(after) {
            self.note(number, after);
        }
    }

    /// The bases that share accounts with `base`; none if `base` shares no accounts.
    pub fn with(&self, base: BaseNumber) -> Vec<BaseNumber> {
        let sharing = self.bases.read().unwrap_or_else(PoisonError::into_inner);
        if !sharing.contains(&base) {
            return Vec::new();
        }
        sharing.iter().copied().filter(|other| *other != base).collect()
    }

    /// Whether `base` is being skipped, because it could not be read a short while ago.
    pub fn is_passed_over(&self, base: BaseNumber, now: Timestamp) -> bool {
        let passed_over = self.passed_over.read().unwrap_or_else(PoisonError::into_inner);
        passed_over.get(&base).is_some_and(|until| now < *until)
    }
}

fn shares(header: &Header) -> bool {
    header.settings.share_accounts && header.deleted_at.is_none()
}
