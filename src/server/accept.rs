//! Accepts, serves and drains connections.
//!
//! tonic's own loop is not used, because it returns CANCELLED without a reason if a deadline has passed.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::around::Layer;
use super::connections::at_once::{Calls, WithCalls};
use super::connections::stall;
use super::connections::{
    Counted, Counting, Failed, Gathered, Place, Places, Refused, Room, Tls, Uncutting, Weighing,
};
use super::forward::{Bundling, Callers};
use super::front::Front;
use super::metrics::CallMetrics;
use super::refusals::{Noted, Refusals};
use super::traced::Traced;
use super::web::Web;
use crate::api::grpc::edge::Edge;
use crate::api::grpc::methods;
use crate::api::peer::Peer;
use crate::config::Origins;
use crate::directory::Connection;
use crate::tasks;
use crate::trace::Recorder;

/// Most connections at a time, if there are enough descriptors.
const CONNECTIONS_MAX: usize = 4_096;
/// Fewest connections that the server allows.
const CONNECTIONS_MIN: usize = 16;
/// Descriptors reserved for the store and everything else: logs, snapshots, backups, files of the working
/// copy.
const DESCRIPTORS_RESERVED: usize = 256;
/// How long a connection may be without a call. Clients open a new one for their next call.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Most calls of a connection that the peer reset before the server accepted them, and that h2 still tracks.
/// Clients with short deadlines have some hundred. More of them end the connection, because such a flood
/// costs the server more than the peer.
const RESET_CALLS_MAX: usize = 2_048;
/// Least time between two log lines about closed or refused connections.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Most calls of one connection at a time. Clients delay further calls.
const CALLS_MAX: u32 = 256;
/// How often a silent connection gets a ping.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How long the peer has to answer the ping.
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(20);
/// How long the head of an HTTP/1 request may take, and how long a connection may wait for the next request.
/// Such a connection has no call, so it may be closed earlier to make room for others.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// How long to wait after a connection could not be accepted, usually because descriptors ran out.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How far a peer may send ahead on one call, in bytes: enough for 100 Mbit/s at 40 ms round trip.
const STREAM_WINDOW: u32 = 512 * 1024;
/// How far a peer may send ahead on one connection, in bytes. These bytes are in memory without being
/// counted. h2 0.4.20 ends a connection with `too_many_data_frames` when the frames that nobody has read yet
/// are small: it charges each of them 256 bytes less its length, and allows half of this window in all.
/// Clients of grpc-core send each message in a frame of its own, so this has room for 18,000 short rows of
/// streams.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// How far an HTTP/1 connection is read ahead, in bytes, and the largest head.
const READ_AHEAD: usize = 32 * 1024;
/// How much of a reply its connection buffers at a time, in bytes.
const SEND_BUFFER: usize = 128 * 1024;
/// Largest HTTP/2 frame that is accepted, in bytes, so that large messages arrive in few pieces.
const FRAME: u32 = 64 * 1024;

/// The connections of a server.
#[derive(Clone)]
pub struct Connections {
    /// Counts them, so that a stop can wait until all have ended.
    pub tracker: TaskTracker,
    /// Once cancelled, no new ones are accepted; the others finish their calls and end.
    pub stopping: CancellationToken,
    /// Once cancelled, the others end at once.
    pub cut: CancellationToken,
    /// Where their rejected calls are noted.
    pub refusals: Refusals,
    /// How long a peer may take nothing of a reply.
    pub stall_after: Duration,
    /// What is known of the callers of calls that other servers pass on.
    pub callers: Callers,
    /// Where their calls are counted.
    pub metrics: CallMetrics,
    /// The web pages that may call gRPC-Web.
    pub origins: Arc<Origins>,
    /// What records the spans of their calls, if they are recorded.
    pub recorder: Option<Recorder>,
}

/// The service for the calls of one connection.
type Served = Traced<Layer<Web, Layer<CallMetrics, Layer<Noted, Edge<Front>>>>>;
/// The same, with its calls counted.
type Service = Counting<Served>;

/// The limits of connections with this many descriptors. `per_peer` is the setting for one address,
/// `call_bytes` the memory for their calls.
#[must_use]
pub fn room(descriptors: usize, per_peer: Option<usize>, call_bytes: usize) -> Room {
    let total = descriptors.saturating_sub(DESCRIPTORS_RESERVED).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
    // Half and not fewer, because all clients behind a proxy or on one machine have the same address.
    Room { total, per_peer: per_peer.unwrap_or(total / 2).min(total), call_bytes }
}

/// Accepts connections until the server stops.
pub async fn run(
    listener: TcpListener,
    room: Room,
    tls: Option<Tls>,
    front: Front,
    connections: Connections,
) {
    let places = Places::new(room);
    let start = Instant::now();
    let mut crowd = Crowd::default();
    let mut accepted_before = 0;
    loop {
        let accepted = async {
            let (stream, peer) = listener.accept().await?;
            Ok::<_, io::Error>((stream, peer.ip(), places.take(peer.ip(), start.elapsed()).await))
        };
        let accepted = tokio::select! {
            biased;
            () = connections.stopping.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer, Ok(taken))) => {
                crowd.note(peer, taken.made_room, start.elapsed());
                let connection = Connection(accepted_before);
                accepted_before += 1;
                let service =
                    service(&front, &connections, Peer { address: peer.to_canonical(), connection });
                let service = Counting::new(service, taken.place.calls(), start);
                let tls = tls.clone().map(|tls| (tls, peer.to_canonical()));
                let connection = begin(stream, tls, service, connections.clone());
                let open = connections.metrics.connection();
                let held = hold(connection, taken.place, start);
                let held = async move {
                    held.await;
                    drop(open);
                };
                tasks::for_caller(connections.tracker.track_future(held));
            }
            Ok((_, peer, Err(Refused::Peer))) => crowd.note(peer, true, start.elapsed()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// What serves the calls of a peer's connection.
fn service(front: &Front, connections: &Connections, peer: Peer) -> Served {
    let Connections { refusals, callers, metrics, origins, recorder, .. } = connections.clone();
    let noted = Layer { around: Noted { peer, refusals, callers }, inner: Edge(front.of(peer)) };
    let measured = Layer { around: metrics, inner: noted };
    Traced { inner: Layer { around: Web(origins), inner: measured }, recorder }
}

/// Runs a connection until it ends, is closed to make room for another, or was idle for too long.
async fn hold(connection: impl Future<Output = ()>, place: Place, start: Instant) {
    let idle_for_too_long = async {
        let mut rest = IDLE_MAX;
        while rest > Duration::ZERO {
            tokio::time::sleep(rest).await;
            rest = IDLE_MAX.saturating_sub(place.idle(start.elapsed()).unwrap_or_default());
        }
    };
    tokio::select! {
        () = connection => {}
        () = place.gives_way() => {}
        () = idle_for_too_long => tracing::debug!("closing an idle connection"),
    }
}

/// Logs now and then that connections were closed or refused because there are too many.
#[derive(Default)]
struct Crowd {
    /// How many were closed or refused since the last log line.
    count: usize,
    logged_at: Option<Duration>,
}

impl Crowd {
    fn note(&mut self, peer: IpAddr, is_crowded: bool, now: Duration) {
        if !is_crowded {
            return;
        }
        self.count += 1;
        if self.logged_at.is_none_or(|logged| now.saturating_sub(logged) >= LOG_EVERY) {
            let closed = std::mem::take(&mut self.count);
            tracing::warn!(%peer, closed, "too many connections: closed idle ones or refused new ones");
            self.logged_at = Some(now);
        }
    }
}

/// Serves a connection, with TLS after the handshake. A failed handshake is noted with the address of the
/// peer.
async fn begin(stream: TcpStream, tls: Option<(Tls, IpAddr)>, service: Service, connections: Connections) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "replies may be delayed");
    }
    let Some((tls, peer)) = tls else { return serve(stream, service, connections).await };
    match connections.stopping.run_until_cancelled(tls.accept(stream)).await {
        Some(Ok(stream)) => serve(stream, service, connections).await,
        Some(Err(Failed::Handshake(reason))) => connections.refusals.note_handshake(peer, reason),
        Some(Err(Failed::Silent)) => {
            tracing::debug!(%peer, "a peer closed its connection without sending anything")
        }
        None => {}
    }
}

async fn serve<S>(stream: S, service: Service, connections: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, silence) = Counted::new(Gathered::new(stream));
    let calls = Calls::new(connections.stall_after);
    let mut builder = auto::Builder::new(calls.clone());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(READ_AHEAD)
        .writev(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_EVERY)
        .keep_alive_timeout(KEEP_ALIVE_WITHIN)
        .max_concurrent_streams(CALLS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESET_CALLS_MAX);
    let (callers, stopping) = (connections.callers.clone(), connections.stopping.clone());
    let bundling = Bundling { inner: Arc::new(service), callers, stopping };
    let uncutting = Uncutting { inner: bundling };
    let service = Weighing { inner: Arc::new(uncutting), is_light: methods::is_light };
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(WithCalls::new(connection, calls));
    // Over HTTP/1 there is no task for each call, so the connection itself is watched.
    let stall_after = connections.stall_after;
    let ended = tokio::select! {
        ended = stall::watch(connection.as_mut(), stall_after) => ended,
        () = silence.too_long() => {
            tracing::debug!("closing a connection whose peer sent nothing");
            return;
        }
        () = connections.stopping.cancelled() => {
            connection.as_mut().connection().graceful_shutdown();
            tokio::select! {
                ended = stall::watch(connection, stall_after) => ended,
                () = connections.cut.cancelled() => return,
            }
        }
    };
    if ended.is_none() {
        tracing::debug!("closing a connection whose peer takes nothing of a reply");
    }
    if let Some(Err(error)) = ended {
        // Usually the peer has gone.
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_may_have_half_of_the_connections_unless_the_setting_says_otherwise() {
        let cases = [(1_024, None, (768, 384)), (1_024, Some(100), (768, 100)), (64, Some(1_000), (16, 16))];
        for (descriptors, setting, (total, per_peer)) in cases {
            let room = room(descriptors, setting, 0);
            assert_eq!((room.total, room.per_peer), (total, per_peer), "{descriptors} {setting:?}");
        }
        assert_eq!(room(1 << 20, None, 0).total, CONNECTIONS_MAX);
    }
}
