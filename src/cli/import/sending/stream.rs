//! One stream of chunks and replies, and the next one if it breaks.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::api::grpc::v1;
use crate::cli::Error;
use crate::cli::client::{self, Client, Refusal, Streaming};
use crate::model::Reason;

use super::ask;
use super::late::Failed;
use super::state::{Input, Session};
use crate::cli::import::reading::{Chunk, Format, Key, Row};
use crate::cli::list::RowFailure;

type Replies = Streaming<v1::ImportMembersResponse>;

/// Why a stream ended early.
enum Lost {
    /// The stream is gone, or the server asks to try again.
    Stream(Refusal),
    /// The import cannot continue.
    Import(Error),
}

impl From<Refusal> for Lost {
    fn from(refusal: Refusal) -> Self {
        if refusal.is_retryable() { Self::Stream(refusal) } else { Self::Import(refusal.into()) }
    }
}

impl Session {
    /// Sends the whole file, over as many streams as it takes.
    pub async fn run(&mut self, client: &mut Client) -> Result<(), Error> {
        loop {
            let refusal = match self.stream(client).await {
                Ok(()) => break,
                Err(Lost::Stream(refusal)) => refusal,
                Err(Lost::Import(error)) => return Err(self.explain(error)),
            };
            self.wait_to_try_again(refusal, Instant::now()).await?;
        }
        match std::mem::replace(&mut self.input, Input::Open) {
            Input::Ended(result) => result,
            Input::Open => Ok(()),
        }
    }

    /// Explains a refusal in terms of the command line, where that helps.
    fn explain(&self, error: Error) -> Error {
        match error {
            Error::Refused(refusal) if refusal.is_for(Reason::RequestIdReused) => {
                let id = &self.options.import_id;
                let from =
                    self.unanswered.line().map_or(String::new(), |line| format!(" from line {line} on"));
                Error::Usage(format!(
                    "--import-id {id} belongs to an import with other rows or arguments{from}, and nothing \
                     of this import was written there: give the same file and arguments (also --chunk-rows) \
                     to continue that import, or leave --import-id out to start a new one"
                ))
            }
            error => error,
        }
    }

    /// One stream: first the chunks to which an earlier stream got no reply, then chunks from the file while
    /// there is room for them.
    async fn stream(&mut self, client: &mut Client) -> Result<(), Lost> {
        // Never full: it has room for the options and for all chunks without a reply.
        let (send, receive) = mpsc::channel(self.unanswered.limit() + 1);
        let mut requests = Some(send);
        let options = v1::ImportMembersRequest { options: Some(self.options.clone()), ..Default::default() };
        put(&requests, options)?;
        let wanted = self.wanted_ids();
        for chunk in self.unanswered.iter_mut() {
            self.sent_again += 1;
            put(&requests, message(chunk, &self.format, wanted))?;
        }
        let mut asking = client.clone();
        let call = client.members.import_members(ReceiverStream::new(receive));
        tokio::pin!(call);
        let mut replies: Option<Replies> = None;
        loop {
            if matches!(self.input, Input::Ended(_)) && self.unanswered.is_empty() {
                // Nothing more to send. The server then ends the stream.
                requests = None;
            }
            let open = matches!(self.input, Input::Open) && !self.unanswered.is_full();
            tokio::select! {
                started = &mut call, if replies.is_none() => replies = Some(started.map_err(Refusal::from)?.into_inner()),
                reply = next(&mut replies), if replies.is_some() => match reply? {
                    Some(reply) => {
                        self.answered(reply).map_err(Lost::Import)?;
                        if self.overtaken.has_to_learn_now() {
                            ask::learn(self, &mut asking).await.map_err(Lost::Import)?;
                        }
                    }
                    None if requests.is_none() => return Ok(()),
                    None => return Err(Lost::Stream(Refusal::ended_early())),
                },
                chunk = self.chunks.recv(), if open => match chunk {
                    Some(Ok(mut chunk)) => {
                        self.has_unsendable |= !chunk.unsendable.is_empty();
                        if chunk.sendable() > 0 {
                            put(&requests, message(&mut chunk, &self.format, self.wanted_ids()))?;
                        }
                        self.unanswered.push(chunk);
                        self.settle_unsendable().map_err(Lost::Import)?;
                    }
                    Some(Err(error)) => self.input = Input::Ended(Err(error)),
                    None => self.input = Input::Ended(Ok(())),
                },
            }
        }
    }

    /// For which rows the reply to the next chunk must have member ids: those of applied rows are only needed
    /// once a row has failed.
    fn wanted_ids(&self) -> v1::NamedMembers {
        if self.has_unsendable || !self.overtaken.is_empty() {
            v1::NamedMembers::All
        } else {
            v1::NamedMembers::AfterFailure
        }
    }

    fn answered(&mut self, reply: v1::ImportMembersResponse) -> Result<(), Error> {
        self.patience.refresh();
        let chunk = self.unanswered.answered(reply.chunk);
        let chunk = chunk.ok_or_else(|| {
            Error::Broken(format!("the server replied to chunk {} out of order", reply.chunk))
        })?;
        let counts = reply.counts.unwrap_or_default();
        self.count(counts);
        if !reply.member_ids.is_empty() && reply.member_ids.len() != chunk.sendable() {
            return Err(Error::Broken(format!(
                "the server returned {} member ids for {} rows",
                reply.member_ids.len(),
                chunk.sendable()
            )));
        }
        self.settle(&chunk, reply.failed, &reply.member_ids)?;
        self.settle_unsendable()
    }

    /// Settles chunks of which nothing was sent, once all before them have a reply.
    fn settle_unsendable(&mut self) -> Result<(), Error> {
        while let Some(chunk) = self.unanswered.unsendable() {
            self.settle(&chunk, Vec::new(), &[])?;
        }
        Ok(())
    }

    /// Writes out the failed rows of a chunk in order, and shows the progress. `ids` are the member ids of
    /// the rows that were sent, if the server returned them.
    fn settle(&mut self, chunk: &Chunk, failed: Vec<v1::MemberResult>, ids: &[String]) -> Result<(), Error> {
        let mut failures = Vec::with_capacity(failed.len() + chunk.unsendable.len());
        for result in failed {
            let row = usize::try_from(result.index).ok().and_then(|index| chunk.sent_row(index));
            let row = row.ok_or_else(|| {
                Error::Broken(format!("the server reported row {}, which was not sent", result.index))
            })?;
            let failure = self.format.failure(result.error.unwrap_or_default());
            failures.push(Failed { row, failure, id: Key::of_id(&result.id) });
        }
        failures.extend(chunk.unsendable.iter().filter_map(|(at, failure)| {
            Some(Failed { row: chunk.rows.get(*at)?, failure: failure.clone(), id: None })
        }));
        failures.sort_by_key(|failed| failed.row.number());
        self.note(chunk, &failures, ids);
        failures.iter().try_for_each(|failed| self.fail(failed))?;
        self.repeats.add(&chunk.repeats);
        self.failed.flush()?;
        self.progress.advance(count(chunk.rows.len()), chunk.end, Instant::now());
        Ok(())
    }

    /// Records the failed rows, and those before them that the applied rows have overtaken.
    fn note(&mut self, chunk: &Chunk, failures: &[Failed<'_>], ids: &[String]) {
        if failures.is_empty() && self.overtaken.is_empty() {
            return;
        }
        let mut failed = failures.iter().peekable();
        let mut ids = ids.iter();
        for (at, row) in chunk.rows.iter().enumerate() {
            let key = Key::of_row(&self.format.finders(row), self.options.match_by());
            let id = if chunk.is_sent(at) { ids.next() } else { None };
            match failed.next_if(|failed| failed.row.number() == row.number()) {
                Some(failed) => self.overtaken.failed(row.number(), key, failed.id.clone()),
                None => self.overtaken.applied(row.number(), key, id.and_then(|id| Key::of_id(id))),
            }
        }
    }

    /// Lets a failed row wait, or writes it out. If rows cannot be inserted into the file afterwards, writing
    /// one ends the waiting of all older rows.
    fn fail(&mut self, failed: &Failed<'_>) -> Result<(), Error> {
        let is_remembered = !self.overtaken.is_full();
        if is_remembered && self.late.add(failed, &self.format, self.options.match_by()) {
            return Ok(());
        }
        let ends_waiting = !self.late.is_empty() && !self.failed.can_be_written_again();
        let mut write = |row: Row<'_>, failure: &RowFailure| {
            self.counts.failed += 1;
            self.failed.write(row, failure)
        };
        if ends_waiting {
            self.late.give_up(&mut write)?;
        }
        write(failed.row, &failed.failure)
    }
}

/// Hands a message to the stream. If the stream is closed, its replies show why.
fn put(
    requests: &Option<mpsc::Sender<v1::ImportMembersRequest>>,
    message: v1::ImportMembersRequest,
) -> Result<(), Lost> {
    let Some(requests) = requests else { return Ok(()) };
    match requests.try_send(message) {
        Err(mpsc::error::TrySendError::Full(_)) => {
            Err(Lost::Import(Error::Broken("the stream has no room for a chunk".into())))
        }
        Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
    }
}

fn message(chunk: &mut Chunk, format: &Format, wanted: v1::NamedMembers) -> v1::ImportMembersRequest {
    let (number, members) = (chunk.number, chunk.take_members(format));
    v1::ImportMembersRequest {
        options: None,
        chunk: number,
        members,
        named_members: wanted.into(),
        expect_removals: None,
        expect: None,
    }
}

async fn next(replies: &mut Option<Replies>) -> Result<Option<v1::ImportMembersResponse>, Refusal> {
    match replies {
        Some(replies) => client::next(replies).await,
        None => std::future::pending().await,
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}
