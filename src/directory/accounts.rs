//! Accounts that memberbases share: who is an active member of one begins as an active member of another, where both have
//! `share_accounts` on.
//!
//! What the other memberbases say is read just before a row is handed in. It is not part of the row's commit: somebody who
//! becomes active elsewhere at the same moment may still begin as `new_members` says.

use super::{Directory, Error, view};
use crate::model::{BaseNumber, MemberRow, RowError, Status};
use crate::table::MemberKey;

/// Addresses that are looked up together.
const FIND_TOGETHER: usize = 500;

impl Directory {
    /// Notes which rows have the address of somebody with an account.
    pub(super) async fn mark_accounts(
        &self,
        base: BaseNumber,
        rows: &mut [Result<MemberRow, RowError>],
    ) -> Result<(), Error> {
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
                // One that was deleted meanwhile shares nothing any more.
                let Ok(view) = view(other, None).await else { continue };
                for ((row, _), found) in asked.iter_mut().zip(view.find(&keys).await?) {
                    row.has_account |= found.is_some_and(|(_, member)| member.status == Status::Active);
                }
            }
        }
        Ok(())
    }
}
