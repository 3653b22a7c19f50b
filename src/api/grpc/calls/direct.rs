//! Calls about one member, pages of members and upserts of a few, without what tonic needs for streams.
//!
//! tonic reads a request as a stream and writes a reply as one: it boxes body and decoder, copies the message
//! into a buffer of 8 KiB and the reply out of another one. That takes a tenth of the time of a get. Here the
//! message is decoded where the connection put it, and the reply is one piece and its trailers. The members
//! of a page are written into that piece from where they were read (`convert/written`), without a message of
//! theirs.
//!
//! What is not usual goes the general way: a message that is not complete, is compressed or is not light, and
//! a request that has more than it. A reply that is compressed leaves through tonic.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body::Frame;
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{CompressionEncoding, EncodeBody, SingleMessageCompressionOverride};
use tonic::codegen::StdError;
use tonic::metadata::GRPC_CONTENT_TYPE;

use super::idempotency::{Made, mark};
use super::{edit, members, upsert};
use crate::api::grpc::codec::{Encoded, decode};
use crate::api::grpc::deadline;
use crate::api::grpc::methods::Method;
use crate::api::grpc::receiving::{PREFIX_BYTES, whole};
use crate::api::grpc::replies::{COMPRESS_FROM_BYTES, leaving};
use crate::api::grpc::v1::MESSAGE_MAX_BYTES;
use crate::api::untaken;
use crate::directory::Directory;

/// The calls that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `GetMember`.
    Get,
    /// `ListMembers`.
    List,
    /// `CreateMember`.
    Create,
    /// `UpdateMember`.
    Update,
    /// `ReplaceMember`.
    Replace,
    /// `RenameMember`.
    Rename,
    /// `ActivateMember`.
    Activate,
    /// `OffboardMember`.
    Offboard,
    /// `BulkUpsertMembers`, whose rows are few: its message is light.
    Upsert,
}

/// The headers with the compression of a request's messages, with those that a client knows, and with that of
/// a reply's.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// The place of a prefix that is not known yet: a reply that is not compressed, of some length.
const NO_PREFIX: [u8; PREFIX_BYTES] = [0; PREFIX_BYTES];
/// The trailer with the status of a call, which is OK.
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// What a request begins with.
pub enum Start {
    /// Its only message, which is all there is.
    Whole(Bytes),
    /// These bytes, which may be none.
    Part(Bytes),
    /// It failed.
    Failed(Status),
}

impl Call {
    /// The call that may be made here, if the request is one.
    pub fn of(request: &Parts) -> Option<Self> {
        let call = match request.uri.path() {
            "/publisher.v1.MemberService/GetMember" => Self::Get,
            "/publisher.v1.MemberService/ListMembers" => Self::List,
            "/publisher.v1.MemberService/CreateMember" => Self::Create,
            "/publisher.v1.MemberService/UpdateMember" => Self::Update,
            "/publisher.v1.MemberService/ReplaceMember" => Self::Replace,
            "/publisher.v1.MemberService/RenameMember" => Self::Rename,
            "/publisher.v1.MemberService/ActivateMember" => Self::Activate,
            "/publisher.v1.MemberService/OffboardMember" => Self::Offboard,
            "/publisher.v1.MemberService/BulkUpsertMembers" => Self::Upsert,
            _ => return None,
        };
        (!request.headers.contains_key(GRPC_ENCODING)).then_some(call)
    }
}

/// What has arrived of a request of `method`. If nothing has, or the end has not, a call that has a task of
/// its own lets others go first and looks once more: it may have begun while its connection still read.
///
/// Many clients end a request with an empty piece after its message, in the same write.
pub async fn start<B>(call: Call, body: &mut B, method: &Method) -> Start
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    let mut looks_again = call != Call::Get;
    let mut arrived = Arrived::default();
    poll_fn(|cx| {
        loop {
            let polled = Pin::new(&mut *body).poll_frame(cx);
            if polled.is_pending() && std::mem::take(&mut looks_again) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Poll::Ready(frame) = polled else { return Poll::Ready(arrived.part()) };
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => arrived.add(data, method),
                Some(Err(error)) => return Poll::Ready(Start::Failed(Status::from_error(error.into()))),
                // The end, or trailers, after which nothing follows.
                Some(Ok(Err(_))) | None => return Poll::Ready(arrived.whole()),
            }
            if body.is_end_stream() {
                return Poll::Ready(arrived.whole());
            }
            if arrived.message.is_none() {
                return Poll::Ready(arrived.part());
            }
        }
    })
    .await
}

/// The first pieces of a request.
#[derive(Default)]
struct Arrived {
    bytes: Bytes,
    /// The message that they are, if it is complete.
    message: Option<Bytes>,
}

impl Arrived {
    /// Adds the next piece, which is empty if it only says that the request ends.
    fn add(&mut self, data: Bytes, method: &Method) {
        if data.is_empty() {
            return;
        }
        self.bytes = if self.bytes.is_empty() { data } else { [&self.bytes[..], &data].concat().into() };
        self.message = whole(&self.bytes, method);
    }

    fn whole(&mut self) -> Start {
        self.message.take().map_or_else(|| self.part(), Start::Whole)
    }

    fn part(&mut self) -> Start {
        Start::Part(std::mem::take(&mut self.bytes))
    }
}

/// Makes the call with this message. `head` is that of the request.
pub async fn make(
    call: Call,
    directory: Directory,
    message: Bytes,
    head: &Parts,
) -> Result<Response<Body>, Status> {
    let deadline = deadline::of(&head.extensions);
    // All but a get are boxed, so that a get is not as large.
    let (reply, is_repeat) = match call {
        Call::Get => (members::get_written(&directory, decode(&message)?, &NO_PREFIX).await?, false),
        Call::List => {
            let list = members::list_written(&directory, decode(&message)?, &NO_PREFIX);
            (Box::pin(list).await?, false)
        }
        Call::Create => changed(edit::create(directory, decode(&message)?, deadline)).await?,
        Call::Update => changed(edit::update(directory, decode(&message)?, deadline)).await?,
        Call::Replace => changed(edit::replace(directory, decode(&message)?, deadline)).await?,
        Call::Rename => changed(edit::rename(directory, decode(&message)?, deadline)).await?,
        Call::Activate => changed(edit::activate(directory, decode(&message)?, deadline)).await?,
        Call::Offboard => changed(edit::offboard(directory, decode(&message)?, deadline)).await?,
        Call::Upsert => changed(upsert::bulk_upsert(directory, decode(&message)?, deadline)).await?,
    };
    let mut response = respond(reply, &head.headers);
    response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    if is_repeat {
        mark(response.headers_mut());
    }
    Ok(response)
}

/// The reply to a call that changes something, after [`NO_PREFIX`], and whether it was applied before.
fn changed<T: Message>(
    made: impl Future<Output = Result<Made<T>, Status>>,
) -> impl Future<Output = Result<(Vec<u8>, bool), Status>> {
    let made = Box::pin(made);
    async move {
        let Made { reply, is_repeat } = made.await?;
        Ok((written(&reply), is_repeat))
    }
}

/// A reply after [`NO_PREFIX`].
fn written<T: Message>(reply: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + reply.encoded_len());
    bytes.put_slice(&NO_PREFIX);
    reply.encode_raw(&mut bytes);
    bytes
}

/// The response with a reply that was written after [`NO_PREFIX`].
fn respond(mut reply: Vec<u8>, headers: &HeaderMap) -> Response<Body> {
    let bytes = reply.len().saturating_sub(PREFIX_BYTES);
    untaken::note(bytes);
    let packing = packing(headers).filter(|_| bytes >= COMPRESS_FROM_BYTES);
    let Some((packing, name)) = packing else {
        if let Some([_, length @ ..]) = reply.first_chunk_mut::<PREFIX_BYTES>() {
            *length = u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
        }
        return Response::new(Body::new(OnePiece { message: reply.into(), is_over: false }));
    };
    let message = Bytes::from(reply).split_off(PREFIX_BYTES);
    let messages = tokio_stream::once(Ok::<_, Status>(message));
    let inherits = SingleMessageCompressionOverride::Inherit;
    let most = Some(MESSAGE_MAX_BYTES);
    let body = EncodeBody::new_server(Encoded, messages, Some(packing), inherits, most);
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(GRPC_ENCODING, HeaderValue::from_static(name));
    leaving::has_bytes(response.extensions_mut(), bytes);
    response
}

/// The first compression that the client knows and the server too.
fn packing(headers: &HeaderMap) -> Option<(CompressionEncoding, &'static str)> {
    let known = headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
    known.split(',').find_map(|name| match name.trim() {
        "gzip" => Some((CompressionEncoding::Gzip, "gzip")),
        "zstd" => Some((CompressionEncoding::Zstd, "zstd")),
        _ => None,
    })
}

/// The body of a reply: a message, and the trailers.
struct OnePiece {
    message: Bytes,
    is_over: bool,
}

impl http_body::Body for OnePiece {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.message.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.message)))));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        self.is_over = true;
        Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::from_iter([(STATUS, OK)])))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
