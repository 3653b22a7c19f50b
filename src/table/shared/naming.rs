//! Keeps the names of bases unchanged while a base is created.
//!
//! - Bases are created one at a time ([`Naming::make`]).
//! - While a base is created, no batch is in flight that renames, deletes or undeletes another one
//!   ([`Naming::change`]). So the names that the creating call reads stay valid until it is done.
//! - A call that creates a base waits only for batches in flight, and these land whether or not anything
//!   waits for them. So it cannot deadlock.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::stored::header::Header;

/// The lock between calls that create bases and batches that change settings.
#[derive(Debug, Clone, Default)]
pub struct Naming(Arc<RwLock<()>>);

/// Held while a base is created.
pub type Making = OwnedRwLockWriteGuard<()>;
/// Held by a batch that changes settings, until it has landed. It is boxed because few batches have one.
pub type Changing = Box<OwnedRwLockReadGuard<()>>;

impl Naming {
    /// Waits until a base may be created.
    pub async fn make(&self) -> Making {
        Arc::clone(&self.0).write_owned().await
    }

    /// Waits until a batch that changes `before` to `after` may be in flight. `None`, without waiting, if the
    /// batch does not change the settings.
    pub async fn change(&self, before: &Header, after: &Header) -> Option<Changing> {
        if before.settings_revision == after.settings_revision {
            return None;
        }
        Some(Box::new(Arc::clone(&self.0).read_owned().await))
    }
}
