//! `BackupService`.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::auth::enter;
use super::v1::backup_service_server::BackupService;
use super::v1::stream_backup_response::Part;
use super::{edge, v1};
use crate::api::error;
use crate::directory::{BackupReader, Error, Gate, Held, HeldFile, Outline};
use crate::model::Reason;
use crate::tasks;

/// Parts that are read ahead of the one that is being sent.
const READ_AHEAD: usize = 2;

/// The service.
pub struct Backups {
    /// Who knows the callers.
    pub gate: Gate,
    /// Ends streams.
    pub stopping: CancellationToken,
}

type Parts = mpsc::Sender<Result<v1::StreamBackupResponse, Status>>;

#[tonic::async_trait]
impl BackupService for Backups {
    type StreamBackupStream = ReceiverStream<Result<v1::StreamBackupResponse, Status>>;

    async fn stream_backup(
        &self,
        request: Request<v1::StreamBackupRequest>,
    ) -> Result<Response<Self::StreamBackupStream>, Status> {
        let directory = enter(&self.gate, &request).await?;
        let deadline = super::deadline(&request);
        let held = held(request.into_inner())?;
        let reader = directory.backup(held).await?;
        let (parts, stream) = mpsc::channel(READ_AHEAD);
        let stopping = self.stopping.clone();
        tasks::for_caller(async move {
            let fault = tokio::select! {
                biased;
                () = stopping.cancelled() => Some(Error::Stopping.into()),
                () = super::export::passed(deadline) => Some(edge::deadline_passed()),
                sent = send(reader, &parts) => sent.err().map(Status::from),
            };
            if let Some(status) = fault {
                let _ = parts.send(Err(status)).await;
            }
        });
        // Snapshot and log are compressed already.
        let mut response = Response::new(ReceiverStream::new(stream));
        response.disable_compression();
        Ok(response)
    }
}

async fn send(mut reader: BackupReader, parts: &Parts) -> Result<(), Error> {
    let mut part = Some(Part::Plan(plan(reader.outline())));
    while part.is_some() {
        if parts.send(Ok(v1::StreamBackupResponse { part })).await.is_err() {
            // Nobody wants the rest.
            return Ok(());
        }
        part = reader.next().await?.map(|part| {
            Part::Chunk(v1::BackupChunk {
                file: u32::try_from(part.file).unwrap_or(u32::MAX),
                offset: part.at,
                data: part.bytes.to_vec(),
            })
        });
    }
    Ok(())
}

fn plan(outline: &Outline) -> v1::BackupPlan {
    let files = outline.files.iter();
    v1::BackupPlan {
        timeline: outline.timeline.to_vec(),
        extends: outline.extends,
        base: outline.base,
        position: outline.position,
        files: files
            .map(|file| v1::BackupFile {
                name: file.name.clone(),
                id: file.id,
                from: file.from,
                bytes: file.bytes,
            })
            .collect(),
    }
}

fn held(request: v1::StreamBackupRequest) -> Result<Held, Status> {
    let timeline = match request.timeline.as_slice() {
        [] => None,
        bytes => Some(bytes.try_into().map_err(|_| {
            error::refused(&crate::model::Refusal::field(
                Reason::FieldInvalid,
                "timeline",
                "must be empty or 16 bytes long",
            ))
        })?),
    };
    let files = request.held.into_iter();
    Ok(Held {
        timeline,
        covered: request.covered,
        files: files.map(|file| HeldFile { name: file.name, id: file.id, bytes: file.bytes }).collect(),
    })
}
