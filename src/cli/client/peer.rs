//! A connection that says in words why its first bytes do not come.
//!
//! A client that speaks plainly to a port that wants TLS, or shows no certificate where one is asked for, is
//! told so by the peer in bytes that mean nothing to HTTP/2. Here they are read first, and told to whoever
//! makes the connection: a call that finds it gone learns no more than that.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::tls_fault;

/// What a message begins with in which TLS says that it does not understand.
const TLS_ALERT: u8 = 0x15;
/// What HTTP/1 answers to a client of HTTP/2 begins with, such as `HTTP/1.1 400`.
const HTTP_1: u8 = b'H';

/// What a connection that is cut at once may mean.
const CUT: &str = "it cut the connection before it said anything; if it speaks TLS there, give --server an \
                   address with https://";

/// Where it is told once what the first bytes were: those of HTTP/2, or why not.
pub type Said = mpsc::Sender<Result<(), String>>;

/// A connection whose peer has not said anything yet, or has.
#[derive(Debug)]
pub struct Peer<S> {
    stream: S,
    /// Whether TLS is spoken on it.
    is_tls: bool,
    /// Gone once the peer has said something.
    said: Option<Said>,
}

/// A connection on which no TLS is spoken.
pub async fn connect(host: String, port: u16, said: Said) -> io::Result<TokioIo<Peer<TcpStream>>> {
    let stream = tcp(&host, port).await?;
    Ok(TokioIo::new(Peer { stream, is_tls: false, said: Some(said) }))
}

/// A connection without delay. The host may be an address in brackets.
pub async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl<S> Peer<S> {
    /// The peer of a connection on which TLS is spoken.
    pub fn over_tls(stream: S, said: Said) -> Self {
        Self { stream, is_tls: true, said: Some(said) }
    }

    /// What the first bytes say, if they are none that HTTP/2 begins with.
    fn first(&self, bytes: &[u8]) -> Option<io::Error> {
        let why = match bytes.first() {
            Some(&TLS_ALERT) if !self.is_tls => "it speaks TLS there: give --server an address with https://",
            Some(&HTTP_1) => "it speaks HTTP/1 there, and gRPC needs HTTP/2",
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
        // Only the first connection is waited for.
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
