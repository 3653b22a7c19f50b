//! Lending whole bases to other servers of the store.
//!
//! A base is lent while it is closed here: so everything that was written to it is published, and nothing of
//! it is in memory. The next use of the base takes it back
//! ([`StoredBases`](crate::table::base::stored::StoredBases)).

use std::sync::Arc;
use std::time::Duration;

use crate::model::BaseNumber;
use crate::stored::header::Header;
use crate::stored::index::IndexState;
use crate::stored::key;
use crate::table::TableError;
use crate::table::base::life::Lives;
use crate::table::base::stored::StoredBases;
use crate::table::open::Parts;
use crate::table::shared::leases::Lent;
use crate::table::store::open::Table;

/// How often it is tried to close a base that callers hold, and how long it waits in between.
const TRIES: usize = 50;
const TRIES_AFTER: Duration = Duration::from_millis(10);

impl Table {
    /// Lends a base to another process. `None` if it cannot be lent now: it does not exist, is deleted or
    /// damaged, shares accounts, has a job to do, or is in use; or something changes for the whole store.
    ///
    /// Keep what is returned for as long as the other process can be told that the base is wanted back;
    /// otherwise the housekeeping takes it back.
    pub async fn lend(&self, number: BaseNumber) -> Result<Option<Lent>, TableError> {
        self.parts.check_owner()?;
        for tried in 0..TRIES {
            if tried > 0 {
                tokio::time::sleep(TRIES_AFTER).await;
            }
            // First, because closing a base is work.
            if self.parts.leases.is_lent(number)
                || self.jobs().is_busy(number)
                || !may_be_lent(&self.parts, number).await?
            {
                return Ok(None);
            }
            let lending = lend_closed(self.parts.clone(), Arc::clone(&self.bases), number);
            if let Some(lent) = self.bases.while_closed(number, lending).await {
                return lent;
            }
        }
        Ok(None)
    }

    /// Refuses what only the owner of the store may do, if this process has just one base on lease.
    pub fn check_owner(&self) -> Result<(), TableError> {
        self.parts.check_owner()
    }

    /// Waits for a request that only the owner of the store can do, if this process has just one base on lease:
    /// then it should give the base back. The caller was asked to try again.
    pub async fn until_unfit(&self) {
        self.idempotency().until_unfit().await;
    }
}

/// Lends a base that is closed, unless somebody waits for it already.
async fn lend_closed(
    parts: Parts,
    bases: Arc<Lives<StoredBases>>,
    number: BaseNumber,
) -> Result<Option<Lent>, TableError> {
    let may_be_lent = async {
        let may = !bases.is_awaited(number) && may_be_lent(&parts, number).await?;
        if may {
            parts.member_cache.forget_all(number);
        }
        Ok(may)
    };
    parts.leases.lend(number, may_be_lent).await
}

/// Whether the stored state of a base lets another process have it.
async fn may_be_lent(parts: &Parts, number: BaseNumber) -> Result<bool, TableError> {
    let keys = [key::header(number), key::settings(number), key::index(number)];
    let Ok([head, settings, index]) = <[_; 3]>::try_from(parts.engine.get_many(&keys).await?) else {
        return Ok(false);
    };
    let Some(Ok(header)) = head.map(|head| Header::decode(&head, settings.as_deref())) else {
        return Ok(false);
    };
    let is_indexed = match index.map(|bytes| IndexState::decode(&bytes)) {
        Some(Ok(index)) => index.unindexed.is_empty(),
        Some(Err(_)) => false,
        // Bases of old stores have none until their first checkpoint.
        None => true,
    };
    let is_alone = !header.settings.share_accounts;
    Ok(is_alone && is_indexed && header.deleted_at.is_none() && !header.is_purging)
}
