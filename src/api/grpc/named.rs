//! Requests that name themselves: `request_id`.

use std::time::Instant;

use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::auth::enter;
use super::{deadline, reply, v1};
use crate::api::error;
use crate::compute::{self, Size};
use crate::directory::{Directory, Gate, IfRunning};
use crate::model::{Refusal, RequestId, RequestIdentity};

/// The metadata of an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";

/// A request that can name itself.
pub trait Named: Message {
    /// The name of its message, which stands for the call.
    const CALL: &'static str;

    /// Its name, or nothing.
    fn request_id(&mut self) -> &mut String;

    /// Whether its answer is kept also when it wrote nothing. Taken out of the message: it is no part of what is asked for.
    fn take_keep_refusal(&mut self) -> bool {
        false
    }
}

impl Named for v1::BulkUpsertMembersRequest {
    const CALL: &'static str = "BulkUpsertMembersRequest";

    fn request_id(&mut self) -> &mut String {
        &mut self.request_id
    }

    fn take_keep_refusal(&mut self) -> bool {
        std::mem::take(&mut self.keep_refusal)
    }
}

macro_rules! named {
    ($($message:ident)*) => {$(
        impl Named for v1::$message {
            const CALL: &'static str = stringify!($message);

            fn request_id(&mut self) -> &mut String {
                &mut self.request_id
            }
        }
    )*};
}

named! {
    BulkDeleteMembersRequest
    CreateMemberRequest UpdateMemberRequest ReplaceMemberRequest RenameMemberRequest
    ActivateMemberRequest OffboardMemberRequest
    CreateMemberBaseRequest UpdateMemberBaseRequest DeleteMemberBaseRequest UndeleteMemberBaseRequest SetTiersRequest
    SetAttributeSchemaRequest SetMemberAttributesRequest DeleteMemberAttributesRequest
    SaveClipRequest DeleteClipRequest CreateStampCollectionRequest AddStampsRequest IngestTransactionsRequest
    CreateApiTokenRequest RevokeApiTokenRequest
}

/// The beginning of every call that changes something: the service for its caller and its name, what it asks for, and the
/// moment after which the caller does not want an answer any more.
pub async fn begin<T: Named>(
    gate: &Gate,
    request: Request<T>,
) -> Result<(Directory, T, Option<Instant>), Status> {
    let directory = enter(gate, &request).await?;
    let deadline = deadline(&request);
    let mut request = request.into_inner();
    Ok((named(directory, &mut request).await?, request, deadline))
}

/// The service for this request, which may have a name. What it asks for is compared as it was understood: fields that the
/// server does not know do not count.
pub async fn named<T: Named>(directory: Directory, request: &mut T) -> Result<Directory, Status> {
    let text = std::mem::take(request.request_id());
    if text.is_empty() {
        return Ok(directory);
    }
    let id = RequestId::parse(text);
    let id = id.map_err(|rule| error::refused(&Refusal::rule("request_id", &rule)))?;
    let keeps_failures = request.take_keep_refusal();
    let size = Size::of_bytes(request.encoded_len());
    let mark = compute::here(size, || RequestIdentity::new(id, T::CALL, &request.encode_to_vec())).await;
    let mark = mark.keeping_failures(keeps_failures);
    Ok(directory.with_request_id(&mark, IfRunning::Wait).await?)
}

/// The reply to a request that may have a name.
pub fn respond<T: Message>(directory: &Directory, message: T) -> Response<T> {
    let mut response = reply(message);
    if directory.is_repeat() {
        response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("true"));
    }
    response
}
