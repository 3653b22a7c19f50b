//! Whether this server may answer.
//!
//! - A server whose store is in its data directory always may, and this costs it nothing: there is no clock to look
//!   at.
//! - A server on a database may as long as it owns the store. Reads come out of its memory, which another server's
//!   writes make old. So every reply is looked at after it was computed and before it leaves, and every piece of a
//!   stream too. A process that was paused finds out at its first reply.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::engine::postgres::Ownership;

/// See the module documentation. Clones are the same.
#[derive(Debug, Clone)]
pub enum Tenure {
    /// Nobody else can own the store.
    Always,
    /// This server owns the store until another one does.
    Owner(Ownership),
}

impl Tenure {
    /// Whether nobody else can own the store now.
    pub fn holds(&self) -> bool {
        match self {
            Self::Always => true,
            Self::Owner(ownership) => ownership.holds_now(),
        }
    }

    /// Whether another server may own the store for good: this one gave it up or lost it.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Always => false,
            Self::Owner(ownership) => ownership.is_over(),
        }
    }

    /// Waits until the ownership is lost, and says why.
    pub async fn lost(&self) -> String {
        match self {
            Self::Always => std::future::pending().await,
            Self::Owner(ownership) => ownership.lost().await,
        }
    }
}

/// What operators see of the ownership. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Shown(Arc<OnceLock<Tenure>>);

impl Shown {
    /// The store is open.
    pub fn begin(&self, tenure: &Tenure) {
        self.0.get_or_init(|| tenure.clone());
    }

    /// Whether this server owns the store.
    pub fn is_owner(&self) -> bool {
        self.0.get().is_some_and(Tenure::holds)
    }

    /// How many servers have owned the store, this one included; 0 if it is in a data directory, or not open.
    pub fn epoch(&self) -> u64 {
        self.ownership().map(Ownership::epoch).unwrap_or_default()
    }

    /// How old the last acknowledged renewal is; 0 if the store is in a data directory, or not open.
    pub fn beat_age(&self) -> Duration {
        self.ownership().map(Ownership::beat_age).unwrap_or_default()
    }

    fn ownership(&self) -> Option<&Ownership> {
        match self.0.get()? {
            Tenure::Always => None,
            Tenure::Owner(ownership) => Some(ownership),
        }
    }
}
