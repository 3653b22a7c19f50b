//! The active server's side of a lease: it lends a memberbase, and says when it is wanted back.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use crate::api::bearer::bearer;
use crate::api::grpc::plain;
use crate::directory::Gate;
use crate::model::token::AccessLevel;
use crate::server::forward::{Callers, lent, seconds};
use crate::server::tenure::Tenure;
use crate::table::Table;

/// What is sent once a memberbase is wanted back.
const WANTED: &[u8] = b"w";

/// Lends memberbases of a store that this server owns. Once the body of an answer is dropped, its memberbase is
/// taken back by and by.
#[derive(Clone)]
pub struct Lessor {
    /// The store.
    pub table: Arc<Table>,
    /// Where callers are known.
    pub gate: Gate,
    /// Who may ask.
    pub callers: Callers,
    /// Whether it still owns the store.
    pub tenure: Tenure,
    /// As this server stops, its leases are wanted back.
    pub stopping: CancellationToken,
}

impl Lessor {
    /// Answers a server that asks for a lease: with the lease and a body that says when it ends, or with
    /// nothing if the memberbase is not lent now.
    pub async fn answer<B>(self, request: &Request<B>) -> Response<Body> {
        let base = self.callers.asks_for(request.headers(), seconds());
        let base = base.filter(|_| *request.method() == Method::POST && self.tenure.holds());
        let Some(base) = base else { return not_lent("the proof of a server of this store is missing") };
        if !self.is_admitted(request.headers(), base).await {
            return not_lent("the token of the caller does not let it read the memberbase");
        }
        let Ok(number) = self.table.sealer().open_base(base) else { return not_lent("no such memberbase") };
        if self.stopping.is_cancelled() {
            return not_lent("this server stops");
        }
        let mut lease = match self.table.lend(number).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return not_lent("it is in use, or is not lent for another reason"),
            Err(error) => {
                tracing::warn!(base = number.0, %error, "a memberbase could not be lent");
                return not_lent("it could not be lent");
            }
        };
        tracing::info!(base = number.0, "a memberbase is lent to another server");
        let grant = lease.grant;
        let wanted = async move {
            tokio::select! {
                () = lease.until_wanted() => {}
                () = self.stopping.cancelled() => {}
            }
            Ok::<_, Status>(Frame::data(Bytes::from_static(WANTED)))
        };
        let mut reply = Response::new(Body::new(StreamBody::new(Box::pin(stream::once(wanted)))));
        lent(reply.headers_mut(), number.0, &grant);
        reply
    }
}

impl Lessor {
    /// Whether the caller for whom a memberbase is asked may read it. Otherwise anybody could move memberbases.
    async fn is_admitted(&self, headers: &HeaderMap, base: &str) -> bool {
        let admitted = async {
            let caller = self.gate.identify(bearer(headers)?).await?;
            let directory = self.gate.enter(caller, AccessLevel::Read).await?;
            directory.get_base(directory.base_number(base, "member_base_id")?).await
        };
        admitted.await.is_ok()
    }
}

fn not_lent(why: &str) -> Response<Body> {
    plain::probe(false, why)
}
