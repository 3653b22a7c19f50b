//! Gathers what a connection writes, so that many small replies take one write to the socket.
//!
//! h2 copies a small piece of a reply into its buffer, and passes a larger one to the socket together with
//! what the buffer holds. For streams that write several pieces at once it calls pieces from 256 bytes on
//! larger, so that nearly every reply about one member would take a write of its own; for all others, from
//! 1,024 bytes on. So this stream says that it does not write several pieces at once. It does nevertheless:
//! it keeps a short piece, such as the head of a frame, until the next piece or the end of a write.
//!
//! Invariants: bytes leave in the order in which they came, each once. After a flush nothing is kept.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A shorter piece is kept, in bytes.
const SHORT: usize = 2 * 1024;

/// A stream whose short writes are gathered.
pub struct Gathered<S> {
    inner: S,
    /// Bytes that were taken and not written; fewer than [`SHORT`].
    kept: Vec<u8>,
}

impl<S> Gathered<S> {
    /// Gathers what is written to a stream.
    pub fn new(inner: S) -> Self {
        Self { inner, kept: Vec::new() }
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Writes what is kept and then `piece`, of which it returns how many bytes were written. This is 0 only
    /// if `piece` is empty.
    fn poll_both(&mut self, cx: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
        while !self.kept.is_empty() {
            let both = [IoSlice::new(&self.kept), IoSlice::new(piece)];
            let inner = Pin::new(&mut self.inner);
            let written = if piece.is_empty() {
                ready!(inner.poll_write(cx, &self.kept))?
            } else {
                ready!(inner.poll_write_vectored(cx, &both))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_piece = written.saturating_sub(self.kept.len());
            self.kept.drain(..written.min(self.kept.len()));
            if of_piece > 0 {
                return Poll::Ready(Ok(of_piece));
            }
        }
        if piece.is_empty() { Poll::Ready(Ok(0)) } else { Pin::new(&mut self.inner).poll_write(cx, piece) }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
        if self.kept.len() + piece.len() < SHORT {
            self.kept.extend_from_slice(piece);
            return Poll::Ready(Ok(piece.len()));
        }
        self.poll_both(cx, piece)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_both(cx, &[]))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_both(cx, &[]))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    /// HTTP/1 writes several pieces at once, whatever the stream says.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_both(cx, &[]))?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// What was written, as it was written: at most so many bytes at once, and every other time not now.
    struct Socket {
        writes: Vec<Vec<u8>>,
        most: usize,
        is_ready: bool,
    }

    impl Socket {
        fn gathered(most: usize) -> Gathered<Self> {
            Gathered::new(Self { writes: Vec::new(), most, is_ready: false })
        }
    }

    impl AsyncWrite for Socket {
        fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, piece: &[u8]) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(cx, &[IoSlice::new(piece)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            self.is_ready = !self.is_ready;
            if !self.is_ready {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let mut bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
            bytes.truncate(self.most);
            self.writes.push(bytes.clone());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }
    }

    #[tokio::test]
    async fn short_pieces_leave_together_and_with_the_next_long_one() {
        let mut stream = Socket::gathered(usize::MAX);
        let long = vec![7; 3 * SHORT];
        for piece in [&b"one"[..], b"two", &long, b"three"] {
            stream.write_all(piece).await.unwrap();
        }
        stream.flush().await.unwrap();
        assert_eq!(stream.inner.writes, [[b"onetwo", &*long].concat(), b"three".to_vec()]);
        stream.flush().await.unwrap();
        stream.write_all(b"last").await.unwrap();
        assert_eq!(stream.inner.writes.len(), 2, "it is kept");
        stream.shutdown().await.unwrap();
        assert_eq!(stream.inner.writes.last().unwrap(), b"last");
    }

    #[tokio::test]
    async fn every_byte_leaves_once_and_in_order_however_little_is_taken_at_once() {
        for most in [1, 2, 5, SHORT - 1, SHORT, usize::MAX] {
            let mut stream = Socket::gathered(most);
            let mut sent = Vec::new();
            for (n, length) in
                [0, 1, 9, SHORT, 3, SHORT - 1, 2, 2 * SHORT, 1, SHORT - 2].into_iter().enumerate()
            {
                let piece: Vec<u8> = (0..length).map(|at| u8::try_from((at + n) % 251).unwrap()).collect();
                sent.extend_from_slice(&piece);
                if n % 3 == 2 {
                    let written = poll_fn(|cx| {
                        Pin::new(&mut stream)
                            .poll_write_vectored(cx, &[IoSlice::new(&piece), IoSlice::new(b"more")])
                    });
                    let written = written.await.unwrap();
                    let rest = [&piece, &b"more"[..]].concat().split_off(written);
                    sent.extend_from_slice(b"more");
                    stream.write_all(&rest).await.unwrap();
                } else {
                    stream.write_all(&piece).await.unwrap();
                }
            }
            stream.flush().await.unwrap();
            assert_eq!(stream.inner.writes.concat(), sent, "{most}");
            assert!(stream.kept.is_empty());
        }
    }
}
