//! `RecordService`.

use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::idempotency::{begin, marked_reply};
use crate::api::grpc::access::enter;
use crate::api::grpc::convert::{list, record};
use crate::api::grpc::replies::pull::{self, Pieces, Pulled, pull};
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::api::grpc::v1::record_service_server::RecordService;
use crate::api::{error, untaken};
use crate::directory::{
    Directory, Error, ExportedRecord, Gate, RecordExport, RecordList, RecordPage, RecordSelector, Saved,
    StampCollectionInput, draw_record_id,
};
use crate::model::{BaseNumber, MemberRecord, RecordKind};

/// The service.
pub struct Records {
    /// Identifies and admits callers.
    pub gate: Gate,
    /// Ends streams between two messages.
    pub stopping: CancellationToken,
}

/// A record of another kind than the call is about.
fn wrong_kind() -> Status {
    Error::Internal { private: "a record has another kind than its call".to_owned() }.into()
}

fn member_id(directory: &Directory, saved: &Saved) -> String {
    directory.sealer().member_id(saved.base, saved.row)
}

#[tonic::async_trait]
impl RecordService for Records {
    async fn save_clip(
        &self,
        request: Request<v1::SaveClipRequest>,
    ) -> Result<Response<v1::SaveClipResponse>, Status> {
        let (directory, mut request, deadline) = begin(&self.gate, request).await?;
        let member = std::mem::take(&mut request.member_id);
        let input = record::clip_input(request);
        let saved = directory.save_clip(&member, input, draw_record_id()?, deadline).await?;
        let (id, created, revision) = (member_id(&directory, &saved), saved.created, saved.revision);
        let MemberRecord::Clip(clip) = saved.record else { return Err(wrong_kind()) };
        Ok(marked_reply(
            &directory,
            v1::SaveClipResponse { clip: Some(record::clip(id, *clip)), created, revision },
        ))
    }

    async fn list_clips(
        &self,
        request: Request<v1::ListClipsRequest>,
    ) -> Result<Response<v1::ListClipsResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let v1::ListClipsRequest { member_id, pagination, sorts, min_revision } = request.into_inner();
        let page = list::page(pagination, sorts);
        let wanted = RecordList { member_id, kind: RecordKind::Clip, page, min_revision };
        let listed = directory.list_records(wanted).await?;
        let (revision, sorted) = (listed.revision, Sorted::of_page(&directory, listed));
        Ok(reply(v1::ListClipsResponse { clips: sorted.clips, page: sorted.page, revision }))
    }

    async fn delete_clip(
        &self,
        request: Request<v1::DeleteClipRequest>,
    ) -> Result<Response<v1::DeleteClipResponse>, Status> {
        let (directory, request, deadline) = begin(&self.gate, request).await?;
        let clip = RecordSelector { id: request.id, own: request.creative_id };
        let revision = directory.delete_clip(&request.member_id, clip, deadline).await?;
        Ok(marked_reply(&directory, v1::DeleteClipResponse { revision }))
    }

    async fn create_stamp_collection(
        &self,
        request: Request<v1::CreateStampCollectionRequest>,
    ) -> Result<Response<v1::CreateStampCollectionResponse>, Status> {
        let (directory, request, deadline) = begin(&self.gate, request).await?;
        let input = StampCollectionInput {
            loyalty_program_id: request.loyalty_program_id,
            external_id: request.external_id,
        };
        let id = draw_record_id()?;
        let saved = directory.create_stamp_collection(&request.member_id, input, id, deadline).await?;
        let (id, created, revision) = (member_id(&directory, &saved), saved.created, saved.revision);
        let MemberRecord::StampCollection(stamps) = saved.record else { return Err(wrong_kind()) };
        let stamp_collection = Some(record::stamps(id, *stamps));
        Ok(marked_reply(
            &directory,
            v1::CreateStampCollectionResponse { stamp_collection, created, revision },
        ))
    }

    async fn list_stamp_collections(
        &self,
        request: Request<v1::ListStampCollectionsRequest>,
    ) -> Result<Response<v1::ListStampCollectionsResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let v1::ListStampCollectionsRequest { member_id, pagination, sorts, min_revision } =
            request.into_inner();
        let page = list::page(pagination, sorts);
        let wanted = RecordList { member_id, kind: RecordKind::StampCollection, page, min_revision };
        let listed = directory.list_records(wanted).await?;
        let (revision, sorted) = (listed.revision, Sorted::of_page(&directory, listed));
        let Sorted { stamp_collections, page, .. } = sorted;
        Ok(reply(v1::ListStampCollectionsResponse { stamp_collections, page, revision }))
    }

    async fn add_stamps(
        &self,
        request: Request<v1::AddStampsRequest>,
    ) -> Result<Response<v1::AddStampsResponse>, Status> {
        let (directory, request, deadline) = begin(&self.gate, request).await?;
        let collection = RecordSelector { id: request.id, own: request.external_id };
        let saved = directory.add_stamps(&request.member_id, collection, request.stamps, deadline).await?;
        let (id, revision) = (member_id(&directory, &saved), saved.revision);
        let MemberRecord::StampCollection(stamps) = saved.record else { return Err(wrong_kind()) };
        let stamp_collection = Some(record::stamps(id, *stamps));
        Ok(marked_reply(&directory, v1::AddStampsResponse { stamp_collection, revision }))
    }

    async fn ingest_transactions(
        &self,
        request: Request<v1::IngestTransactionsRequest>,
    ) -> Result<Response<v1::IngestTransactionsResponse>, Status> {
        let (directory, request, deadline) = begin(&self.gate, request).await?;
        let events = record::events(request.events);
        let done = directory.ingest(events, deadline).await?;
        Ok(marked_reply(
            &directory,
            v1::IngestTransactionsResponse {
                status: "ok".to_owned(),
                created: done.created,
                updated: done.updated,
                unchanged: done.unchanged,
                revision: done.revision,
            },
        ))
    }

    async fn list_transactions(
        &self,
        request: Request<v1::ListTransactionsRequest>,
    ) -> Result<Response<v1::ListTransactionsResponse>, Status> {
        let directory = enter(&self.gate).await?;
        let v1::ListTransactionsRequest { member_id, pagination, sorts, min_revision } = request.into_inner();
        let page = list::page(pagination, sorts);
        let wanted = RecordList { member_id, kind: RecordKind::Transaction, page, min_revision };
        let listed = directory.list_records(wanted).await?;
        let (revision, sorted) = (listed.revision, Sorted::of_page(&directory, listed));
        let Sorted { transactions, page, .. } = sorted;
        Ok(reply(v1::ListTransactionsResponse { transactions, page, revision }))
    }

    type ExportRecordsStream = Parts;

    async fn export_records(
        &self,
        request: Request<v1::ExportRecordsRequest>,
    ) -> Result<Response<Parts>, Status> {
        let directory = enter(&self.gate).await?;
        let (replies, ends) = pull::parts(&directory, &self.stopping, &request);
        let request = request.into_inner();
        let base = directory.base_number(&request.member_base_id, "member_base_id")?;
        let kinds = kinds(&request.kinds)?;
        let export = directory.export_records(base, kinds, request.min_revision).await?;
        Ok(pull::stream(pull(Exported { directory, base, export, is_first: true }, replies, ends)))
    }
}

/// The messages of an export.
pub type Parts = Pulled<v1::ExportRecordsResponse>;

struct Exported {
    directory: Directory,
    base: BaseNumber,
    export: RecordExport,
    is_first: bool,
}

impl Pieces for Exported {
    type Piece = v1::ExportRecordsResponse;

    async fn next(&mut self) -> Result<Option<v1::ExportRecordsResponse>, Error> {
        while let Some(records) = self.export.next().await? {
            if records.is_empty() && !self.is_first {
                continue;
            }
            self.is_first = false;
            let Sorted { clips, stamp_collections, transactions, .. } =
                Sorted::new(&self.directory, self.base, records);
            let start_revision = self.export.revision;
            return Ok(Some(v1::ExportRecordsResponse {
                clips,
                stamp_collections,
                transactions,
                start_revision,
            }));
        }
        Ok(None)
    }
}

fn kinds(words: &[String]) -> Result<Vec<RecordKind>, Status> {
    if words.is_empty() {
        return Ok(RecordKind::ALL.to_vec());
    }
    let kind = |(index, word): (usize, &String)| match word.as_str() {
        "clip" => Ok(RecordKind::Clip),
        "stamp_collection" => Ok(RecordKind::StampCollection),
        "transaction" => Ok(RecordKind::Transaction),
        _ => Err(error::refused(&record::unknown_kind(index))),
    };
    words.iter().enumerate().map(kind).collect()
}

/// Records as messages, by kind.
#[derive(Default)]
struct Sorted {
    clips: Vec<v1::Clip>,
    stamp_collections: Vec<v1::StampCollection>,
    transactions: Vec<v1::Transaction>,
    page: Option<v1::Page>,
}

impl Sorted {
    fn of_page(directory: &Directory, page: RecordPage) -> Self {
        untaken::keep(page.room);
        let info = list::page_info(page.records.len(), page.cursor);
        let row = page.row;
        let records = page.records.into_iter().map(|record| ExportedRecord { row, record });
        Self { page: Some(info), ..Self::new(directory, page.base, records) }
    }

    fn new(
        directory: &Directory,
        base: BaseNumber,
        records: impl IntoIterator<Item = ExportedRecord>,
    ) -> Self {
        let mut sorted = Self::default();
        for ExportedRecord { row, record } in records {
            let id = directory.sealer().member_id(base, row);
            match record {
                MemberRecord::Clip(clip) => sorted.clips.push(record::clip(id, *clip)),
                MemberRecord::StampCollection(stamps) => {
                    sorted.stamp_collections.push(record::stamps(id, *stamps))
                }
                MemberRecord::Transaction(transaction) => {
                    sorted.transactions.push(record::transaction(id, *transaction))
                }
            }
        }
        sorted
    }
}
