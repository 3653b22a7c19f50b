//! Rows that failed because another member had their e-mail address, worker id or ref, tried again once all rows are through.
//!
//! In a list the order of the rows says nothing: two people may swap their addresses, or pass them on in a ring, and who gives a
//! value up may come after who gets it. The server applies chunks row by row, so such rows fail on the way. They wait here, and
//! at the end they are tried again: one by one, for those whose value has become free, and then together in an atomic call, which
//! judges uniqueness after its last row. A row that fails in that call is left out and the others are tried without it, until the
//! rest is a closed ring or nothing.
//!
//! **No row is tried again after a newer one of its member was applied**, because it would undo what that one did, by whatever
//! keys the two look for their member. So of the rows that wait for one member only the newest is tried, and it only if no row of
//! a later line was applied to the member ([`super::overtaken`]); if that is not known, it fails. Nothing else is older: a newer
//! row that has failed stands in the file of failed rows, behind the older one if that fails as well.
//!
//! How many rows wait is bounded; those above the bound fail at once.

mod calls;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Client;
use crate::model::limits::ATOMIC_MAX_ROWS;
use crate::model::{Fold, Reason};

use super::RowFailure;
use super::chunks::Format;
use super::failed::Waiting;
use super::overtaken::Overtaken;
use super::rows::{Collector, Row, Rows};
use super::session::{Failed, Session};
use super::stop::Stops;
use super::who::{self, Key};
use calls::Calls;

/// Most bytes of rows that wait. On the wire they grow up to 5.5 times, and have to fit into one message.
const MAX_BYTES: usize = 4 << 20;
/// How often all that waits is tried; each time but the last settles at least one row.
const MAX_PASSES: usize = 16;
/// How often an atomic call is tried with fewer rows. Each time, those go that depend on one that went before.
const MAX_ROUNDS: usize = 256;

/// The rows that wait, by their line.
#[derive(Debug, Default)]
pub struct Late {
    rows: BTreeMap<u64, Held>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    /// The row alone.
    row: Rows,
    member: v1::MemberInput,
    /// The keys of its member that are known: the one that it was looked for by, and the id if it was found.
    keys: Vec<Key>,
    failure: RowFailure,
    /// Whether it is not to be tried again.
    is_final: bool,
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
        let keys = [Some(key), id.clone()].into_iter().flatten().collect();
        self.bytes += bytes(*row);
        self.rows
            .insert(row.line, Held { row: alone, member, keys, failure: failure.clone(), is_final: false });
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
    fn failures(&self) -> impl Iterator<Item = (Row<'_>, &RowFailure)> {
        self.rows.values().filter_map(|held| Some((held.row.get(0)?, &held.failure)))
    }

    /// Lets only those go on waiting for whose member nothing newer was applied, or waits.
    fn fail_older(&mut self, overtaken: &Overtaken) {
        let mut newer = HashSet::new();
        for (line, held) in self.rows.iter_mut().rev() {
            let keys: Vec<u64> = held.keys.iter().map(Key::hash).collect();
            let is_older = keys.iter().any(|key| newer.contains(key));
            held.is_final |= is_older || overtaken.may_have(*line);
            newer.extend(keys);
        }
    }

    /// Tries what waits until it is done or nothing more can be.
    async fn retry(&mut self, session: &mut Session, calls: &mut Calls<'_>) -> Result<(), Error> {
        for _ in 0..MAX_PASSES {
            let before = self.waiting().len();
            if before == 0 {
                break;
            }
            self.try_one_by_one(session, calls).await?;
            self.try_together(session, calls).await?;
            if self.waiting().len() == before {
                break;
            }
        }
        Ok(())
    }

    fn waiting(&self) -> Vec<u64> {
        self.rows.iter().filter(|(_, held)| !held.is_final).map(|(line, _)| *line).collect()
    }

    fn members(&self, lines: &[u64]) -> Vec<v1::MemberInput> {
        lines.iter().filter_map(|line| self.rows.get(line)).map(|held| held.member.clone()).collect()
    }

    async fn try_one_by_one(&mut self, session: &mut Session, calls: &mut Calls<'_>) -> Result<(), Error> {
        let lines = self.waiting();
        let reply = calls.upsert(session, v1::BulkMode::Partial, self.members(&lines)).await?;
        let failed = self.note(&lines, reply.results, &session.format)?;
        session.count(reply.counts.unwrap_or_default());
        lines.iter().filter(|line| !failed.contains(line)).for_each(|line| self.is_through(*line, session));
        Ok(())
    }

    async fn try_together(&mut self, session: &mut Session, calls: &mut Calls<'_>) -> Result<(), Error> {
        let mut lines = self.first_claims();
        for _ in 0..MAX_ROUNDS {
            // One row alone was just tried.
            if lines.len() < 2 {
                break;
            }
            let reply = calls.upsert(session, v1::BulkMode::Atomic, self.members(&lines)).await?;
            if reply.results.is_empty() {
                session.count(reply.counts.unwrap_or_default());
                lines.iter().for_each(|line| self.is_through(*line, session));
                break;
            }
            let failed = self.note(&lines, reply.results, &session.format)?;
            if failed.is_empty() {
                break;
            }
            lines.retain(|line| !failed.contains(line));
        }
        Ok(())
    }

    /// A row was applied, and does not wait any more.
    fn is_through(&mut self, line: u64, session: &mut Session) {
        let keys = self.rows.remove(&line).map(|held| held.keys).unwrap_or_default();
        keys.iter().for_each(|key| session.overtaken.applied(line, key));
    }

    /// The lines that wait, without those that want what an earlier one wants too: both cannot have it.
    fn first_claims(&self) -> Vec<u64> {
        let mut claimed = HashSet::new();
        let mut lines = self.waiting();
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
    fn note(
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
            held.is_final = !is_worth_waiting(&failure);
            held.failure = failure;
            failed.insert(*line);
        }
        Ok(failed)
    }
}

/// How an import ended.
pub struct Ended {
    pub result: Result<(), Error>,
    /// Whether the failed rows that are out of date are marked as such; see [`FailedRows::settle`].
    pub marked: Result<bool, Error>,
}

/// Tries what waits, if the file came through, and writes out what fails in the end.
pub async fn settle(
    session: &mut Session,
    client: &mut Client,
    stops: &mut Stops,
    result: Result<(), Error>,
) -> Ended {
    let mut late = std::mem::take(&mut session.late);
    let mut waiting = None;
    let result = match result {
        Ok(()) => stops.or(try_again(session, client, &mut late, &mut waiting)).await,
        Err(error) => Err(error),
    };
    if result.is_err() {
        session.overtaken.cannot_learn();
    }
    let failures: Vec<_> = late.failures().collect();
    session.counts.failed += u64::try_from(failures.len()).unwrap_or(u64::MAX);
    let marked = session.failed.settle(waiting, &failures, session.overtaken.lines());
    Ended { result, marked }
}

async fn try_again(
    session: &mut Session,
    client: &mut Client,
    late: &mut Late,
    waiting: &mut Option<Waiting>,
) -> Result<(), Error> {
    if !late.rows.is_empty() {
        // Whoever kills the import meanwhile finds them in the file.
        *waiting = session.failed.write_waiting(late.failures())?;
    }
    who::learn(session, client).await?;
    late.fail_older(&session.overtaken);
    late.retry(session, &mut Calls::new(client)).await?;
    // Rows that were applied now may be about members of others that failed.
    who::learn(session, client).await
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
