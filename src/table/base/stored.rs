//! The bases of a store, as [`life`](crate::table::base::life) opens and closes them. A base that is lent to
//! another process comes back before it is opened.

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::BaseNumber;
use crate::table::TableError;
use crate::table::base::handle::Base;
use crate::table::base::life::Kind;
use crate::table::open::Parts;

/// Bases as they are stored: opening one loads it and starts its tasks.
pub struct StoredBases(pub Parts);

#[async_trait]
impl Kind for StoredBases {
    type Open = Base;

    async fn open(&self, number: BaseNumber) -> Result<Arc<Base>, TableError> {
        self.0.check_base(number)?;
        self.0.leases.take_back(number).await?;
        Base::open(number, self.0.clone()).await
    }

    async fn close(&self, base: &Base) -> Result<(), TableError> {
        base.close().await
    }
}
