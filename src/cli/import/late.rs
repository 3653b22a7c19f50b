//! Rows that failed because another member had their e-mail address, worker id or ref, tried again once all rows are through.
//!
//! In a list the order of the rows says nothing: two people may swap their addresses, or pass them on in a ring, and who gives a
//! value up may come after who gets it. The server applies chunks row by row, so such rows fail on the way. They wait here, and
//! at the end they are tried again: one by one, for those whose value has become free, and then together in an atomic call, which
//! judges uniqueness after its last row. A row that fails in that call is left out and the others are tried without it, until the
//! rest is a closed ring or nothing.
//!
//! A row does not wait any more when a later row of the file has written its member: it would undo what that one did. How
//! many rows wait is bounded; those above the bound fail at once.

mod calls;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Client;
use crate::model::Reason;
use crate::model::limits::ATOMIC_MAX_ROWS;

use super::RowFailure;
use super::chunks::{Chunk, Format};
use super::overtaken::{finder, folded};
use super::rows::{Collector, Row, Rows};
use super::session::Session;
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
    /// The line of the row that waits for a member, by what finds the member.
    lines: HashMap<String, u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    /// The row alone.
    row: Rows,
    member: v1::MemberInput,
    failure: RowFailure,
    /// Whether trying it again cannot help.
    is_final: bool,
}

impl Late {
    /// Takes in the failed rows of a chunk that may wait, and gives the others to `fail`; also those that have waited for
    /// a member which a row of this chunk has written now.
    pub fn keep(
        &mut self,
        chunk: &Chunk,
        failures: Vec<(Row<'_>, RowFailure)>,
        format: &Format,
        match_by: v1::MatchBy,
        mut fail: impl FnMut(Row<'_>, &RowFailure) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.rows.is_empty() && !failures.iter().any(|(_, failure)| is_worth_waiting(failure)) {
            return failures.iter().try_for_each(|(row, failure)| fail(*row, failure));
        }
        let mut failures = failures.into_iter().peekable();
        for row in chunk.rows.iter() {
            let failure = failures.next_if(|(failed, _)| failed.line == row.line).map(|(_, failure)| failure);
            let member = format.member(row).ok();
            let finder = member.as_ref().and_then(|member| finder(member, match_by));
            match (failure, member, finder) {
                (None, _, None) => {}
                (None, _, Some(finder)) => self.give_up(&finder, &mut fail)?,
                (Some(failure), Some(member), Some(finder))
                    if is_worth_waiting(&failure) && self.has_room(row) =>
                {
                    self.give_up(&finder, &mut fail)?;
                    self.hold(row, member, finder, failure);
                }
                (Some(failure), _, _) => fail(row, &failure)?,
            }
        }
        Ok(())
    }

    fn has_room(&self, row: Row<'_>) -> bool {
        self.rows.len() < ATOMIC_MAX_ROWS && self.bytes + bytes(row) <= MAX_BYTES
    }

    fn hold(&mut self, row: Row<'_>, member: v1::MemberInput, finder: String, failure: RowFailure) {
        let mut alone = Collector::default();
        alone.push(row.line, row.cells().map(str::as_bytes));
        let Ok(alone) = alone.finish() else { return };
        self.bytes += bytes(row);
        self.lines.insert(finder, row.line);
        self.rows.insert(row.line, Held { row: alone, member, failure, is_final: false });
    }

    /// The row that waits for this member fails for good.
    fn give_up(
        &mut self,
        finder: &str,
        fail: &mut impl FnMut(Row<'_>, &RowFailure) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let held = self.lines.remove(finder).and_then(|line| self.rows.remove(&line));
        let Some(held) = held else { return Ok(()) };
        let Some(row) = held.row.get(0) else { return Ok(()) };
        self.bytes -= bytes(row);
        fail(row, &held.failure)
    }

    /// The rows that wait or have failed, in the order of the file.
    fn failures(&self) -> impl Iterator<Item = (Row<'_>, &RowFailure)> {
        self.rows.values().filter_map(|held| Some((held.row.get(0)?, &held.failure)))
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
        let member = self.rows.remove(&line).map(|held| held.member);
        if let Some(finder) = member.and_then(|member| finder(&member, session.options.match_by())) {
            session.overtaken.applied(line, &finder);
        }
    }

    /// The lines that wait, without those that want what an earlier one wants too: both cannot have it.
    fn first_claims(&self) -> Vec<u64> {
        let mut claimed = HashSet::new();
        let mut lines = self.waiting();
        lines.retain(|line| {
            let Some(held) = self.rows.get(line) else { return false };
            let v1::MemberInput { r#ref, email, worker_id, .. } = &held.member;
            let folded = email.as_deref().map(folded);
            let values = [("ref", r#ref), ("email", &folded), ("worker_id", worker_id)];
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

/// Tries what waits, if the file came through, and writes out what fails in the end.
pub async fn settle(
    session: &mut Session,
    client: &mut Client,
    result: Result<(), Error>,
) -> Result<(), Error> {
    let mut late = std::mem::take(&mut session.late);
    let (mut result, mut waiting) = (result, None);
    if result.is_ok() && !late.rows.is_empty() {
        // Whoever kills the import meanwhile finds them in the file.
        waiting = session.failed.write_waiting(late.failures())?;
        result = late.retry(session, &mut Calls::new(client)).await;
    }
    let failures: Vec<_> = late.failures().collect();
    session.counts.failed += u64::try_from(failures.len()).unwrap_or(u64::MAX);
    match waiting {
        Some(waiting) => session.failed.settle(waiting, &failures)?,
        None => failures.iter().try_for_each(|(row, failure)| session.failed.write(*row, failure))?,
    }
    session.failed.flush()?;
    result
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
