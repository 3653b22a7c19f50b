//! Rows that failed because another member had their e-mail address, worker id or ref, tried again once all rows are through.
//!
//! In a list the order of the rows says nothing: two people may swap their addresses, or pass them on in a
//! ring, and who gives a value up may come after who gets it. The server applies chunks row by row, so such
//! rows fail on the way. They wait here, and at the end they are tried again: one by one, for those whose
//! value has become free, and then together in an atomic call, which judges uniqueness after its last row. A
//! row that fails in that call is left out and the others are tried without it, until the rest is a closed
//! ring or nothing. Rows that would create a member come after those of members that are there: nobody waits
//! for them, because a member that is not there holds no value.
//!
//! - **No row is tried again after a newer one of its member was applied**, because it would undo what that
//!   one did, by whatever keys the two look for their member. So of the rows that wait for one member only
//!   the newest is tried, and it only if no row of a later line was applied to the member
//!   ([`super::overtaken`]); if that is not known, it fails. Nothing else is older: a newer row that has
//!   failed stands in the file of failed rows, behind the older one if that fails as well.
//! - **A row is tried on the member that it found the first time**, by the id that its answer named, and one
//!   that found none may only create ([`Held::again`]). Members may have been renamed since, and a key that
//!   moved must not bring an older row to a member which a newer one has written.
//! - **What is tried follows from the answers alone**, which are the same when the import goes on under its
//!   id. So it makes the same calls by the same names then, and writes nothing twice.
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
use super::overtaken::{Overtaken, Standing, may_be_overtaken};
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
    /// What it was looked for by.
    key: Key,
    /// The member that it found.
    id: Option<Key>,
    failure: RowFailure,
    /// Whether it is not to be tried again.
    is_final: bool,
}

impl Held {
    /// The row as it is tried again: on the member that it found, or only if it creates one. Matched by its
    /// ref, it leaves the member the ref that it has by now.
    fn again(&self, match_by: v1::MatchBy) -> v1::MemberInput {
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
    fn failures(&self) -> impl Iterator<Item = (Row<'_>, &RowFailure)> {
        self.rows.values().filter_map(|held| Some((held.row.get(0)?, &held.failure)))
    }

    /// Lets only those go on waiting for whose member nothing newer was applied, or waits.
    fn fail_older(&mut self, overtaken: &Overtaken) {
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

    /// The lines of those that wait, in the order in which they are tried: first of members that are there,
    /// then of new ones.
    fn groups(&self) -> [Vec<u64>; 2] {
        let (found, new) = self.waiting().into_iter().partition(|line| self.is_found(*line));
        [found, new]
    }

    fn is_found(&self, line: u64) -> bool {
        self.rows.get(&line).is_some_and(|held| held.id.is_some())
    }

    async fn try_one_by_one(&mut self, session: &mut Session, calls: &mut Calls<'_>) -> Result<(), Error> {
        for lines in self.groups().into_iter().filter(|lines| !lines.is_empty()) {
            let reply = self.upsert(session, calls, v1::BulkMode::Partial, &lines).await?;
            let failed = self.note(&lines, reply.results, &session.format)?;
            session.count(reply.counts.unwrap_or_default());
            lines
                .iter()
                .filter(|line| !failed.contains(line))
                .for_each(|line| self.is_through(*line, session));
        }
        Ok(())
    }

    async fn try_together(&mut self, session: &mut Session, calls: &mut Calls<'_>) -> Result<(), Error> {
        let mut lines = self.first_claims();
        for _ in 0..MAX_ROUNDS {
            // One row alone was just tried.
            if lines.len() < 2 {
                break;
            }
            let reply = self.upsert(session, calls, v1::BulkMode::Atomic, &lines).await?;
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

    /// Sends the rows of one group.
    async fn upsert(
        &self,
        session: &mut Session,
        calls: &mut Calls<'_>,
        mode: v1::BulkMode,
        lines: &[u64],
    ) -> Result<v1::BulkUpsertMembersResponse, Error> {
        let given = session.options.match_by();
        let is_found = lines.first().is_some_and(|line| self.is_found(*line));
        let match_by = if is_found { v1::MatchBy::Id } else { given };
        let rows = lines.iter().filter_map(|line| self.rows.get(line));
        let members = rows.map(|held| held.again(given)).collect();
        calls.upsert(session, mode, match_by, members).await
    }

    /// A row was applied, and does not wait any more.
    fn is_through(&mut self, line: u64, session: &mut Session) {
        let Some(Held { key, id, .. }) = self.rows.remove(&line) else { return };
        match id {
            Some(id) => {
                session.overtaken.applied(line, Some(key), Some(id));
                session.overtaken.is_through(line);
            }
            None => session.overtaken.created(line, &key),
        }
    }

    /// The lines that wait for members that are there, without those that want what an earlier one wants too:
    /// both cannot have it.
    fn first_claims(&self) -> Vec<u64> {
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
            held.fail(failure);
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
    let marked = session.failed.settle(waiting, &failures, &session.overtaken.lines());
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
    // Marks alone come of this, and of what is tried now as well.
    who::learn(session, client).await?;
    late.fail_older(&session.overtaken);
    late.retry(session, &mut Calls::new(client)).await
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
