//! `ExportMembers`: a stream of pages.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::convert::member::ToWire;
use super::{edge, v1};
use crate::directory::{Directory, Error, Export};
use crate::model::BaseNumber;
use crate::tasks;

/// Pages that are read ahead of the one that is being sent.
const READ_AHEAD: usize = 1;

/// The messages of an export.
pub type Pages = ReceiverStream<Result<v1::ExportMembersResponse, Status>>;

/// Sends the pages of `export`; `stopping` ends it between two pages, and so does `deadline`.
pub fn start(
    directory: Directory,
    base: BaseNumber,
    export: Export,
    deadline: Option<Instant>,
    stopping: CancellationToken,
) -> Pages {
    let (pages, stream) = mpsc::channel(READ_AHEAD);
    tasks::for_caller(async move {
        let fault = tokio::select! {
            biased;
            () = stopping.cancelled() => Some(Error::Stopping.into()),
            () = passed(deadline) => Some(edge::deadline_passed()),
            // Pages without members are not sent, so sending them would not tell.
            () = pages.closed() => None,
            sent = send(&directory, base, export, &pages) => sent.err().map(Status::from),
        };
        if let Some(status) = fault {
            let _ = pages.send(Err(status)).await;
        }
    });
    ReceiverStream::new(stream)
}

/// Returns once the deadline has passed, if there is one.
pub async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn send(
    directory: &Directory,
    base: BaseNumber,
    mut export: Export,
    pages: &mpsc::Sender<Result<v1::ExportMembersResponse, Status>>,
) -> Result<(), Error> {
    let to_wire = ToWire::new(directory.sealer(), base);
    let start_revision = export.revision;
    let mut total = export.total;
    let mut is_first = true;
    while let Some(members) = export.next().await? {
        if members.is_empty() && !is_first {
            continue;
        }
        is_first = false;
        let members = to_wire.members(members);
        let message = v1::ExportMembersResponse { members, start_revision, total: total.take() };
        if pages.send(Ok(message)).await.is_err() {
            // Nobody wants the rest.
            return Ok(());
        }
    }
    Ok(())
}
