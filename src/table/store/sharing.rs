//! Accounts that memberbases share: an active member of one memberbase starts as an active member of another,
//! if both have `share_accounts` on.
//!
//! The other memberbases are read just before rows are handed in, not as part of their commit. So a person
//! who becomes active elsewhere at the same moment may still start with the status that `new_members` says.
//! The same holds for a person who is active in a memberbase that cannot be read for good: such a memberbase
//! does not hold up writes to others.

use std::sync::{Arc, PoisonError};

use crate::model::{BaseNumber, MemberRow, Status, Timestamp};
use crate::table::base::handle::Base;
use crate::table::store::open::Table;
use crate::table::{MemberKey, TableError};

/// Addresses that are looked up together.
const FIND_TOGETHER: usize = 500;
/// How long a base that cannot be read is skipped, in microseconds.
const PASS_OVER_MICROS: i64 = 60 * 1_000_000;

impl Table {
    /// Marks the rows whose e-mail address belongs to a person with an account. `row` gives the row of an
    /// entry, if it has one.
    pub async fn mark_accounts<T: Send>(
        &self,
        base: BaseNumber,
        entries: &mut [T],
        row: fn(&mut T) -> Option<&mut MemberRow>,
    ) -> Result<(), TableError> {
        // Rows with a status, or without an address, depend on no other memberbase.
        let depends = |row: &MemberRow| row.status.is_none() && row.patch.email.as_set().is_some();
        if !entries.iter_mut().filter_map(row).any(|row| depends(row)) {
            return Ok(());
        }
        let others = self.sharing_with(base).await?;
        if others.is_empty() {
            return Ok(());
        }
        // Boxed, because few memberbases share accounts, and every upsert would be as large.
        Box::pin(self.mark_known(&others, entries, row)).await
    }

    /// Marks the rows whose e-mail address belongs to an active member of one of the `others`.
    async fn mark_known<T: Send>(
        &self,
        others: &[Arc<Base>],
        entries: &mut [T],
        row: fn(&mut T) -> Option<&mut MemberRow>,
    ) -> Result<(), TableError> {
        for entries in entries.chunks_mut(FIND_TOGETHER) {
            let mut asked: Vec<(&mut MemberRow, MemberKey)> = Vec::with_capacity(entries.len());
            for row in entries.iter_mut().filter_map(row).filter(|row| row.status.is_none()) {
                if let Some(email) = row.patch.email.as_set().cloned() {
                    asked.push((row, MemberKey::Email(email)));
                }
            }
            let keys: Vec<MemberKey> = asked.iter().map(|(_, key)| key.clone()).collect();
            for other in others {
                let view = other.view().await;
                // A memberbase that was deleted meanwhile no longer shares accounts.
                if view.is_deleted() {
                    continue;
                }
                match view.find(&keys).await {
                    Ok(found) => {
                        for ((row, _), found) in asked.iter_mut().zip(found) {
                            row.has_account |=
                                found.is_some_and(|(_, member)| member.status == Status::Active);
                        }
                    }
                    Err(error) => self.pass_over(other.number(), error)?,
                }
            }
        }
        Ok(())
    }

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
    fn pass_over(&self, number: BaseNumber, error: TableError) -> Result<(), TableError> {
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
