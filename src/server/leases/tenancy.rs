//! One memberbase that this server has: its table, and the services over it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::running::{Call, Running};
use super::shares::Share;
use crate::api::grpc::auth::Authenticated;
use crate::api::peer::Peer;
use crate::directory::{Gate, Incoming};
use crate::metrics::Counter;
use crate::model::{BaseNumber, origin};
use crate::server::tenure::Tenure;
use crate::table::{Table, TableError};

/// How long calls may take to end once a lease ends.
const END_WITHIN: Duration = Duration::from_secs(2);
/// A lease without a call ends after as many rounds of this length.
const ROUND: Duration = Duration::from_secs(10);
const IDLE_ROUNDS: u32 = 3;

/// A table that is opened for a lease.
pub struct OpenLease {
    /// The table, which has one memberbase.
    pub table: Arc<Table>,
    /// Whether this server still has the lease.
    pub tenure: Tenure,
    /// The part of the memory that it may use.
    pub share: Share,
}

/// See the module documentation.
pub struct Tenancy {
    /// The id of the memberbase, as the first call wrote it.
    base: String,
    number: BaseNumber,
    table: Arc<Table>,
    gate: Gate,
    tenure: Tenure,
    grpc: Authenticated,
    running: Running,
    /// Counts its calls.
    calls: Counter,
    /// Whether a call came in this round.
    is_used: AtomicBool,
    /// Ends streams.
    stopping: CancellationToken,
    /// Held as long as it is there.
    _share: Share,
}

impl Tenancy {
    /// Serves what was opened. `stopping` ends with the lease.
    pub fn new(
        base: String,
        number: BaseNumber,
        opened: OpenLease,
        incoming: &Incoming,
        calls: Counter,
    ) -> Self {
        let OpenLease { table, tenure, share } = opened;
        let (gate, stopping) = (Gate::new(Arc::clone(&table), origin::Door::Grpc), CancellationToken::new());
        let grpc = Authenticated::new(&gate, incoming, &stopping);
        let (running, is_used) = (Running::default(), AtomicBool::new(true));
        Self { base, number, table, gate, tenure, grpc, running, calls, is_used, stopping, _share: share }
    }

    /// Whether this is the memberbase with this id. Case makes no difference in ids.
    pub fn has_base(&self, id: &str) -> bool {
        self.base.eq_ignore_ascii_case(id)
    }

    /// Whether the member with this id is in it.
    pub fn has_member(&self, id: &str) -> bool {
        self.table.sealer().open_member(id).is_ok_and(|(base, _)| base == self.number)
    }

    /// Begins a call, as long as the lease lasts.
    pub fn begin(&self) -> Option<Call> {
        self.is_used.store(true, Ordering::Relaxed);
        self.tenure.holds().then(|| self.running.begin())
    }

    /// Makes a call that has begun.
    pub async fn call<B>(
        &self,
        call: Call,
        request: Request<B>,
        peer: Option<Peer>,
    ) -> Result<Response<Body>, Infallible>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<tonic::codegen::StdError>,
    {
        self.calls.inc();
        call.make(self.grpc.call(request, peer)).await
    }

    /// Whether its callers need tokens.
    pub fn has_tokens(&self) -> bool {
        self.gate.has_tokens()
    }

    /// Whether this server still has the lease.
    pub fn tenure(&self) -> &Tenure {
        &self.tenure
    }

    /// Returns once no call has come for a while.
    pub async fn until_unused(&self) {
        let mut rounds = 0;
        while rounds < IDLE_ROUNDS {
            tokio::time::sleep(ROUND).await;
            let is_used = self.is_used.swap(false, Ordering::Relaxed) || !self.running.is_idle();
            rounds = if is_used { 0 } else { rounds + 1 };
        }
    }

    /// Returns once a request came that only the active server can serve.
    pub async fn until_unfit(&self) {
        self.table.until_unfit().await;
    }

    /// Ends its calls, and gives the memberbase back. No call may begin any more.
    pub async fn end(&self) -> Result<(), TableError> {
        self.stopping.cancel();
        self.running.end(END_WITHIN).await;
        self.table.close().await
    }
}
