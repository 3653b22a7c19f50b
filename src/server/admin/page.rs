//! The page of metrics.
//!
//! A registry is made for each page, from handles that count and from values that are read now. So nothing
//! that is gone stays on it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::store;
use crate::directory::Incoming;
use crate::metrics::process::{self, Usage};
use crate::model::BaseNumber;
use crate::server::backing::BackingMetrics;
use crate::server::connections::descriptors;
use crate::server::forward::ForwardCounts;
use crate::server::front::{Health, State};
use crate::server::leases::LeaseCounts;
use crate::server::metrics::{CallMetrics, Readings};
use crate::server::otlp::SpanCounters;
use crate::server::tenure::Shown;
use crate::table::{Table, TableMetrics};

/// The label of the memberbases that have none of their own.
const OTHER_BASES: &str = "other";

/// Where the numbers of the page come from.
pub struct Page {
    /// The calls.
    pub calls: CallMetrics,
    /// What became of the spans of calls.
    pub spans: SpanCounters,
    /// What the bases count.
    pub table: TableMetrics,
    /// What the engine counts.
    pub backing: BackingMetrics,
    /// Whether this server owns the store.
    pub tenure: Shown,
    /// What is counted of calls that are passed on.
    pub forward: ForwardCounts,
    /// What is counted of memberbases that it has for itself.
    pub leases: LeaseCounts,
    /// The memory for messages that arrive.
    pub incoming: Incoming,
    /// The health of the server.
    pub health: Health,
    /// The store, once it is open.
    pub store: OnceLock<Weak<Table>>,
    /// The bases that have labels of their own.
    pub labelled: Labelled,
}

/// The bases that have labels of their own: the first that were open when a page was made. They keep them, so
/// that no series passes from one to another.
#[derive(Debug)]
pub struct Labelled {
    most: usize,
    bases: Mutex<BTreeSet<BaseNumber>>,
}

impl Labelled {
    /// At most this many bases.
    pub fn new(most: usize) -> Self {
        Self { most, bases: Mutex::default() }
    }

    /// The value of the label of a base whose id is `id`.
    pub fn label(&self, base: BaseNumber, id: impl FnOnce() -> String) -> String {
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        if bases.len() < self.most {
            bases.insert(base);
        }
        if bases.contains(&base) { id() } else { OTHER_BASES.to_owned() }
    }
}

impl Page {
    /// The page as it is now.
    pub async fn text(&self) -> String {
        let mut registry = Registry::default();
        list_build(&mut registry);
        list_process(&mut registry);
        let state = self.health.state().await;
        list_health(&mut registry, state);
        self.calls.list(&mut registry);
        list_spans(&mut registry, &self.spans);
        store::list_tenure(&mut registry, &self.tenure, &self.backing, state.waits_for);
        store::list_forward(&mut registry, &self.forward);
        store::list_leases(&mut registry, &self.leases);
        let open = self.store.get().and_then(Weak::upgrade);
        if let Some(table) = open {
            store::list_writes(&mut registry, &self.table, &self.backing.log_times);
            let status = table.status().await;
            // Blocking, because it asks the file system. It fails only while the runtime is shutting down.
            let asked = Arc::clone(&table);
            let engine = tokio::task::spawn_blocking(move || asked.engine_status()).await.unwrap_or_default();
            store::list_store(&mut registry, &engine, &status, self.incoming.status());
            let label = |base| self.labelled.label(base, || table.sealer().base_id(base));
            store::list_bases(&mut registry, &status.bases, label);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

fn list_build(registry: &mut Registry) {
    let version = [([crate::VERSION.to_owned()], 1)];
    registry.register(
        "memberbase_build_info",
        "Always 1; the version of the program, with the commit that it was built from",
        Readings::gauges(&["version"], version),
    );
}

fn list_process(registry: &mut Registry) {
    let Some(usage) = process::usage(std::process::id()) else { return };
    let Usage { rss_bytes, cpu_seconds, threads, started_seconds, .. } = usage;
    let started = process::machine_started().unwrap_or_default() + started_seconds;
    registry.register(
        "process_cpu_seconds",
        "CPU time of the process, of the program and of the system for it",
        Readings::counted_fraction(cpu_seconds),
    );
    registry.register(
        "process_resident_memory_bytes",
        "Resident memory of the process",
        Readings::gauge(rss_bytes),
    );
    registry.register("process_threads", "Threads of the process", Readings::gauge(threads));
    registry.register(
        "process_open_fds",
        "Descriptors that the process has open",
        Readings::gauge(process::open_files().unwrap_or_default()),
    );
    registry.register(
        "process_max_fds",
        "Descriptors that the process may have open",
        Readings::gauge(descriptors::limit()),
    );
    registry.register(
        "process_start_time_seconds",
        "When the process started, in seconds since 1970",
        Readings::fraction(started),
    );
}

fn list_spans(registry: &mut Registry, SpanCounters { sent, dropped }: &SpanCounters) {
    registry.register("memberbase_spans_sent", "Spans that the collector of traces took", sent.clone());
    registry.register(
        "memberbase_spans_dropped",
        "Spans that were dropped: too many waited, the call had too many, or the collector did not take them",
        dropped.clone(),
    );
}

fn list_health(registry: &mut Registry, state: State) {
    let State { serves, reads, writes, is_tidy, forwards: _, waits_for: _ } = state;
    let parts = [("serving", serves), ("reads", reads), ("writes", writes), ("housekeeping", is_tidy)];
    let parts = parts.map(|(part, is_well)| ([part.to_owned()], u64::from(is_well)));
    registry.register(
        "memberbase_health",
        "1 while all is well: the store is open and no stop has begun; reads work; writes work; the last \
         round of housekeeping finished",
        Readings::gauges(&["part"], parts),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_bases_have_labels_and_those_keep_them() {
        let labelled = Labelled::new(2);
        let label = |base: u32| labelled.label(BaseNumber(base), || format!("mb_{base}"));
        let found: Vec<_> = [3, 1, 2, 1, 3, 0].into_iter().map(label).collect();
        assert_eq!(found, ["mb_3", "mb_1", "other", "mb_1", "mb_3", "other"]);
    }
}
