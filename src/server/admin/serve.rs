//! The port of the admin address.

use std::convert::Infallible;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use hyper::body::Incoming as Received;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::page::Page;
use crate::api::grpc::plain;
use crate::config::ADMIN_LISTEN;
use crate::server::ServeError;
use crate::server::connections::at_once::Calls;
use crate::server::connections::stall;
use crate::server::front::{Probe, check_home};
use crate::server::tenure::Tenure;
use crate::table::Table;
use crate::tasks;

/// Most connections at a time; further ones wait.
const CONNECTIONS_MAX: usize = 32;
/// How long the head of a request may take, and how long a connection waits for the next request.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// How long to wait after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The server of the admin address.
pub struct Admin {
    /// The address, if it is served.
    pub address: Option<SocketAddr>,
    page: Arc<Page>,
    stopped: CancellationToken,
}

impl Admin {
    /// Serves `page` on an address, if there is one, until [`Self::stop`]. A peer that takes nothing of a
    /// reply for `stall_after` loses its connection.
    pub async fn start(
        address: Option<SocketAddr>,
        page: Page,
        stall_after: Duration,
    ) -> Result<Self, ServeError> {
        let (page, stopped) = (Arc::new(page), CancellationToken::new());
        let listener = match address {
            Some(address) => bind(address).await?,
            None => None,
        };
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        if let Some(listener) = listener {
            tasks::vital("admin", run(listener, Arc::clone(&page), stopped.clone(), stall_after));
        }
        Ok(Self { address, page, stopped })
    }

    /// Adds the metrics of an open store to the page.
    pub fn show(&self, table: &Arc<Table>, tenure: &Tenure) {
        self.page.store.get_or_init(|| Arc::downgrade(table));
        self.page.tenure.begin(tenure);
    }

    /// Ends the server of the address.
    pub fn stop(&self) {
        self.stopped.cancel();
    }
}

/// Binds the admin address. If another process, such as a second server, has the default address, the server
/// runs without it: nobody asked for it. Any other address was asked for.
async fn bind(address: SocketAddr) -> Result<Option<TcpListener>, ServeError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if is_taken(&error) && address == ADMIN_LISTEN => {
            tracing::warn!(
                %address,
                "another process has the default admin address, so this server has no metrics; choose another \
                 one with --admin-listen"
            );
            Ok(None)
        }
        Err(source) => Err(ServeError::Listen { address, source }),
    }
}

fn is_taken(error: &Error) -> bool {
    error.kind() == ErrorKind::AddrInUse
}

/// Serves the page and the probes until the server has stopped.
async fn run(listener: TcpListener, page: Arc<Page>, stopped: CancellationToken, stall_after: Duration) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let on_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    while let Some(accepted) = stopped.run_until_cancelled(accept(&listener, &places)).await {
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection to the admin address could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let (page, stopped) = (Arc::clone(&page), stopped.clone());
        tasks::for_caller(async move {
            stopped.run_until_cancelled(serve(stream, page, on_loopback, stall_after)).await;
            drop(place);
        });
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Result<(TcpStream, tokio::sync::OwnedSemaphorePermit), Error> {
    let place = Arc::clone(places).acquire_owned().await.map_err(Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn serve(stream: TcpStream, page: Arc<Page>, on_loopback: bool, stall_after: Duration) {
    let service = tower::service_fn(move |request: Request<Received>| {
        let page = Arc::clone(&page);
        async move { Ok::<_, Infallible>(reply(&request, &page, on_loopback).await) }
    });
    let mut builder = auto::Builder::new(Calls::new(stall_after)).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Some(Err(error)) = stall::watch(pin!(connection), stall_after).await {
        tracing::debug!(%error, "a connection to the admin address ended");
    }
}

async fn reply<B>(request: &Request<B>, page: &Page, on_loopback: bool) -> Response<Body> {
    if let Some(probe) = Probe::of(request) {
        return probe.reply(&page.health).await;
    }
    if on_loopback && check_home(request.uri(), request.headers()).is_err() {
        return plain::forbidden(
            "the admin address of this server accepts only requests to a loopback name or address, such as \
             localhost, and none from web pages of other servers",
        );
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => plain::metrics(page.text().await),
        _ => plain::no_such_path(),
    }
}
