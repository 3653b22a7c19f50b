//! Which bases there are, and what they are called.
//!
//! - Bases are made one at a time ([`Naming::make`]).
//! - While one is made, no batch is in flight that changes what another one is called, or whether it is
//!   deleted ([`Naming::change`]). So whoever makes a base has all names before him as they are until he is
//!   done.
//! - Whoever makes a base waits for no lane: a batch that is in flight lands whatever waits. So nobody waits
//!   for ever.

use std::sync::Arc;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::stored::header::Header;

/// The turns of those who make bases, and of batches that change settings.
#[derive(Debug, Clone, Default)]
pub struct Naming(Arc<RwLock<()>>);

/// Held while a base is made.
pub type Making = OwnedRwLockWriteGuard<()>;
/// Held by a batch that changes settings, until it has landed. Boxed, because hardly any batch has one.
pub type Changing = Box<OwnedRwLockReadGuard<()>>;

impl Naming {
    /// The turn to make a base.
    pub async fn make(&self) -> Making {
        Arc::clone(&self.0).write_owned().await
    }

    /// The turn of a batch that leads from one header to another; one that leaves the settings as they are
    /// needs none.
    pub async fn change(&self, before: &Header, after: &Header) -> Option<Changing> {
        if before.settings_revision == after.settings_revision {
            return None;
        }
        Some(Box::new(Arc::clone(&self.0).read_owned().await))
    }
}
