//! The rows that wait, and which of them may be tried again.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::model::limits::ATOMIC_MAX_ROWS;
use crate::model::{Fold, Reason};

use super::overtaken::{Overtaken, Standing};
use crate::cli::import::failure::may_be_overtaken;
use crate::cli::import::reading::{Format, Key, Row};
use crate::cli::list::RowFailure;
use crate::lists::ListRow;

/// The maximum size of all waiting rows, in bytes. On the wire they grow up to 5.5 times, and must fit into
/// one message.
const MAX_BYTES: usize = 4 << 20;
/// A failed row, why it failed, and the id of the member that it found, if the server reported one.
pub struct Failed<'a> {
    pub row: Row<'a>,
    pub failure: RowFailure,
    pub id: Option<Key>,
}

/// The waiting rows, by their line.
#[derive(Debug, Default)]
pub struct Late {
    pub(super) rows: BTreeMap<u64, Held>,
    bytes: usize,
}

#[derive(Debug)]
pub struct Held {
    row: ListRow,
    member: v1::MemberInput,
    /// The key by which it was matched.
    pub(super) key: Key,
    /// The member that it found.
    pub(super) id: Option<Key>,
    failure: RowFailure,
    /// Whether it must not be tried again.
    is_final: bool,
}

impl Held {
    /// The row for another try: on the member that it found, or only to create one. If rows are matched by
    /// ref, the member keeps its current ref.
    pub(super) fn again(&self, match_by: v1::MatchBy) -> v1::MemberInput {
        let mut member = self.member.clone();
        match self.id.as_ref().and_then(Key::to_id) {
            Some(id) => {
                member.id = Some(id);
                if matches!(match_by, v1::MatchBy::Unspecified | v1::MatchBy::Ref) {
                    member.r#ref = None;
                }
            }
            None => member.if_revision = member.if_revision.or(Some(0)),
        }
        member
    }

    /// Records why it failed again. A failure that only concerns the member, not the row, is added to the
    /// first reason.
    fn fail(&mut self, failure: RowFailure) {
        self.is_final = !is_worth_waiting(&failure);
        let since = if self.id.is_some() && failure.reason == Reason::MemberNotFound.as_str() {
            "its member did not exist any more"
        } else if self.is_to_create() && failure.reason == Reason::RevisionMismatch.as_str() {
            "by then a member had its key, although there was none before"
        } else {
            self.failure = failure;
            return;
        };
        self.failure.message =
            format!("{}; when it was tried again, it was not written, because {since}", self.failure.message);
    }

    /// Whether it is only tried to create a member, although the row itself does not require that.
    fn is_to_create(&self) -> bool {
        self.id.is_none() && self.member.if_revision.is_none()
    }
}

impl Late {
    /// Adds a failed row that may wait; false if it must fail now.
    pub fn add(&mut self, failed: &Failed<'_>, format: &Format, match_by: v1::MatchBy) -> bool {
        let Failed { row, failure, id } = failed;
        if !is_worth_waiting(failure) || !self.has_room(row) {
            return false;
        }
        let Ok(member) = format.member(row) else { return false };
        let Some(key) = Key::of_row(&member, match_by) else { return false };
        let id = id.clone().or_else(|| Some(key.clone()).filter(Key::is_id));
        self.bytes += bytes(row);
        let failure = failure.clone();
        self.rows
            .insert(row.number(), Held { row: (*row).clone(), member, key, id, failure, is_final: false });
        true
    }

    /// Whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn has_room(&self, row: Row<'_>) -> bool {
        self.rows.len() < ATOMIC_MAX_ROWS && self.bytes + bytes(row) <= MAX_BYTES
    }

    /// Ends the waiting: all rows fail for good, in the order of the file.
    pub fn give_up(
        &mut self,
        mut fail: impl FnMut(Row<'_>, &RowFailure) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let given_up = std::mem::take(self);
        given_up.failures().try_for_each(|(row, failure)| fail(row, failure))
    }

    /// The waiting and failed rows, in the order of the file.
    pub(super) fn failures(&self) -> impl Iterator<Item = (Row<'_>, &RowFailure)> {
        self.rows.values().map(|held| (&held.row, &held.failure))
    }

    /// Ends the waiting of rows for whose member a newer row was applied or waits.
    pub(super) fn fail_older(&mut self, overtaken: &Overtaken) {
        let mut newer = HashSet::new();
        for (line, held) in self.rows.iter_mut().rev() {
            let keys: Vec<u64> = held.id.iter().chain([&held.key]).map(Key::hash).collect();
            let standing = overtaken.standing(*line);
            if let Standing::Unknown { later } = standing {
                held.failure = may_be_overtaken(later, &held.failure);
            }
            held.is_final |= standing != Standing::Newest || keys.iter().any(|key| newer.contains(key));
            newer.extend(keys);
        }
    }

    pub(super) fn waiting(&self) -> Vec<u64> {
        self.rows.iter().filter(|(_, held)| !held.is_final).map(|(line, _)| *line).collect()
    }

    /// The lines of the waiting rows, in the order in which they are tried: first those of existing members,
    /// then those of new ones.
    pub(super) fn groups(&self) -> [Vec<u64>; 2] {
        let (found, new) = self.waiting().into_iter().partition(|line| self.is_found(*line));
        [found, new]
    }

    pub(super) fn is_found(&self, line: u64) -> bool {
        self.rows.get(&line).is_some_and(|held| held.id.is_some())
    }

    /// The lines of the waiting rows of existing members, without those that want the same value as an
    /// earlier row: only one of them can have it.
    pub(super) fn first_claims(&self) -> Vec<u64> {
        let mut claimed = HashSet::new();
        let [mut lines, _] = self.groups();
        lines.retain(|line| {
            let Some(held) = self.rows.get(line) else { return false };
            let v1::MemberInput { r#ref, email, worker_id, .. } = &held.member;
            let email = email.as_deref().map(|email| Fold::NEWEST.of(email).into_owned());
            let values = [("ref", r#ref), ("email", &email), ("worker_id", worker_id)];
            let values: Vec<_> =
                values.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
            let is_first = !values.iter().any(|value| claimed.contains(value));
            claimed.extend(values.into_iter().filter(|_| is_first));
            is_first
        });
        lines
    }

    /// Records why rows failed, and returns the lines of those that failed for a fault of their own.
    pub(super) fn note(
        &mut self,
        lines: &[u64],
        results: Vec<v1::MemberResult>,
        format: &Format,
    ) -> Result<HashSet<u64>, Error> {
        let mut failed = HashSet::new();
        for result in results {
            let failure = format.failure(result.error.unwrap_or_default());
            if failure.reason == Reason::AtomicAborted.as_str() {
                continue;
            }
            let line = usize::try_from(result.index).ok().and_then(|index| lines.get(index));
            let held = line.and_then(|line| self.rows.get_mut(line));
            let (Some(line), Some(held)) = (line, held) else {
                return Err(Error::Broken(format!(
                    "the server reported row {}, which was not sent",
                    result.index
                )));
            };
            held.fail(failure);
            failed.insert(*line);
        }
        Ok(failed)
    }
}

/// Whether another row may free the value that the row wants.
fn is_worth_waiting(failure: &RowFailure) -> bool {
    [Reason::EmailTaken, Reason::WorkerIdTaken, Reason::RefTaken]
        .iter()
        .any(|reason| failure.reason == reason.as_str())
}

fn bytes(row: Row<'_>) -> usize {
    row.cells().map(str::len).sum()
}
