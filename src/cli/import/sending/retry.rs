//! Rows that failed because another member had their e-mail address, worker id or ref, and are tried again
//! after all other rows.
//!
//! The order of rows in a list has no meaning: two people may swap their addresses, or pass them on in a
//! ring, and the row that frees a value may come after the row that wants it. The server applies chunks row
//! by row, so such rows fail at first. They wait here, and are tried again at the end: first one by one, for
//! those whose value is free by then, and then together in an atomic call, which checks uniqueness after its
//! last row. A row that fails in that call is left out, and the others are tried without it, until the rest
//! is a closed ring or nothing. Rows that would create a member are tried after those of existing members: no
//! row waits for them, because a member that does not exist holds no value.
//!
//! - **No row is tried again after a newer row of its member was applied**, because it would undo the newer
//!   one, whatever keys the two have. So of the waiting rows of one member only the newest is tried, and only
//!   if no row of a later line was applied to the member ([`super::overtaken`]); if that is
//!   unknown, the row fails. A newer row that has failed does not matter: it is in the file of failed rows,
//!   after the older one if that fails as well.
//! - **A row is tried on the member that it found the first time**, by the id in its reply, and a row that
//!   found none may only create a member (`Held::again`). Members may have been renamed since, and a key that
//!   has moved must not bring an older row to a member that a newer row has written.
//! - **Only the replies decide what is tried**, and they are the same if the import is continued under its
//!   id. So it then makes the same calls with the same request ids, and writes nothing twice.
//!
//! The number of waiting rows is bounded; further rows fail at once.

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::Client;
use crate::cli::import::failed::Waiting;
use crate::cli::import::stop::Stops;

use super::ask;
use super::calls::Calls;
use super::late::{Held, Late};
use super::state::Session;

/// How often all waiting rows are tried; each pass but the last settles at least one row.
const MAX_PASSES: usize = 16;
/// How often an atomic call is tried with fewer rows. Each round removes the rows that depend on one removed
/// before.
const MAX_ROUNDS: usize = 256;

impl Late {
    /// Tries the waiting rows until all are settled or a pass settles none.
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
            // A single row was just tried by itself.
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

    /// Records that a row was applied, so it does not wait any more.
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
    /// Whether the overtaken rows were marked; see [`crate::cli::import::failed::FailedRows::settle`].
    pub marked: Result<bool, Error>,
}

/// Tries the waiting rows, if the whole file was sent, and writes out the rows that fail in the end.
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
        // If the import is killed meanwhile, they are in the file.
        *waiting = session.failed.write_waiting(late.failures())?;
    }
    // This only produces marks, also from the rows that are tried now.
    ask::learn(session, client).await?;
    late.fail_older(&session.overtaken);
    late.retry(session, &mut Calls::new(client)).await
}
