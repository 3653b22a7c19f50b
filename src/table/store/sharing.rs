//! Opening the bases that share accounts with a base.

use std::sync::{Arc, PoisonError};

use crate::model::{BaseNumber, Timestamp};
use crate::table::TableError;
use crate::table::base::handle::Base;
use crate::table::store::open::Table;

/// How long a base that cannot be read is skipped, in microseconds.
const PASS_OVER_MICROS: i64 = 60 * 1_000_000;

impl Table {
    /// The open bases that share accounts with `base`, without those that cannot be read because they are
    /// damaged.
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

    /// Skips a base for a while if `error` is lasting, that is, if its data is damaged; otherwise returns the
    /// error.
    pub fn pass_over(&self, number: BaseNumber, error: TableError) -> Result<(), TableError> {
        if !error.is_lasting() {
            return Err(error);
        }
        tracing::error!(
            base = number.0,
            %error,
            "a memberbase that shares accounts cannot be read; its accounts are ignored for a minute"
        );
        let until = Timestamp::from_micros(self.now().micros().saturating_add(PASS_OVER_MICROS));
        let mut passed_over = self.parts.sharing.passed_over.write().unwrap_or_else(PoisonError::into_inner);
        passed_over.insert(number, until);
        Ok(())
    }
}
