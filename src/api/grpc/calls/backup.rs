//! `BackupService`.

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::api::error;
use crate::api::grpc::access::enter;
use crate::api::grpc::replies::pull::{self, Pieces, Pulled, pull};
use crate::api::grpc::v1;
use crate::api::grpc::v1::backup_service_server::BackupService;
use crate::api::grpc::v1::stream_backup_response::Part;
use crate::directory::{BackupReader, Error, Gate, Held, HeldFile, Outline};
use crate::model::Reason;

/// The service.
pub struct Backups {
    /// Identifies and admits callers.
    pub gate: Gate,
    /// Ends streams.
    pub stopping: CancellationToken,
}

#[tonic::async_trait]
impl BackupService for Backups {
    type StreamBackupStream = Pulled<v1::StreamBackupResponse>;

    async fn stream_backup(
        &self,
        request: Request<v1::StreamBackupRequest>,
    ) -> Result<Response<Self::StreamBackupStream>, Status> {
        let directory = enter(&self.gate).await?;
        let (replies, ends) = pull::parts(&directory, &self.stopping, &request);
        let held = held(request.into_inner())?;
        let reader = directory.backup(held).await?;
        // Snapshot and log are compressed already.
        let mut response = pull::stream(pull(Parts { reader, is_begun: false }, replies, ends));
        response.disable_compression();
        Ok(response)
    }
}

struct Parts {
    reader: BackupReader,
    /// Whether the plan was sent.
    is_begun: bool,
}

impl Pieces for Parts {
    type Piece = v1::StreamBackupResponse;

    async fn next(&mut self) -> Result<Option<v1::StreamBackupResponse>, Error> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let part = Some(Part::Plan(plan(self.reader.outline())));
            return Ok(Some(v1::StreamBackupResponse { part }));
        }
        Ok(self.reader.next().await?.map(|part| {
            let file = u32::try_from(part.file).unwrap_or(u32::MAX);
            let chunk = v1::BackupChunk { file, offset: part.at, data: part.bytes.to_vec() };
            v1::StreamBackupResponse { part: Some(Part::Chunk(chunk)) }
        }))
    }
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
        files: files
            .map(|v1::HeldBackupFile { name, id, bytes, in_backup }| HeldFile { name, id, bytes, in_backup })
            .collect(),
    })
}
