//! Accounts that memberbases share: an active member of one memberbase starts as an active member of another,
//! if both have `share_accounts` on.
//!
//! The other memberbases are read just before rows are handed in, not as part of their commit. So a person
//! who becomes active elsewhere at the same moment may still start with the status that `new_members` says.
//! The same holds for a person who is active in a memberbase that cannot be read for good: such a memberbase
//! does not hold up writes to others (see `table/store/sharing.rs`).

use crate::directory::access::view;
use crate::directory::{Directory, Error};
use crate::model::{BaseNumber, MemberRow, RowError, Status};
use crate::table::MemberKey;

/// Addresses that are looked up together.
const FIND_TOGETHER: usize = 500;

impl Directory {
    /// Marks the rows whose e-mail address belongs to a person with an account.
    pub async fn mark_accounts(
        &self,
        base: BaseNumber,
        rows: &mut [Result<MemberRow, RowError>],
    ) -> Result<(), Error> {
        // Rows with a status, or without an address, depend on no other memberbase.
        let depends = |row: &MemberRow| row.status.is_none() && row.patch.email.as_set().is_some();
        if !rows.iter().flatten().any(depends) {
            return Ok(());
        }
        let others = self.guarded.sharing_with(base).await?;
        if others.is_empty() {
            return Ok(());
        }
        for rows in rows.chunks_mut(FIND_TOGETHER) {
            let mut asked: Vec<(&mut MemberRow, MemberKey)> = Vec::with_capacity(rows.len());
            for row in rows.iter_mut().flatten().filter(|row| row.status.is_none()) {
                if let Some(email) = row.patch.email.as_set().cloned() {
                    asked.push((row, MemberKey::Email(email)));
                }
            }
            let keys: Vec<MemberKey> = asked.iter().map(|(_, key)| key.clone()).collect();
            for other in &others {
                // A memberbase that was deleted meanwhile no longer shares accounts.
                let Ok(view) = view(other, None).await else { continue };
                match view.find(&keys).await {
                    Ok(found) => {
                        for ((row, _), found) in asked.iter_mut().zip(found) {
                            row.has_account |=
                                found.is_some_and(|(_, member)| member.status == Status::Active);
                        }
                    }
                    Err(error) => self.guarded.pass_over(other, error)?,
                }
            }
        }
        Ok(())
    }
}
