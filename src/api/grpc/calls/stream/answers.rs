//! Answers to the rows of submitted groups, each made when the client has room for it.

use std::iter::Enumerate;
use std::vec::IntoIter;

use tokio::sync::mpsc;
use tonic::Status;

use crate::api::grpc::convert::outcome::{row_error, to_wire};
use crate::api::grpc::v1;
use crate::directory::{Directory, PendingUpsert, Received, RowOutcome, UpsertReply};
use crate::model::BaseNumber;

/// A submitted group.
pub struct Submitted {
    /// The memberbase of its rows.
    pub base: BaseNumber,
    /// The numbers of its rows.
    pub sequences: Vec<u64>,
    /// Its rows, being applied.
    pub upsert: PendingUpsert,
    /// The memory for it and its answers, if it is counted.
    pub room: Option<Received>,
}

/// The groups that are still to be answered.
pub struct Answering {
    /// The service for its caller.
    pub directory: Directory,
    /// The submitted groups.
    pub submitted: mpsc::Receiver<Result<Submitted, Status>>,
}

/// The answers to one group, or the status that ends the stream.
pub type Answers = Box<dyn Iterator<Item = Result<v1::UpsertMembersResponse, Status>> + Send>;

/// The answers to the next group, in the order in which groups were submitted.
pub async fn next_answers(answering: Option<Answering>) -> Option<(Answers, Option<Answering>)> {
    let Answering { directory, mut submitted } = answering?;
    let answered = match submitted.recv().await? {
        Ok(group) => answers(&directory, group).await,
        Err(status) => Err(status),
    };
    Some(match answered {
        Ok(answers) => (Box::new(answers.map(Ok)), Some(Answering { directory, submitted })),
        Err(status) => (Box::new(std::iter::once(Err(status))), None),
    })
}

async fn answers(directory: &Directory, group: Submitted) -> Result<GroupAnswers, Status> {
    let Submitted { base, sequences, upsert, room } = group;
    let mut reply = upsert.reply().await?;
    let outcomes = std::mem::take(&mut reply.outcomes).into_iter().enumerate();
    let (directory, sequences) = (directory.clone(), sequences.into_iter());
    Ok(GroupAnswers { directory, base, sequences, outcomes, reply, detailed: 0, _room: room })
}

/// The answers to the rows of a group, in their order.
struct GroupAnswers {
    directory: Directory,
    base: BaseNumber,
    sequences: IntoIter<u64>,
    outcomes: Enumerate<IntoIter<RowOutcome>>,
    /// The rest of the reply.
    reply: UpsertReply,
    /// How many answers had the details of an error.
    detailed: usize,
    /// Given back when the client asks for what follows the group.
    _room: Option<Received>,
}

impl Iterator for GroupAnswers {
    type Item = v1::UpsertMembersResponse;

    fn next(&mut self) -> Option<v1::UpsertMembersResponse> {
        let (index, RowOutcome { row, outcome, status_kept, error }) = self.outcomes.next()?;
        let (sealer, base) = (self.directory.sealer(), self.base);
        let id = |row| sealer.member_id(base, row);
        Some(v1::UpsertMembersResponse {
            sequence: self.sequences.next()?,
            id: row.map(id).unwrap_or_default(),
            outcome: to_wire(outcome).into(),
            error: error.map(|error| {
                let holder = error.taken_by.map(id);
                row_error(*error, holder, &mut self.detailed)
            }),
            revision: self.reply.revision_of(index),
            status_kept,
        })
    }
}
