//! Limits how long a peer may take to send the first bytes of a connection.
//!
//! Once it is known whether a connection uses HTTP/1 or HTTP/2, the limits of that protocol apply. Until then
//! nothing else would ever close the connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long the first bytes of a connection may take.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(10);
/// How many bytes these are: the length of the preface that distinguishes HTTP/2 from HTTP/1.
const FIRST_BYTES: usize = 24;

/// A stream that counts the bytes read from it.
pub struct Counted<S> {
    inner: S,
    read: Arc<AtomicUsize>,
}

/// Knows whether a peer has sent its first bytes.
pub struct Silence(Arc<AtomicUsize>);

impl<S> Counted<S> {
    /// Wraps a stream. Also returns what knows whether the first bytes came.
    pub fn new(inner: S) -> (Self, Silence) {
        let read = Arc::new(AtomicUsize::new(0));
        (Self { inner, read: Arc::clone(&read) }, Silence(read))
    }
}

impl Silence {
    /// Ends if the first bytes did not come in time; otherwise never.
    pub async fn too_long(self) {
        tokio::time::sleep(FIRST_BYTES_WITHIN).await;
        if self.0.load(Ordering::Relaxed) >= FIRST_BYTES {
            std::future::pending().await
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.read.fetch_add(buf.filled().len().saturating_sub(before), Ordering::Relaxed);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn only_a_peer_that_sends_too_few_bytes_is_silent_for_too_long() {
        for (sent, is_silent) in [(0, true), (23, true), (24, false), (100, false)] {
            let (mut peer, ours) = tokio::io::duplex(200);
            let (mut counted, silence) = Counted::new(ours);
            peer.write_all(&vec![7; sent]).await.unwrap();
            let mut bytes = vec![0; sent];
            counted.read_exact(&mut bytes).await.unwrap();
            let ended = tokio::time::timeout(2 * FIRST_BYTES_WITHIN, silence.too_long()).await;
            assert_eq!(ended.is_ok(), is_silent, "{sent}");
        }
    }
}
