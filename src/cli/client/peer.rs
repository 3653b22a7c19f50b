//! A connection that explains why its first bytes are not HTTP/2.
//!
//! If a client speaks plain HTTP/2 to a TLS port, or sends no certificate to a server that requires one, the
//! peer replies with bytes that HTTP/2 does not understand. This module reads them first, and reports them to
//! the code that opens the connection: a call would only learn that the connection is gone.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::tls_fault;

/// The first byte of a TLS alert.
const TLS_ALERT: u8 = 0x15;
/// The first byte of a reply in HTTP/1, such as `HTTP/1.1 400`.
const HTTP_1: u8 = b'H';

/// The likely reason why a peer closes a connection at once.
const CUT: &str = "it closed the connection before it sent anything; if it uses TLS, give --server an \
                   address with https://";

/// Receives one message about the first bytes: that they are HTTP/2, or why not.
pub type Said = mpsc::Sender<Result<(), String>>;

/// A connection that checks the first bytes from its peer.
#[derive(Debug)]
pub struct Peer<S> {
    stream: S,
    /// Whether the connection uses TLS.
    is_tls: bool,
    /// `None` once the peer has sent its first bytes.
    said: Option<Said>,
}

/// A connection without TLS.
pub async fn connect(host: String, port: u16, said: Said) -> io::Result<TokioIo<Peer<TcpStream>>> {
    let stream = tcp(&host, port).await?;
    Ok(TokioIo::new(Peer { stream, is_tls: false, said: Some(said) }))
}

/// A TCP connection without delay. The host may be an address in brackets.
pub async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl<S> Peer<S> {
    /// The peer of a TLS connection.
    pub fn over_tls(stream: S, said: Said) -> Self {
        Self { stream, is_tls: true, said: Some(said) }
    }

    /// The error that the first bytes stand for, if HTTP/2 cannot begin with them.
    fn first(&self, bytes: &[u8]) -> Option<io::Error> {
        let why = match bytes.first() {
            Some(&TLS_ALERT) if !self.is_tls => "it uses TLS: give --server an address with https://",
            Some(&HTTP_1) => "it speaks HTTP/1, but gRPC needs HTTP/2",
            None if !self.is_tls => CUT,
            Some(_) | None => return None,
        };
        Some(io::Error::other(why))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Peer<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let Some(said) = self.said.take() else { return Poll::Ready(read) };
        let read = match read {
            Ok(()) => self.first(buffer.filled().get(before..).unwrap_or_default()).map_or(Ok(()), Err),
            Err(error) if !self.is_tls && error.kind() == io::ErrorKind::ConnectionReset => {
                Err(io::Error::new(error.kind(), CUT))
            }
            Err(error) => Err(match tls_fault::why(&error) {
                Some(tls_fault::Fault::Certificate(why) | tls_fault::Fault::Other(why)) => {
                    io::Error::other(why)
                }
                None => error,
            }),
        };
        // Only the first connection has a receiver.
        let _ = said.try_send(read.as_ref().copied().map_err(ToString::to_string));
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Peer<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
