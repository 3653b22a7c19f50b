//! Sends the spans of calls to a collector (OTLP), if the variables of OpenTelemetry name one.
//!
//! Invariants:
//!
//! - Calls never wait for the collector. Finished spans stand in a queue of limited length (`trace`), which one
//!   task empties. What finds no room there is dropped and counted.
//! - At most one request is under way. A request that fails is not repeated: its spans are dropped and
//!   counted. The log says once that sending fails, and once that it works again.
//! - Without a collector there is no task and no recorder, and no call looks for one.
//! - An encrypted connection is made only to a collector whose certificate is trusted. The files for it are
//!   read at the start, which fails if they cannot be used, and again after a request has failed.
//!
//! The crates of OpenTelemetry for Rust are not used: `opentelemetry`, `opentelemetry_sdk`,
//! `opentelemetry-otlp`, `opentelemetry-proto` and `tracing-opentelemetry` bring some 15 more crates, record
//! through a subscriber of the whole process, which every log line would pass, and have attributes of any
//! text. What is sent are eight messages, which prost encodes, over the client of hyper, both of which are
//! here already. Metrics are not sent: a collector reads them from the page of metrics.

mod messages;
mod send;

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use self::send::{connector, send};
use crate::config::Otlp;
use crate::metrics::Counter;
use crate::server::ServeError;
use crate::tasks;
use crate::trace::{Recorder, Span, recorder};

/// Most spans in a request.
const BATCH: usize = 512;
/// How long a finished span waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long a server that stops waits for the last spans to be sent.
const END_WITHIN: Duration = Duration::from_secs(1);

/// What became of finished spans. Clones share the counters.
#[derive(Debug, Clone, Default)]
pub struct SpanCounters {
    /// The collector took them.
    pub sent: Counter,
    /// They were dropped: the queue was full, the call had too many, or the collector did not take them.
    pub dropped: Counter,
}

/// The task that sends spans, if there is one.
pub struct Spans {
    /// What records calls.
    pub recorder: Option<Recorder>,
    task: Option<JoinHandle<()>>,
    stopping: CancellationToken,
}

impl Spans {
    /// Starts to send spans, if there is somewhere to send them.
    pub fn start(otlp: Option<Otlp>, counters: &SpanCounters) -> Result<Self, ServeError> {
        let stopping = CancellationToken::new();
        let Some(otlp) = otlp else { return Ok(Self { recorder: None, task: None, stopping }) };
        let mut seed = [0; 16];
        getrandom::fill(&mut seed)
            .map_err(|error| std::io::Error::other(format!("no random numbers: {error}")))?;
        let [low, high] = [0, 64].map(|shift| (u128::from_le_bytes(seed) >> shift) & u128::from(u64::MAX));
        let seed = [low, high].map(|half| u64::try_from(half).unwrap_or_default());
        let tls = connector(&otlp).map_err(|error| {
            ServeError::Setting(format!("spans cannot be sent to {}: {error}", otlp.authority))
        })?;
        tracing::info!(collector = otlp.authority, is_encrypted = tls.is_some(), "sending spans");
        let (recorder, finished) = recorder(otlp.sampler, seed, counters.dropped.clone());
        let exporter = Exporter { otlp, tls, finished, counters: counters.clone(), fails: false };
        let task = tasks::vital("spans", exporter.run(stopping.clone()));
        Ok(Self { recorder: Some(recorder), task: Some(task), stopping })
    }

    /// Sends what is finished, and ends; after a short time in any case.
    pub async fn stop(self) {
        self.stopping.cancel();
        if let Some(task) = self.task
            && tokio::time::timeout(END_WITHIN, task).await.is_err()
        {
            tracing::warn!("the last spans were not sent in time");
        }
    }
}

struct Exporter {
    otlp: Otlp,
    /// Encrypts connections, if they are to be.
    tls: Option<TlsConnector>,
    finished: mpsc::Receiver<Span>,
    counters: SpanCounters,
    /// Whether the last request failed.
    fails: bool,
}

impl Exporter {
    async fn run(mut self, stopping: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(Some(first)) = stopping.run_until_cancelled(self.finished.recv()).await {
            batch.push(first);
            let more = async {
                while let room @ 1.. = BATCH.saturating_sub(batch.len()) {
                    if self.finished.recv_many(&mut batch, room).await == 0 {
                        return;
                    }
                }
            };
            tokio::select! {
                () = more => {}
                () = tokio::time::sleep(DELAY) => {}
                () = stopping.cancelled() => {}
            }
            self.send(&mut batch).await;
        }
        // The calls have ended. What is queued is sent; what comes now is dropped.
        self.finished.close();
        while self.finished.recv_many(&mut batch, BATCH).await > 0 {
            self.send(&mut batch).await;
        }
    }

    async fn send(&mut self, batch: &mut Vec<Span>) {
        let spans = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let message = messages::request(&self.otlp.resource, batch).encode_to_vec();
        batch.clear();
        match send(&self.otlp, self.tls.as_ref(), Bytes::from(message)).await {
            Ok(()) => {
                self.counters.sent.inc_by(spans);
                if self.fails {
                    tracing::info!("over: spans cannot be sent");
                }
                self.fails = false;
            }
            Err(error) => {
                self.counters.dropped.inc_by(spans);
                if !self.fails {
                    tracing::warn!(collector = self.otlp.authority, %error, "spans cannot be sent");
                }
                self.fails = true;
                // The files may be new ones by now. If they cannot be used, those before them may.
                if let Ok(tls) = connector(&self.otlp) {
                    self.tls = tls;
                }
            }
        }
    }
}
