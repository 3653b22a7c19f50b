//! Whose rows of the table `hot` decide who may write: those of the store, or those of a lease.

use super::rows::KEYS_OF_LEASES;

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The store: everything that is not lent.
    Store,
    /// The keys of one lease.
    Lease(u32),
}

impl Scope {
    /// The key of the fence.
    pub(super) fn fence(self) -> String {
        self.named(KEYS_OF_LEASES.0, "fence")
    }

    /// The key of the beat.
    pub(super) fn beat(self) -> String {
        self.named(KEYS_OF_LEASES.1, "beat")
    }

    /// Why an owner whose fence is another one has lost what it had.
    pub(super) fn taken_over(self) -> &'static str {
        match self {
            Self::Store => "another server has taken over the store",
            Self::Lease(_) => "the active server has taken the lease back",
        }
    }

    fn named(self, front: &str, of_store: &str) -> String {
        match self {
            Self::Store => of_store.to_owned(),
            Self::Lease(number) => format!("{front}{number:08x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::postgres::rows::golden;

    #[test]
    fn the_rows_of_a_lease_have_the_keys_of_the_documentation() {
        let lease = Scope::Lease(0x0102_030a);
        let keys = [lease.fence(), lease.beat()].concat();
        assert_eq!(keys.as_bytes(), golden("the keys of the rows of a lease"));
        assert_eq!((&*Scope::Store.fence(), &*Scope::Store.beat()), ("fence", "beat"));
    }
}
