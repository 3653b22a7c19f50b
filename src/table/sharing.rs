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

use super::TableError;
use super::base::Base;
use super::replay::for_each;
use super::store::Table;
use crate::engine::{Engine, Key};
use crate::model::{BaseNumber, Timestamp};
use crate::stored::header::Header;
use crate::stored::key;

/// Bases whose settings are read at once.
const BASES_AT_ONCE: usize = 500;

/// For how long a base that cannot be read is passed over, in microseconds.
const PASS_OVER_MICROS: i64 = 60 * 1_000_000;

/// The bases of a store that share accounts and are not deleted.
#[derive(Debug, Default)]
pub struct Sharing {
    bases: RwLock<BTreeSet<BaseNumber>>,
    /// Those that could not be read, with the time until which nobody tries again.
    passed_over: RwLock<BTreeMap<BaseNumber, Timestamp>>,
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

    fn is_passed_over(&self, base: BaseNumber, now: Timestamp) -> bool {
        let passed_over = self.passed_over.read().unwrap_or_else(PoisonError::into_inner);
        passed_over.get(&base).is_some_and(|until| now < *until)
    }
}

impl Table {
    /// The bases that share accounts with `base`, open; those that cannot be read for good are left out.
    pub async fn sharing_with(&self, base: BaseNumber) -> Result<Vec<Arc<Base>>, TableError> {
        let sharing = &self.parts.sharing;
        let mut bases = Vec::new();
        for number in sharing.with(base) {
            if sharing.is_passed_over(number, self.now()) {
                continue;
            }
            match self.base(number).await {
                Ok(base) => bases.push(base),
                // It was purged meanwhile.
                Err(TableError::BaseNotFound) => {}
                Err(error) => self.pass_over(number, error)?,
            }
        }
        Ok(bases)
    }

    /// Passes a base over for a while that could not be read; gives the error back if that is no reason to.
    pub fn pass_over(&self, number: BaseNumber, error: TableError) -> Result<(), TableError> {
        if !error.is_lasting() {
            return Err(error);
        }
        tracing::error!(
            base = number.0,
            %error,
            "a memberbase that shares accounts cannot be read; its members count as unknown to the others"
        );
        let until = Timestamp::from_micros(self.now().micros().saturating_add(PASS_OVER_MICROS));
        let mut passed_over = self.parts.sharing.passed_over.write().unwrap_or_else(PoisonError::into_inner);
        passed_over.insert(number, until);
        Ok(())
    }
}

fn shares(header: &Header) -> bool {
    header.settings.share_accounts && header.deleted_at.is_none()
}
