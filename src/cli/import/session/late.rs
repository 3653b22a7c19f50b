//! The rows that wait, and which of them may be tried again.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::model::limits::ATOMIC_MAX_ROWS;
use crate::model::{Fold, Reason};

use crate::cli::import::format::Format;
use crate::cli::import::overtaken::{Overtaken, Standing, may_be_overtaken};
use crate::cli::import::row_failure::RowFailure;
use crate::cli::import::rows::{Collector, Row, Rows};
use crate::cli::import::who::Key;

/// Most bytes of rows that wait. On the wire they grow up to 5.5 times, and have to fit into one message.
const MAX_BYTES: usize = 4 << 20;
/// A row that failed, why, and the id of the member that it found, if the server knows it.
pub struct Failed<'a> {
    pub row: Row<'a>,
    pub failure: RowFailure,
    pub id: Option<Key>,
}

/// The rows that wait, by their line.
#[derive(Debug, Default)]
pub struct Late {
    pub(super) rows: BTreeMap<u64, Held>,
    bytes: usize,
}

#[derive(Debug)]
pub struct Held {
    /// The row alone.
    row: Rows,
    member: v1::MemberInput,
    /// What it was looked for by.
    pub(super) key: Key,
    /// The member that it found.
    pub(super) id: Option<Key>,
    failure: RowFailure,
    /// Whether it is not to be tried again.
    is_final: bool,
}

impl Held {
    /// The row as it is tried again: on the member that it found, or only if it creates one. Matched by its
    /// ref, it leaves the member the ref that it has by now.
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

    /// Takes note of why it has failed again. What that says of the member alone, and not of the row, is told
    /// beside the first reason.
    fn fail(&mut self, failure: RowFailure) {
        self.is_final = !is_worth_waiting(&failure);
        let since = if self.id.is_some() && failure.reason == Reason::MemberNotFound.as_str() {
            "the member that it had found was gone"
        } else if self.is_to_create() && failure.reason == Reason::RevisionMismatch.as_str() {
            "a member had its key by then, and it had found none before"
        } else {
            self.failure = failure;
            return;
        };
        self.failure.message =
            format!("{}; tried again, it was not written, because {since}", self.failure.message);
    }

    /// Whether it is tried for a new member alone, although it does not say so itself.
    fn is_to_create(&self) -> bool {
        self.id.is_none() && self.member.if_revision.is_none()
    }
}

impl Late {
    /// Takes in a failed row that may wait; false if it must fail now.
    pub fn keep(&mut self, failed: &Failed<'_>, format: &Format, match_by: v1::MatchBy) -> bool {
        let Failed { row, failure, id } = failed;
        if !is_worth_waiting(failure) || !self.has_room(*row) {
            return false;
        }
        let Ok(member) = format.member(*row) else { return false };
        let Some(key) = Key::of_row(&member, match_by) else { return false };
        let mut alone = Collector::default();
        alone.push(row.line, row.cells().map(str::as_bytes));
        let Ok(alone) = alone.finish() else { return false };
        let id = id.clone().or_else(|| Some(key.clone()).filter(Key::is_id));
        self.bytes += bytes(*row);
        let failure = failure.clone();
        self.rows.insert(row.line, Held { row: alone, member, key, id, failure, is_final: false });
        true
    }

    /// Whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn has_room(&self, row: Row<'_>) -> bool {
        self.rows.len() < ATOMIC_MAX_ROWS && self.bytes + bytes(row) <= MAX_BYTES
    }

    /// None waits any more: all fail for good, in the order of the file.
    pub fn give_up(
        &mut self,
        mut fail: impl FnMut(Row<'_>, &RowFailure) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let given_up = std::mem::take(self);
        given_up.failures().try_for_each(|(row, failure)| fail(row, failure))
    }

    /// The rows that wait or have failed, in the order of the file.
    pub(super) fn failures(&self) -> impl Iterator<Item = (Row<'_>, &RowFailure)> {
        self.rows.values().filter_map(|held| Some((held.row.get(0)?, &held.failure)))
    }

    /// Lets only those go on waiting for whose member nothing newer was applied, or waits.
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

    /// The lines of those that wait, in the order in which they are tried: first of members that are there,
    /// then of new ones.
    pub(super) fn groups(&self) -> [Vec<u64>; 2] {
        let (found, new) = self.waiting().into_iter().partition(|line| self.is_found(*line));
        [found, new]
    }

    pub(super) fn is_found(&self, line: u64) -> bool {
        self.rows.get(&line).is_some_and(|held| held.id.is_some())
    }

    /// The lines that wait for members that are there, without those that want what an earlier one wants too:
    /// both cannot have it.
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

    /// Takes note of why rows failed, and says which did so for a fault of their own.
    pub(super) fn note(
        &mut self,
        lines: &[u64],
        results: Vec<v1::MemberResult>,
        format: &Format,
    ) -> Result<HashSet<u64>, Error> {
        let mut failed = HashSet::new();
        for result in results {
            let failure = RowFailure::of(result.error.unwrap_or_default(), format);
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

/// Whether another row may give up what the row wants.
fn is_worth_waiting(failure: &RowFailure) -> bool {
    [Reason::EmailTaken, Reason::WorkerIdTaken, Reason::RefTaken]
        .iter()
        .any(|reason| failure.reason == reason.as_str())
}

fn bytes(row: Row<'_>) -> usize {
    row.cells().map(str::len).sum()
}
