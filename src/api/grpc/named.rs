//! Requests that name themselves: `request_id`.

use prost::Message;
use tonic::metadata::MetadataValue;
use tonic::{Response, Status};

use super::{reply, v1};
use crate::api::error;
use crate::directory::{Directory, IfRunning};
use crate::model::{Refusal, RequestId, RequestMark};

/// The metadata of an answer that was given before.
const REPLAYED: &str = "idempotency-replayed";

/// A request that can name itself.
pub trait Named: Message {
    /// The name of its message, which stands for the call.
    const CALL: &'static str;

    /// Its name, or nothing.
    fn request_id(&mut self) -> &mut String;
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
    BulkUpsertMembersRequest BulkDeleteMembersRequest
    CreateMemberRequest UpdateMemberRequest ReplaceMemberRequest RenameMemberRequest
    ActivateMemberRequest OffboardMemberRequest
    CreateMemberBaseRequest UpdateMemberBaseRequest DeleteMemberBaseRequest UndeleteMemberBaseRequest SetTiersRequest
    SetAttributeSchemaRequest SetMemberAttributesRequest DeleteMemberAttributesRequest
    SaveClipRequest DeleteClipRequest CreateStampCollectionRequest AddStampsRequest IngestTransactionsRequest
    CreateApiTokenRequest RevokeApiTokenRequest
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
    let mark = RequestMark::new(id, T::CALL, &request.encode_to_vec());
    Ok(directory.named(&mark, IfRunning::Wait).await?)
}

/// The reply to a request that may have a name.
pub fn respond<T: Message>(directory: &Directory, message: T) -> Response<T> {
    let mut response = reply(message);
    if directory.is_repeat() {
        response.metadata_mut().insert(REPLAYED, MetadataValue::from_static("true"));
    }
    response
}
