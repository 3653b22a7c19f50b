//! Requests with a request id, which is sent in the field `request_id`.

use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use crate::api::error;
use crate::api::grpc::access::enter;
use crate::api::grpc::deadline::deadline;
use crate::api::grpc::replies::reply;
use crate::api::grpc::v1;
use crate::compute::{self, Size};
use crate::directory::{Directory, Gate, IfRunning};
use crate::model::{Refusal, RequestId, RequestIdentity};

/// The metadata of a reply to a repeat: the request was applied before.
const REPLAYED: &str = "idempotency-replayed";
const YES: &str = "true";

/// A request that may have a request id.
pub trait WithRequestId: Message {
    /// The name of its message, which identifies the call.
    const CALL: &'static str;

    /// Its request id, or nothing.
    fn request_id(&mut self) -> &mut String;

    /// Whether its reply is stored even if it wrote nothing. The flag is removed from the message, because
    /// repeats are compared without it.
    fn take_keep_refusal(&mut self) -> bool {
        false
    }
}

impl WithRequestId for v1::BulkUpsertMembersRequest {
    const CALL: &'static str = "BulkUpsertMembersRequest";

    fn request_id(&mut self) -> &mut String {
        &mut self.request_id
    }

    fn take_keep_refusal(&mut self) -> bool {
        std::mem::take(&mut self.keep_refusal)
    }
}

macro_rules! with_request_id {
    ($($message:ident)*) => {$(
        impl WithRequestId for v1::$message {
            const CALL: &'static str = stringify!($message);

            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }
        }
    )*};
}

with_request_id! {
    BulkDeleteMembersRequest UndeleteMembersRequest
    CreateMemberRequest UpdateMemberRequest ReplaceMemberRequest RenameMemberRequest
    ActivateMemberRequest OffboardMemberRequest
    CreateMemberBaseRequest UpdateMemberBaseRequest DeleteMemberBaseRequest UndeleteMemberBaseRequest SetTiersRequest
    SetAttributeSchemaRequest SetMemberAttributesRequest DeleteMemberAttributesRequest
    SaveClipRequest DeleteClipRequest CreateStampCollectionRequest AddStampsRequest IngestTransactionsRequest
    CreateAudienceRequest UpdateAudienceRequest ArchiveAudienceRequest UnarchiveAudienceRequest
    AddAudienceMembersRequest RemoveAudienceMembersRequest
    CreateApiTokenRequest RevokeApiTokenRequest DeleteMembersByFilterRequest StartRevertRequest
}

/// The beginning of every call that changes something: the service for its caller and its request id, the
/// request, and the deadline.
pub async fn begin<T: WithRequestId>(
    gate: &Gate,
    request: Request<T>,
) -> Result<(Directory, T, Option<Instant>), Status> {
    let directory = enter(gate).await?;
    let deadline = deadline(&request);
    let mut request = request.into_inner();
    Ok((with_request_id(directory, &mut request).await?, request, deadline))
}

/// The service for this request, which may have a request id. Repeats are compared as the server decoded
/// them: fields that it does not know are ignored.
pub async fn with_request_id<T: WithRequestId>(
    directory: Directory,
    request: &mut T,
) -> Result<Directory, Status> {
    let text = std::mem::take(request.request_id());
    if text.is_empty() {
        return Ok(directory);
    }
    // Boxed, because every call that changes something would be as large.
    Box::pin(claimed(directory, text, request)).await
}

/// The service for this request, whose request id is `text`.
async fn claimed<T: WithRequestId>(
    directory: Directory,
    text: String,
    request: &mut T,
) -> Result<Directory, Status> {
    let id = RequestId::parse(text);
    let id = id.map_err(|rule| error::refused(&Refusal::rule("request_id", &rule)))?;
    let keeps_failures = request.take_keep_refusal();
    let size = Size::of_bytes(request.encoded_len());
    let identity = compute::here(size, || RequestIdentity::new(id, T::CALL, &request.encode_to_vec())).await;
    let identity = identity.keeping_failures(keeps_failures);
    Ok(directory.with_request_id(&identity, IfRunning::Wait).await?)
}

/// The reply to a request that may have a request id; a reply to a repeat is marked.
pub fn marked_reply<T: Message>(directory: &Directory, message: T) -> Response<T> {
    Made::new(directory, message).into()
}

/// A reply to a request that may have a request id.
pub struct Made<T> {
    /// The reply.
    pub reply: T,
    /// Whether the request was applied before. Such a reply is marked.
    pub is_repeat: bool,
}

impl<T> Made<T> {
    /// The reply to a request of this service.
    pub fn new(directory: &Directory, reply: T) -> Self {
        Self { reply, is_repeat: directory.is_repeat() }
    }
}

impl<T: Message> From<Made<T>> for Response<T> {
    fn from(made: Made<T>) -> Self {
        let mut response = reply(made.reply);
        if made.is_repeat {
            response.metadata_mut().insert(REPLAYED, MetadataValue::from_static(YES));
        }
        response
    }
}

/// Marks the reply to a repeat in its headers.
pub fn mark(headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static(YES));
}
