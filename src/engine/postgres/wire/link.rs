//! One connection, which is driven here, so that warnings of the server are seen.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::error::Severity;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, IsolationLevel, Row, Transaction};

use super::failure::Failure;
use crate::tasks;

/// How long a connection may lie unused before a new one is made: a firewall may have forgotten it by then,
/// without telling anybody.
const IDLE: Duration = Duration::from_secs(60);

/// A parameter of a statement, and its type.
pub(in crate::engine::postgres) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection that is kept for the next use.
#[derive(Debug, Default)]
pub(in crate::engine::postgres) struct Kept(Option<(Link, Instant)>);

impl Kept {
    pub(in crate::engine::postgres) fn put(&mut self, link: Link) {
        self.0 = Some((link, Instant::now()));
    }

    /// The connection, unless it was unused for too long.
    pub(in crate::engine::postgres) fn take(&mut self) -> Option<Link> {
        self.0.take().filter(|(_, used)| used.elapsed() < IDLE).map(|(link, _)| link)
    }
}

/// An open connection. Whoever holds it is its only user.
#[derive(Debug)]
pub(in crate::engine::postgres) struct Link {
    client: Client,
    warned: Arc<AtomicBool>,
    driver: JoinHandle<()>,
    within: Duration,
    timeline: u32,
}

impl Link {
    pub(super) fn new<S, T>(client: Client, connection: Connection<S, T>, within: Duration) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let warned = Arc::new(AtomicBool::new(false));
        let driver = tasks::for_caller(drive(connection, Arc::clone(&warned)));
        Self { client, warned, driver, within, timeline: 0 }
    }

    /// The server was on this timeline when it was connected.
    pub(super) fn set_timeline(&mut self, timeline: u32) {
        self.timeline = timeline;
    }

    /// The timeline of the server when it was connected.
    pub(super) fn timeline(&self) -> u32 {
        self.timeline
    }

    /// From now on each statement may take this long.
    pub(in crate::engine::postgres) fn set_limit(&mut self, within: Duration) {
        self.within = within;
    }

    /// Runs one statement; outside a transaction it is one of its own.
    pub(in crate::engine::postgres) async fn query(
        &self,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Failure> {
        limited(self.within, self.client.query_typed(statement, params)).await
    }

    /// Runs a statement that writes, and believes its answer only if the server did not warn meanwhile.
    pub(in crate::engine::postgres) async fn write(
        &self,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let rows = self.query(statement, params).await?;
        self.unless_warned(rows)
    }

    /// Begins a transaction. It is rolled back unless it is committed.
    pub(in crate::engine::postgres) async fn begin(&mut self) -> Result<Unit<'_>, Failure> {
        let begun = self.client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start();
        let transaction = limited(self.within, begun).await?;
        Ok(Unit { transaction, warned: &self.warned, within: self.within })
    }

    fn unless_warned<T>(&self, answer: T) -> Result<T, Failure> {
        check_warned(&self.warned, answer)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A transaction.
pub(in crate::engine::postgres) struct Unit<'a> {
    transaction: Transaction<'a>,
    warned: &'a AtomicBool,
    within: Duration,
}

impl Unit<'_> {
    pub(in crate::engine::postgres) async fn query(
        &self,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, Failure> {
        limited(self.within, self.transaction.query_typed(statement, params)).await
    }

    /// Commits. Call it only if no statement failed and the last one returned what it should: the server's
    /// answer to a commit does not tell whether it was one.
    pub(in crate::engine::postgres) async fn commit(self) -> Result<(), Failure> {
        limited(self.within, self.transaction.commit()).await?;
        check_warned(self.warned, ())
    }
}

fn check_warned<T>(warned: &AtomicBool, answer: T) -> Result<T, Failure> {
    if warned.load(Ordering::Acquire) {
        Err(Failure::Lost("the server warned while it committed".to_owned()))
    } else {
        Ok(answer)
    }
}

async fn limited<T>(
    within: Duration,
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(within, call).await {
        Ok(done) => done.map_err(|error| Failure::of(&error)),
        Err(_) => Err(Failure::Lost(format!("no answer within {} s", within.as_secs_f32()))),
    }
}

async fn drive<S, T>(mut connection: Connection<S, T>, warned: Arc<AtomicBool>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        let AsyncMessage::Notice(notice) = message else { continue };
        // The other text of the severity is in the language of the server.
        let severity = notice.parsed_severity();
        if matches!(severity, Some(Severity::Notice | Severity::Info | Severity::Log | Severity::Debug)) {
            continue;
        }
        // Before the answer, in the order of the wire: whoever waits for the answer sees it.
        warned.store(true, Ordering::Release);
        tracing::warn!(code = notice.code().code(), text = notice.message(), "the database warned");
    }
}
