//! Rows that failed because another member had their e-mail address, worker id or ref, tried again once all
//! rows are through.
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
//!   ([`crate::cli::import::overtaken`]); if that is not known, it fails. Nothing else is older: a newer row
//!   that has failed stands in the file of failed rows, behind the older one if that fails as well.
//! - **A row is tried on the member that it found the first time**, by the id that its answer named, and one
//!   that found none may only create (`Held::again`). Members may have been renamed since, and a key that
//!   moved must not bring an older row to a member which a newer one has written.
//! - **What is tried follows from the answers alone**, which are the same when the import goes on under its
//!   id. So it makes the same calls by the same names then, and writes nothing twice.
//!
//! How many rows wait is bounded; those above the bound fail at once.

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Client;
use crate::cli::import::failed::Waiting;
use crate::cli::import::stop::Stops;

use super::ask;
use super::calls::Calls;
use super::late::{Held, Late};
use super::state::Session;

/// How often all that waits is tried; each time but the last settles at least one row.
const MAX_PASSES: usize = 16;
/// How often an atomic call is tried with fewer rows. Each time, those go that depend on one that went
/// before.
const MAX_ROUNDS: usize = 256;

impl Late {
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
    ask::learn(session, client).await?;
    late.fail_older(&session.overtaken);
    late.retry(session, &mut Calls::new(client)).await
}
