//! Takes rows that have arrived, and submits them.

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::answers::Submitted;
use super::group::{GROUP_BYTES, Group, Row};
use super::writers::{Turn, Writer, Writers};
use crate::api::error;
use crate::api::grpc::calls::until::Until;
use crate::api::grpc::calls::upsert::{Given, Rows, options};
use crate::api::grpc::convert::guard;
use crate::api::grpc::faults::translate;
use crate::api::grpc::receiving::Arriving;
use crate::api::grpc::v1;
use crate::directory::{Directory, Series, Upsert, WriteMode};
use crate::model::{BaseNumber, Reason, Refusal, RequestId, UpsertOptions, Violations};

/// The queue from reading to the answers.
pub type Pending = mpsc::Sender<Result<Submitted, Status>>;

/// The reading side of a stream.
pub struct Reading {
    /// The service for its caller.
    pub directory: Directory,
    /// What the client sends.
    pub messages: Streaming<v1::UpsertMembersRequest>,
    /// Counts the memory of a large message.
    pub arriving: Option<Arriving>,
    /// What ends it early.
    pub until: Until<Result<Submitted, Status>>,
    /// The streams of all writers.
    pub writers: Writers,
    /// Cancelled once a newer stream of the same writer has begun.
    pub replaced: CancellationToken,
}

/// How a stream treats its rows, from the first message.
struct Begun {
    base: BaseNumber,
    options: UpsertOptions,
    /// Its groups.
    series: Series,
    /// Kept until the last group was handed in, if the stream has a writer.
    _turn: Option<Turn>,
}

/// What follows a group: more of the stream, or its end.
type Rest = Option<Result<(), Status>>;

impl Reading {
    /// Takes groups of rows and submits them, until the stream ends.
    pub async fn read(mut self, pending: &Pending) -> Result<(), Status> {
        let first = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            first = self.messages.message() => first.map_err(translate)?,
        };
        let Some(v1::UpsertMembersRequest { options, sequence, member }) = first else { return Ok(()) };
        let begun = self.begin(options).await?;
        let mut row = member.map(|member| Row { sequence, member });
        loop {
            let first = match row.take() {
                Some(row) => row,
                None => match self.wait().await? {
                    Some(row) => row,
                    None => return Ok(()),
                },
            };
            let place = tokio::select! {
                biased;
                unwanted = self.unwanted() => return Err(unwanted),
                // It fails when nobody waits for answers any more.
                place = pending.reserve() => match place {
                    Ok(place) => place,
                    Err(_) => return Ok(()),
                },
            };
            let (group, rest) = self.take(first).await?;
            if self.replaced.is_cancelled() {
                return Err(replaced());
            }
            place.send(Ok(self.submit(&begun, group).await?));
            if let Some(arriving) = &self.arriving {
                arriving.became_rows();
            }
            if let Some(end) = rest {
                return end;
            }
        }
    }

    /// Waits for the next row.
    async fn wait(&mut self) -> Result<Option<Row>, Status> {
        let Self { messages, until, replaced: ended, .. } = self;
        tokio::select! {
            biased;
            ended = until.over() => Err(ended),
            () = ended.cancelled() => Err(replaced()),
            row = next_row(messages) => row,
        }
    }

    /// Takes the rows that have arrived after `first`.
    async fn take(&mut self, first: Row) -> Result<(Group, Rest), Status> {
        let mut group = Group::default();
        group.add(first);
        // A large message has memory of its own, until its group has become rows.
        while !group.is_full() && !self.arriving.as_ref().is_some_and(Arriving::is_counted) {
            if group.needs_room() {
                let replies = self.directory.replies();
                group.room = tokio::select! {
                    biased;
                    unwanted = self.unwanted() => return Err(unwanted),
                    room = replies.wait(GROUP_BYTES) => Some(room?),
                };
            }
            match next_row(&mut self.messages).now_or_never() {
                Some(Ok(Some(row))) => group.add(row),
                Some(Ok(None)) => return Ok((group, Some(Ok(())))),
                Some(Err(status)) => return Ok((group, Some(Err(status)))),
                None => break,
            }
        }
        Ok((group, None))
    }

    /// Waits until what was read must not be handed in, and says why.
    async fn unwanted(&self) -> Status {
        tokio::select! {
            biased;
            unwanted = self.until.unwanted() => unwanted,
            () = self.replaced.cancelled() => replaced(),
        }
    }

    async fn begin(&mut self, given: Option<v1::UpsertMembersOptions>) -> Result<Begun, Status> {
        let Some(given) = given else {
            let text = "is required in the first message of the stream";
            return Err(error::refused(&Refusal::field(Reason::FieldRequired, "options", text)));
        };
        let mut faults = Violations::default();
        let meant = Given {
            match_by: given.match_by,
            semantics: given.semantics,
            reactivate: given.reactivate,
            apply_status: given.apply_status,
        };
        let options = options(&mut faults, "options.", meant);
        let options = faults.finish(options).map_err(|refusal| error::refused(&refusal))?;
        let base = self.directory.base_number(&given.member_base_id, "options.member_base_id")?;
        let expected = guard::expected(given.expect, None);
        let expected = expected.map_err(|refusal| error::refused(&refusal.under("options")))?;
        let series = self.directory.clone().expecting(expected).series();
        if given.writer_id.is_empty() {
            return Ok(Begun { base, options, series, _turn: None });
        }
        let id = RequestId::parse(given.writer_id);
        let id = id.map_err(|rule| error::refused(&Refusal::rule("options.writer_id", &rule)))?;
        let token = self.directory.token().map(|token| token.id);
        let turn = tokio::select! {
            biased;
            ended = self.until.over() => return Err(ended),
            turn = self.writers.take_turn(Writer { base, token, id }, &series) => turn,
        };
        self.replaced = turn.replaced.clone();
        Ok(Begun { base, options, series: turn.series.clone(), _turn: Some(turn) })
    }

    async fn submit(&self, begun: &Begun, group: Group) -> Result<Submitted, Status> {
        let &Begun { base, options, ref series, .. } = begun;
        let Group { sequences, members, sent, room, .. } = group;
        let hand_in = async {
            let Rows { rows, .. } = Rows::parse(&self.directory, base, members, options.match_by, sent).await;
            let deadline = self.until.ends.deadline;
            let upsert = Upsert { rows, options, mode: WriteMode::Partial, deadline };
            self.directory.begin_stream_rows(base, upsert, series).await
        };
        let upsert = tokio::select! {
            biased;
            unwanted = self.until.unwanted() => return Err(unwanted),
            upsert = hand_in => upsert?,
        };
        Ok(Submitted { base, sequences, upsert, room })
    }
}

/// Why a stream ended whose writer has begun a newer one.
fn replaced() -> Status {
    error::refused(&Refusal::new(Reason::StreamReplaced))
}

/// The next row of a stream. Dropping this before it is ready loses nothing.
async fn next_row(messages: &mut Streaming<v1::UpsertMembersRequest>) -> Result<Option<Row>, Status> {
    while let Some(message) = messages.message().await.map_err(translate)? {
        let v1::UpsertMembersRequest { options, sequence, member } = message;
        if options.is_some() {
            let text = "may be sent only in the first message of the stream";
            return Err(error::refused(&Refusal::field(Reason::FieldInvalid, "options", text)));
        }
        if let Some(member) = member {
            return Ok(Some(Row { sequence, member }));
        }
    }
    Ok(None)
}
