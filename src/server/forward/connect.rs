//! One connection to the active server, which has proven that it is that.

use std::io;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::bundle::Bundle;
use super::counts::{Counted, ForwardCounts};
use super::proof::{self, BUNDLE, BUNDLES, FORWARDED, NONCE, PROOF, VERSION};
use crate::config::{Advertised, Config};
use crate::engine::Grant;
use crate::engine::postgres::PeerKey;
use crate::server::metrics::{HELLO, LEASES};
use crate::server::outgoing::{Files, Unusable};
use crate::tasks;

/// How long connecting may take, with the proof.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long lending may take.
const LEND_WITHIN: Duration = Duration::from_secs(10);
/// How often a connection is asked whether the other side is there, and how long the answer may take. A
/// server that is paused, or whose machine is gone, is noticed by this alone.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_WITHIN: Duration = Duration::from_secs(4);
/// The largest frame that is accepted, in bytes.
const FRAME: u32 = 64 * 1024;
/// How much of a request its connection buffers at a time, in bytes.
const SEND_BUFFER: usize = 128 * 1024;

/// Starts calls on a connection.
pub type Calls = SendRequest<Body>;

/// Where the active server is, and how it proves that it is that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub address: Advertised,
    pub key: PeerKey,
}

/// How much the other side may send ahead, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Windows {
    /// On one call.
    pub call: u32,
    /// On the connection.
    pub connection: u32,
}

/// A memberbase that the active server lends.
pub struct Lent {
    /// The number of the lease.
    pub lease: u32,
    /// What opens it.
    pub grant: Grant,
    /// Has a piece once it is wanted back. It ends with the connection.
    pub wanted: Incoming,
}

/// Why the active server was not reached. Nothing was sent to it then.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// The files for TLS cannot be used.
    #[error(transparent)]
    Files(#[from] Unusable),
    /// It does not speak HTTP/2.
    #[error("it does not answer: {0}")]
    Http(#[from] hyper::Error),
    /// It says that it is not active.
    #[error("it is not active yet, or not any more: HTTP status {0}")]
    NotActive(u16),
    /// It has not the key of the owner.
    #[error("it does not prove that it owns the store: is the advertised address that of another server?")]
    NotProven,
    /// It took too long.
    #[error("no answer within {} s", CONNECT_WITHIN.as_secs())]
    Late,
    /// Another call could not connect while this one waited for its connection.
    #[error("a connection could not be made")]
    Alike,
    /// There are as many connections as there may be.
    #[error("all connections are in use")]
    Full,
}

/// The files for encrypted connections between servers.
#[derive(Debug, Clone)]
pub struct PeerTls(Files);

impl PeerTls {
    /// The files that the settings name.
    pub fn of(config: &Config) -> Self {
        let own = config.tls_cert.clone().zip(config.tls_key.clone());
        Self(Files { ca: config.peer_ca.clone(), own })
    }

    /// Reads the files. They are read for each connection, of which there are few, so that new ones count.
    fn connector(&self) -> Result<TlsConnector, Unusable> {
        self.0.connector(b"h2")
    }
}

/// Connects, and has the other side prove that it is active. The connection ends with `gone`, or when nobody
/// holds it and its calls have ended.
pub async fn connect(
    target: &Target,
    tls: &PeerTls,
    windows: Windows,
    gone: &CancellationToken,
    counts: &ForwardCounts,
) -> Result<Calls, Unreached> {
    let connecting = async {
        let stream = TcpStream::connect((target.address.host(), target.address.port)).await?;
        stream.set_nodelay(true)?;
        let counted = Counted::new(&counts.connections);
        let mut calls = if target.address.is_encrypted {
            let name = ServerName::try_from(target.address.host().to_owned()).map_err(io::Error::other)?;
            let stream = tls.connector()?.connect(name, stream).await?;
            begin(stream, windows, gone, counted).await?
        } else {
            begin(stream, windows, gone, counted).await?
        };
        hello(&mut calls, target).await?;
        Ok(calls)
    };
    tokio::time::timeout(CONNECT_WITHIN, connecting).await.map_err(|_| Unreached::Late)?
}

async fn begin<S>(
    stream: S,
    windows: Windows,
    gone: &CancellationToken,
    counted: Counted,
) -> Result<Calls, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (calls, connection) = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(windows.call)
        .initial_connection_window_size(windows.connection)
        .max_frame_size(FRAME)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await?;
    let gone = gone.clone();
    tasks::for_caller(async move {
        if let Some(Err(error)) = gone.run_until_cancelled(connection).await {
            tracing::debug!(%error, "a connection to the active server ended");
        }
        drop(counted);
    });
    Ok(calls)
}

/// Asks on a connection whether the other side is active now.
pub async fn hello(calls: &mut Calls, target: &Target) -> Result<(), Unreached> {
    let nonce = proof::nonce().ok_or_else(|| io::Error::other("no random numbers"))?;
    let mut request = request(target, HELLO, Body::empty())?;
    request.headers_mut().insert(NONCE, nonce.clone());
    let reply = ask(calls, request).await?;
    if !reply.status().is_success() {
        return Err(Unreached::NotActive(reply.status().as_u16()));
    }
    if proof::is_answered(&target.key, &nonce, reply.headers()) { Ok(()) } else { Err(Unreached::NotProven) }
}

/// Opens a bundle on a connection whose other side has proven that it is active; `None` if that knows none.
pub async fn open_bundle(calls: &mut Calls, target: &Target, now: u64) -> Result<Option<Bundle>, Unreached> {
    let proof = proof::opening(&target.key, now).ok_or_else(|| io::Error::other("no proof"))?;
    let (opened, frames) = Bundle::new();
    let mut request = request(target, BUNDLES, Body::new(frames))?;
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(BUNDLE, VERSION);
    request.headers_mut().insert(PROOF, proof);
    let reply = ask(calls, request).await?;
    if !reply.status().is_success() || reply.headers().get(BUNDLE) != Some(&VERSION) {
        return Ok(None);
    }
    opened.begin(reply.into_body());
    Ok(Some(opened))
}

/// Asks for a lease on a memberbase, for a caller with this token; `None` if the other side does not lend it now, or knows no leases.
pub async fn ask_for(
    calls: &mut Calls,
    target: &Target,
    (base, token): (&str, Option<HeaderValue>),
    now: u64,
) -> Result<Option<Lent>, Unreached> {
    let proof = proof::asking(&target.key, base, now).ok_or_else(|| io::Error::other("no proof"))?;
    let mut request = request(target, LEASES, Body::empty())?;
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(PROOF, proof);
    if let Some(token) = token {
        request.headers_mut().insert(AUTHORIZATION, token);
    }
    // Before it lends, it closes the memberbase, which may take a while.
    let reply = tokio::time::timeout(LEND_WITHIN, calls.send_request(request)).await;
    let reply = reply.map_err(|_| Unreached::Late)??;
    let lease = reply.status().is_success().then(|| proof::lease_of(reply.headers())).flatten();
    Ok(lease.map(|(lease, grant)| Lent { lease, grant, wanted: reply.into_body() }))
}

/// A request of this server to another one, which is to be passed on to nobody.
fn request(target: &Target, path: &'static str, body: Body) -> Result<Request<Body>, io::Error> {
    let uri = Uri::builder()
        .scheme(scheme(target))
        .authority(target.address.authority.clone())
        .path_and_query(path)
        .build()
        .map_err(io::Error::other)?;
    let mut request = Request::new(body);
    *request.uri_mut() = uri;
    request.headers_mut().insert(FORWARDED, HeaderValue::from_static("-"));
    Ok(request)
}

async fn ask(calls: &mut Calls, request: Request<Body>) -> Result<Response<Incoming>, Unreached> {
    let asked = tokio::time::timeout(CONNECT_WITHIN, calls.send_request(request)).await;
    Ok(asked.map_err(|_| Unreached::Late)??)
}

/// The scheme of calls to a server.
pub fn scheme(target: &Target) -> Scheme {
    if target.address.is_encrypted { Scheme::HTTPS } else { Scheme::HTTP }
}
