//! Sends one request to a collector, over a connection of its own.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, TE};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{CollectorTls, Otlp, Protocol};
use crate::server::outgoing::{Files, Unusable};
use crate::tasks;

/// Most bytes of a reply that are read.
const REPLY_BYTES: usize = 64 * 1024;
/// The header, or trailer, with the status of a gRPC call, and that of a success.
const GRPC_STATUS: (&str, &[u8]) = ("grpc-status", b"0");

/// Why spans were not sent. Never says what the collector sent, which may repeat a secret header.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection cannot be encrypted, or the collector's certificate is not trusted.
    #[error("the connection cannot be encrypted: {0}")]
    Encrypt(io::Error),
    /// The connection or the request failed.
    #[error("the request failed: {0}")]
    Failed(#[from] hyper::Error),
    /// The headers are none.
    #[error("the headers cannot be sent: {0}")]
    Headers(#[from] http::Error),
    /// The collector refused the request.
    #[error("the collector refused it with the HTTP status {0}")]
    Status(u16),
    /// The collector refused the call.
    #[error("the collector refused it with a gRPC status other than OK")]
    Refused,
    /// The reply cannot be read.
    #[error("the reply cannot be read")]
    Reply,
    /// The collector took too long.
    #[error("the collector took too long")]
    Late,
}

/// What encrypts connections to a collector, if they are to be.
pub fn connector(otlp: &Otlp) -> Result<Option<TlsConnector>, Unusable> {
    let Some(CollectorTls { ca, own }) = otlp.tls.clone() else { return Ok(None) };
    let protocol: &[u8] = match otlp.protocol {
        Protocol::Http => b"http/1.1",
        Protocol::Grpc => b"h2",
    };
    Files { ca, own }.connector(protocol).map(Some)
}

/// Sends an encoded request.
pub async fn send(otlp: &Otlp, tls: Option<&TlsConnector>, message: Bytes) -> Result<(), SendError> {
    tokio::time::timeout(otlp.timeout, attempt(otlp, tls, message)).await.map_err(|_| SendError::Late)?
}

async fn attempt(otlp: &Otlp, tls: Option<&TlsConnector>, message: Bytes) -> Result<(), SendError> {
    let stream = TcpStream::connect(&otlp.authority).await.map_err(SendError::Connect)?;
    let Some(tls) = tls else { return exchange(otlp, stream, message).await };
    let encrypted = tls.connect(server_name(otlp).map_err(SendError::Encrypt)?, stream).await;
    exchange(otlp, encrypted.map_err(SendError::Encrypt)?, message).await
}

/// The name that the certificate of the collector must be for.
fn server_name(otlp: &Otlp) -> io::Result<ServerName<'static>> {
    let host = otlp.authority.rsplit_once(':').map_or(&*otlp.authority, |(host, _)| host);
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(bare).map_err(io::Error::other)
}

async fn exchange<S>(otlp: &Otlp, stream: S, message: Bytes) -> Result<(), SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    let mut request = Request::post(uri(otlp));
    for (name, value) in &otlp.headers {
        request = request.header(name, value);
    }
    match otlp.protocol {
        Protocol::Http => {
            let (mut calls, connection) = http1::handshake(stream).await?;
            let _running = AbortOnDropHandle::new(tasks::for_caller(connection));
            let request =
                request.header(HOST, &otlp.authority).header(CONTENT_TYPE, "application/x-protobuf");
            let reply = calls.send_request(request.body(Full::new(message))?).await?;
            succeeded(&reply)
        }
        Protocol::Grpc => {
            let (mut calls, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            let _running = AbortOnDropHandle::new(tasks::for_caller(connection));
            let request = request.header(CONTENT_TYPE, "application/grpc").header(TE, "trailers");
            let reply = calls.send_request(request.body(Full::new(framed(&message)))?).await?;
            succeeded(&reply)?;
            let (head, body) = reply.into_parts();
            let body = Limited::new(body, REPLY_BYTES).collect().await.map_err(|_| SendError::Reply)?;
            is_ok(body.trailers().unwrap_or(&head.headers))
        }
    }
}

fn uri(otlp: &Otlp) -> String {
    match otlp.protocol {
        Protocol::Http => otlp.path.clone(),
        Protocol::Grpc => {
            let scheme = if otlp.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}{}", otlp.authority, otlp.path)
        }
    }
}

fn succeeded(reply: &Response<Incoming>) -> Result<(), SendError> {
    let status = reply.status();
    if status.is_success() { Ok(()) } else { Err(SendError::Status(status.as_u16())) }
}

fn is_ok(headers: &HeaderMap) -> Result<(), SendError> {
    let (name, ok) = GRPC_STATUS;
    let is_ok = headers.get(name).is_some_and(|status| status.as_bytes() == ok);
    if is_ok { Ok(()) } else { Err(SendError::Refused) }
}

/// A message with the prefix of gRPC: it is not compressed, and has this length.
fn framed(message: &Bytes) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    // Some hundred kilobytes at most.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}
