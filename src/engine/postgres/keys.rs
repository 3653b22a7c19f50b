//! Which keys this process writes, and which it remembers.
//!
//! The owner of the store writes every key but those that are lent, and a tenant those of its lease. Keys
//! without a lease belong to none of them alone: both may write them, each its own, as the table decides. So
//! whoever shares the store with others remembers none of those.

use std::collections::BTreeSet;

use super::scope::Scope;
use crate::engine::EngineError;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Keys {
    scope: Scope,
    lease_of: fn(&[u8]) -> Option<u32>,
    lent: BTreeSet<u32>,
}

impl Keys {
    /// Nothing is lent.
    pub(super) fn new(scope: Scope, lease_of: fn(&[u8]) -> Option<u32>) -> Self {
        Self { scope, lease_of, lent: BTreeSet::new() }
    }

    pub(super) fn lent(&self) -> &BTreeSet<u32> {
        &self.lent
    }

    /// Marks a lease as lent; `false` if it was already.
    pub(super) fn lend(&mut self, lease: u32) -> bool {
        self.lent.insert(lease)
    }

    /// It is lent no more.
    pub(super) fn take_back(&mut self, lease: u32) {
        self.lent.remove(&lease);
    }

    pub(super) fn is_of(&self, lease: u32, key: &[u8]) -> bool {
        (self.lease_of)(key) == Some(lease)
    }

    /// Why a batch must not rely on this key, if so.
    pub(super) fn refused(&self, key: &[u8]) -> Option<EngineError> {
        match self.scope {
            Scope::Store if self.lent.is_empty() => None,
            Scope::Store => (self.lease_of)(key)
                .filter(|lease| self.lent.contains(lease))
                .map(|lease| EngineError::Lent(format!("the lease {lease} is lent to another server"))),
            Scope::Lease(own) => (self.lease_of)(key)
                .filter(|lease| *lease != own)
                .map(|lease| EngineError::Lent(format!("this server has the lease {own}, not {lease}"))),
        }
    }

    /// Whether nobody else writes the key as long as this process has what it has.
    pub(super) fn remembers(&self, key: &[u8]) -> bool {
        match self.scope {
            Scope::Store if self.lent.is_empty() => true,
            Scope::Store => (self.lease_of)(key).is_some_and(|lease| !self.lent.contains(&lease)),
            Scope::Lease(own) => self.is_of(own, key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that begin with `b` have the lease of their second byte.
    fn lease_of(key: &[u8]) -> Option<u32> {
        match key {
            [b'b', lease, ..] => Some(u32::from(*lease)),
            _ => None,
        }
    }

    fn is_refused(keys: &Keys, key: &[u8]) -> bool {
        matches!(keys.refused(key), Some(EngineError::Lent(_)))
    }

    #[test]
    fn the_owner_writes_what_is_not_lent_and_remembers_what_nobody_else_writes() {
        let mut keys = Keys::new(Scope::Store, lease_of);
        assert!([&b"a"[..], b"b1", b"b2"].iter().all(|key| keys.remembers(key) && !is_refused(&keys, key)));
        assert!(keys.lend(u32::from(b'1')) && !keys.lend(u32::from(b'1')));
        assert_eq!([&b"a"[..], b"b1", b"b2"].map(|key| is_refused(&keys, key)), [false, true, false]);
        assert_eq!([&b"a"[..], b"b1", b"b2"].map(|key| keys.remembers(key)), [false, false, true]);
        keys.take_back(u32::from(b'1'));
        assert!(keys.lent().is_empty() && keys.remembers(b"a") && !is_refused(&keys, b"b1"));
    }

    #[test]
    fn a_tenant_writes_no_other_lease_and_remembers_its_own() {
        let keys = Keys::new(Scope::Lease(u32::from(b'1')), lease_of);
        assert_eq!([&b"a"[..], b"b1", b"b2"].map(|key| is_refused(&keys, key)), [false, false, true]);
        assert_eq!([&b"a"[..], b"b1", b"b2"].map(|key| keys.remembers(key)), [false, true, false]);
    }
}
