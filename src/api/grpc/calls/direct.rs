//! Gets of one member, without what tonic needs for streams.
//!
//! tonic reads a request as a stream and writes a reply as one: it boxes body and decoder, copies the message
//! into a buffer of 8 KiB and the reply out of another one. That takes a tenth of the time of a get. Here the
//! message is decoded where the connection put it, and the reply is one piece and its trailers.
//!
//! What is not usual goes the general way: a message that is not complete, is compressed or is not light, and
//! a request that has more than it. A reply that is long enough to be compressed is encoded by tonic.

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
use tonic::codec::{Codec, CompressionEncoding, EncodeBody, SingleMessageCompressionOverride};
use tonic::codegen::StdError;
use tonic::metadata::GRPC_CONTENT_TYPE;

use super::members;
use crate::api::grpc::codec::{WireCodec, decode};
use crate::api::grpc::methods::Method;
use crate::api::grpc::receiving::{PREFIX_BYTES, whole};
use crate::api::grpc::replies::{COMPRESS_FROM_BYTES, leaving};
use crate::api::grpc::v1;
use crate::api::grpc::v1::MESSAGE_MAX_BYTES;
use crate::api::untaken;
use crate::directory::Directory;

/// The call that is made here.
const GET: &str = "/publisher.v1.MemberService/GetMember";
/// The headers with the compression of a request's messages, with those that a client knows, and with that of
/// a reply's.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
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

/// Whether a call may be made here.
pub fn may_be(request: &Parts) -> bool {
    request.uri.path() == GET && !request.headers.contains_key(GRPC_ENCODING)
}

/// What has arrived of a request of `method`.
pub async fn start<B>(body: &mut B, method: &Method) -> Start
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    poll_fn(|cx| {
        let polled = Pin::new(&mut *body).poll_frame(cx);
        let Poll::Ready(Some(frame)) = polled else { return Poll::Ready(Start::Part(Bytes::new())) };
        Poll::Ready(match frame.map(Frame::into_data) {
            Ok(Ok(data)) if body.is_end_stream() => match whole(&data, method) {
                Some(message) => Start::Whole(message),
                None => Start::Part(data),
            },
            Ok(Ok(data)) => Start::Part(data),
            // Trailers without a message: nothing follows.
            Ok(Err(_)) => Start::Part(Bytes::new()),
            Err(error) => Start::Failed(Status::from_error(error.into())),
        })
    })
    .await
}

/// Makes the call with this message. `headers` are those of the request.
pub async fn get(
    directory: Directory,
    message: Bytes,
    headers: &HeaderMap,
) -> Result<Response<Body>, Status> {
    let reply = members::get(directory, decode(&message)?).await?;
    let bytes = reply.encoded_len();
    let mut response =
        if bytes < COMPRESS_FROM_BYTES { small(&reply, bytes) } else { large(reply, bytes, headers) };
    response.headers_mut().insert(CONTENT_TYPE, GRPC_CONTENT_TYPE);
    Ok(response)
}

/// A reply in one piece.
fn small(reply: &v1::GetMemberResponse, bytes: usize) -> Response<Body> {
    let mut message = Vec::with_capacity(PREFIX_BYTES + bytes);
    message.put_u8(0);
    message.put_u32(u32::try_from(bytes).unwrap_or(u32::MAX));
    reply.encode_raw(&mut message);
    Response::new(Body::new(OnePiece { message: message.into(), is_over: false }))
}

fn large(reply: v1::GetMemberResponse, bytes: usize, headers: &HeaderMap) -> Response<Body> {
    untaken::note(bytes);
    let packing = packing(headers);
    let encoder = WireCodec::<v1::GetMemberResponse, v1::GetMemberRequest>::default().encoder();
    let (messages, inherits) =
        (tokio_stream::once(Ok::<_, Status>(reply)), SingleMessageCompressionOverride::Inherit);
    let body = EncodeBody::new_server(
        encoder,
        messages,
        packing.map(|(packing, _)| packing),
        inherits,
        Some(MESSAGE_MAX_BYTES),
    );
    let mut response = Response::new(Body::new(body));
    if let Some((_, name)) = packing {
        response.headers_mut().insert(GRPC_ENCODING, HeaderValue::from_static(name));
    }
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
