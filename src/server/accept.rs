//! Connections: accepted, served, drained.
//!
//! The loop is ours and not tonic's, because tonic's answers a passed deadline with CANCELLED and no reason.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::stall::{self, Calls};
use super::connections::{Counted, Counting, Failed, Place, Places, Refused, Room, Tls};
use super::front::Front;
use super::refusals::{Noted, Refusals};
use crate::api::grpc::edge::Edge;
use crate::api::peer::Peer;
use crate::directory::Connection;
use crate::tasks;

/// Most connections at a time, where there are descriptors for so many.
const CONNECTIONS_MAX: usize = 4_096;
/// Fewest connections that a server is useful with.
const CONNECTIONS_MIN: usize = 16;
/// Descriptors that are left to the store and to everything else: logs, snapshots, backups, files of the working copy.
const DESCRIPTORS_RESERVED: usize = 256;
/// How long a connection may be without a call. Clients make a new one when they have something to ask again.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Calls that were given up before they were looked at, and are not yet forgotten: clients with short deadlines
/// come to some hundred. More on one connection end it, because a flood of them costs more than its peer pays.
const GIVEN_UP_MAX: usize = 2_048;
/// How often the log says that connections had to be closed.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// Most calls of one connection at a time. Clients wait with further ones.
const CALLS_MAX: u32 = 256;
/// How often a silent connection is asked whether it is alive.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
/// How long it has to answer.
const KEEP_ALIVE_WITHIN: Duration = Duration::from_secs(20);
/// How long the head of an HTTP/1 request may take, and how long a connection is kept for the next one. One that only
/// dawdles has no call, and gives way to others before.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// How long to wait after a connection could not be accepted, usually for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// What a peer may send ahead on one call, in bytes: 100 Mbit/s over 40 ms.
const STREAM_WINDOW: u32 = 512 * 1024;
/// What a peer may send ahead on one connection, in bytes: so much of each connection may be held that nobody has counted.
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// What of an HTTP/1 connection may be read ahead, in bytes, and the largest head.
const READ_AHEAD: usize = 32 * 1024;
/// What of a reply may be with its connection at a time, in bytes.
const SEND_BUFFER: usize = 128 * 1024;
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
    /// Where their calls are noted that are refused.
    pub refusals: Refusals,
    /// How long nothing of a reply may be taken.
    pub stall_after: Duration,
}

/// What answers the calls of one connection.
type Service = Counting<Noted<Edge<Front>>>;

/// How many connections there may be with so many descriptors, of one peer, if that was said, and what their calls may take.
#[must_use]
pub fn room(descriptors: usize, per_peer: Option<usize>, call_bytes: usize) -> Room {
    let total = descriptors.saturating_sub(DESCRIPTORS_RESERVED).clamp(CONNECTIONS_MIN, CONNECTIONS_MAX);
    // Half of them: behind a proxy or on one machine all clients have one address.
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
                let (inner, refusals) = (Edge(front.clone()), connections.refusals.clone());
                let connection = Connection(accepted_before);
                accepted_before += 1;
                let noted =
                    Noted { inner, peer: Peer { address: peer.to_canonical(), connection }, refusals };
                let service = Counting::new(noted, taken.place.calls(), start);
                let tls = tls.clone().map(|tls| (tls, peer.to_canonical()));
                let connection = begin(stream, tls, service, connections.clone());
                let held = hold(connection, taken.place, start);
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

/// Lets a connection go on until it ends, gives way to another, or had no call for too long.
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
        () = idle_for_too_long => tracing::debug!("a connection without calls is closed"),
    }
}

/// Says now and then in the log that connections were closed or refused because there are too many.
#[derive(Default)]
struct Crowd {
    since: usize,
    said_at: Option<Duration>,
}

impl Crowd {
    fn note(&mut self, peer: IpAddr, is_crowded: bool, now: Duration) {
        if !is_crowded {
            return;
        }
        self.since += 1;
        if self.said_at.is_none_or(|said| now.saturating_sub(said) >= SAY_EVERY) {
            let closed = std::mem::take(&mut self.since);
            tracing::warn!(%peer, closed, "too many connections: idle ones are closed, or new ones refused");
            self.said_at = Some(now);
        }
    }
}

/// Serves a connection; one that is encrypted after its handshake, and from whom it comes is said where that fails.
async fn begin(stream: TcpStream, tls: Option<(Tls, IpAddr)>, service: Service, connections: Connections) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "replies may be delayed");
    }
    let Some((tls, peer)) = tls else { return serve(stream, service, connections).await };
    match connections.stopping.run_until_cancelled(tls.accept(stream)).await {
        Some(Ok(stream)) => serve(stream, service, connections).await,
        Some(Err(Failed::Handshake(reason))) => connections.refusals.note_handshake(peer, reason),
        Some(Err(Failed::Silent)) => tracing::debug!(%peer, "a connection ended without a word"),
        None => {}
    }
}

async fn serve<S>(stream: S, service: Service, connections: Connections)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, silence) = Counted::new(stream);
    let mut builder = auto::Builder::new(Calls { stall_after: connections.stall_after });
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(READ_AHEAD);
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
        .max_pending_accept_reset_streams(GIVEN_UP_MAX);
    let service = TowerToHyperService::new(service);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // Over HTTP/1 the connection is the call.
    let stall_after = connections.stall_after;
    let ended = tokio::select! {
        ended = stall::watch(connection.as_mut(), stall_after) => ended,
        () = silence.too_long() => {
            tracing::debug!("a connection said nothing and is closed");
            return;
        }
        () = connections.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = stall::watch(connection, stall_after) => ended,
                () = connections.cut.cancelled() => return,
            }
        }
    };
    if ended.is_none() {
        tracing::debug!("a connection whose reply nobody takes is closed");
    }
    if let Some(Err(error)) = ended {
        // Usually the peer went away.
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_connections_may_be_of_one_peer_unless_it_is_said() {
        let cases = [(1_024, None, (768, 384)), (1_024, Some(100), (768, 100)), (64, Some(1_000), (16, 16))];
        for (descriptors, said, (total, per_peer)) in cases {
            let room = room(descriptors, said, 0);
            assert_eq!((room.total, room.per_peer), (total, per_peer), "{descriptors} {said:?}");
        }
        assert_eq!(room(1 << 20, None, 0).total, CONNECTIONS_MAX);
    }
}
