//! Connections: accepted, served, drained.
//!
//! The loop is ours and not tonic's, because tonic's answers a passed deadline with CANCELLED and no reason.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::first_bytes::Counted;
use super::front::Front;
use super::tls::Tls;
use crate::api::grpc::edge::Edge;

/// Most connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// Most calls of one connection at a time.
const CALLS_MAX: u32 = 1_024;
/// How often a silent connection is asked whether it is alive.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How long it has to answer.
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(20);
/// How long the head of an HTTP/1 request may take.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long to wait after a connection could not be accepted, usually for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// What a peer may send ahead on one call, in bytes.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
/// What a peer may send ahead on one connection, in bytes.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// Largest HTTP/2 frame that is accepted, in bytes: large messages come in fewer pieces.
const FRAME: u32 = 64 * 1024;

/// The connections of a server.
#[derive(Clone)]
pub struct Connections {
    /// Counts them, for whoever waits until there are none.
    pub tracker: TaskTracker,
    /// No new ones; the others finish their calls and end.
    pub stopping: CancellationToken,
    /// The others end at once.
    pub cut: CancellationToken,
}

/// Accepts connections until the server stops.
pub async fn run(listener: TcpListener, tls: Option<Tls>, front: Front, connections: Connections) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = connections.stopping.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = begin(stream, tls.clone(), front.clone(), connections.clone());
                connections.tracker.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn begin(stream: TcpStream, tls: Option<Tls>, front: Front, connections: Connections) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "replies may be delayed");
    }
    let Some(tls) = tls else { return serve(stream, front, connections).await };
    let accepted = connections.stopping.run_until_cancelled(tls.accept(stream)).await;
    if let Some(stream) = accepted.flatten() {
        serve(stream, front, connections).await;
    }
}

async fn serve<S>(stream: S, front: Front, connections: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, silence) = Counted::new(stream);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_WITHIN)
        .max_concurrent_streams(CALLS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME);
    let service = TowerToHyperService::new(Edge(front));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silence.too_long() => {
            tracing::debug!("a connection said nothing and is closed");
            return;
        }
        () = connections.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = connections.cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        // Usually the peer went away.
        tracing::debug!(%error, "a connection ended");
    }
}
