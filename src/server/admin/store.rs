//! The metrics of the store and of its bases.

use std::collections::BTreeMap;

use prometheus_client::registry::Registry;

use crate::engine::EngineStatus;
use crate::metrics::Histogram;
use crate::model::{BaseNumber, JobState, Status};
use crate::server::backing::BackingMetrics;
use crate::server::forward::ForwardCounts;
use crate::server::front::WaitsFor;
use crate::server::leases::LeaseCounts;
use crate::server::metrics::Readings;
use crate::server::tenure::Shown;
use crate::table::{BaseStatus, BudgetStatus, TableMetrics, TableStatus};

/// Lists what writes count.
pub fn list_writes(registry: &mut Registry, metrics: &TableMetrics, log_times: &Histogram) {
    let rows = metrics.rows().map(|(end, rows)| ([end.as_str().to_owned()], rows));
    registry.register(
        "memberbase_rows",
        "Rows of requests and jobs that were applied, and members that they deleted, removed or restored",
        Readings::counters(&["outcome"], rows),
    );
    registry.register(
        "memberbase_batch_rows",
        "Rows of each batch that a lane planned",
        metrics.batch_rows.clone(),
    );
    registry.register(
        "memberbase_batch_size_bytes",
        "Bytes of each batch, before compression",
        metrics.batch_bytes.clone(),
    );
    registry.register(
        "memberbase_batch_durable_duration_seconds",
        "How long each batch took until it was durable and its turn to be shown came",
        metrics.batch_times.clone(),
    );
    registry.register(
        "memberbase_batch_failures",
        "Batches that could not be written",
        metrics.batch_failures.clone(),
    );
    registry.register(
        "memberbase_log_sync_duration_seconds",
        "How long it took to write a group of batches into the log and to sync it",
        log_times.clone(),
    );
    registry.register("memberbase_checkpoints", "Checkpoints that were written", metrics.checkpoints.clone());
    registry.register(
        "memberbase_checkpoint_failures",
        "Checkpoints that failed; the next one begins again",
        metrics.checkpoint_failures.clone(),
    );
}

/// Lists who owns the store, and what its database takes.
pub fn list_tenure(registry: &mut Registry, tenure: &Shown, metrics: &BackingMetrics, waits_for: WaitsFor) {
    let roles = [("owner", tenure.is_owner()), ("standby", waits_for == WaitsFor::Owner)];
    registry.register(
        "memberbase_store_role",
        "1 for the role that the server has: it owns the store, or stands by while another server owns it",
        Readings::gauges(&["role"], roles.map(|(role, has_it)| ([role.to_owned()], u64::from(has_it)))),
    );
    registry.register(
        "memberbase_store_epoch",
        "How often the ownership of the store in a database has been taken; 0 in a data directory, or on a standby",
        Readings::gauge(tenure.epoch()),
    );
    registry.register(
        "memberbase_store_beat_age_seconds",
        "Time since the owner sent the last renewal that its database acknowledged; 0 in a data directory",
        Readings::fraction(tenure.beat_age().as_secs_f64()),
    );
    registry.register(
        "memberbase_store_commit_duration_seconds",
        "How long the database took to make a group of batches durable",
        metrics.commit_times.clone(),
    );
    registry.register(
        "memberbase_store_proven_commits",
        "Commits whose connection was lost, and whose outcome was found out by another write",
        metrics.proven.clone(),
    );
    registry.register(
        "memberbase_store_unknown_commits",
        "Commits whose outcome nobody could find out",
        metrics.unknown.clone(),
    );
}

/// Lists what is counted of calls that are passed on to the active server.
pub fn list_forward(registry: &mut Registry, counts: &ForwardCounts) {
    let calls = counts.by_outcome().map(|(outcome, calls)| ([outcome.to_owned()], calls));
    registry.register(
        "memberbase_forwarded_calls",
        "Calls passed on to the active server that it answered, that were refused unsent, or whose answer was lost",
        Readings::counters(&["outcome"], calls),
    );
    registry.register(
        "memberbase_forwarded_bundled_calls",
        "Answered calls that were passed on together with others, on one stream",
        counts.bundled.clone(),
    );
    registry.register(
        "memberbase_forwarded_call_duration_seconds",
        "How long calls passed on took until their answer began, with what they waited for an active server",
        counts.times.clone(),
    );
    registry.register(
        "memberbase_forward_waiting_calls",
        "Calls that wait for a server that is active",
        counts.waiting.clone(),
    );
    registry.register(
        "memberbase_forward_connections",
        "Open connections to the active server",
        counts.connections.clone(),
    );
}

/// Lists what is counted of memberbases that this server has for itself while it stands by.
pub fn list_leases(registry: &mut Registry, counts: &LeaseCounts) {
    registry.register(
        "memberbase_leases",
        "Memberbases that this server has for itself while another one is active",
        counts.held.clone(),
    );
    let changes = counts.changes().map(|(change, times)| ([change.to_owned()], times));
    registry.register(
        "memberbase_lease_changes",
        "Leases of memberbases that were granted or refused, and that ended because they were wanted, over or lost",
        Readings::counters(&["change"], changes),
    );
    registry.register(
        "memberbase_lease_calls",
        "Calls that this server answered by itself while another one was active",
        counts.calls.clone(),
    );
}

/// Lists the state of the store.
pub fn list_store(
    registry: &mut Registry,
    engine: &EngineStatus,
    status: &TableStatus,
    incoming: BudgetStatus,
) {
    list_sizes(registry, engine, status);
    list_jobs(registry, status);
    list_memory(registry, status, incoming);
}

fn list_sizes(registry: &mut Registry, engine: &EngineStatus, status: &TableStatus) {
    let pending = u64::try_from(engine.pending_bytes).unwrap_or(u64::MAX);
    let (results, results_limit) = status.results;
    for (name, help, bytes) in [
        ("memberbase_log_size_bytes", "Size of the write-ahead log on disk", engine.log_bytes),
        ("memberbase_snapshot_size_bytes", "Size of the snapshots on disk", engine.snapshot_bytes),
        ("memberbase_working_copy_size_bytes", "Size of the working copy on disk", engine.disk_bytes),
        (
            "memberbase_pending_size_bytes",
            "Batches in memory that the working copy does not have yet",
            pending,
        ),
        ("memberbase_disk_free_bytes", "Free space of the file system that has the store", engine.free_bytes),
        ("memberbase_stored_results_size_bytes", "Stored results of requests with a request id", results),
        ("memberbase_stored_results_limit_bytes", "Most bytes of these results", results_limit),
    ] {
        registry.register(name, help, Readings::gauge(bytes));
    }
}

fn list_jobs(registry: &mut Registry, status: &TableStatus) {
    let jobs = &status.jobs;
    let in_states = |is_final: bool, counts: &BTreeMap<&'static str, u64>| {
        let states = JobState::ALL.into_iter().filter(move |state| state.is_final() == is_final);
        let counted = states.map(|state| {
            let state = state.as_str();
            ([state.to_ascii_lowercase()], counts.get(state).copied().unwrap_or_default())
        });
        counted.collect::<Vec<_>>()
    };
    registry.register(
        "memberbase_jobs",
        "Jobs that have not ended, by state",
        Readings::gauges(&["state"], in_states(false, &jobs.open)),
    );
    registry.register(
        "memberbase_jobs_ended",
        "Jobs that have ended since the start, by state",
        Readings::counters(&["state"], in_states(true, &jobs.ended)),
    );
    registry.register(
        "memberbase_jobs_size_bytes",
        "What the stored jobs count for",
        Readings::gauge(jobs.bytes),
    );
    registry.register(
        "memberbase_jobs_limit_bytes",
        "Most bytes that the stored jobs may count for",
        Readings::gauge(jobs.room_bytes),
    );
}

fn list_memory(registry: &mut Registry, status: &TableStatus, incoming: BudgetStatus) {
    let budgets = || status.budgets.into_iter().chain([incoming]);
    let each = |value: fn(&BudgetStatus) -> usize| {
        let values = budgets()
            .map(move |budget| ([budget.name.to_owned()], u64::try_from(value(&budget)).unwrap_or(u64::MAX)));
        Readings::gauges(&["budget"], values)
    };
    registry.register(
        "memberbase_budget_used_bytes",
        "Memory of a budget that is taken",
        each(|budget| budget.used_bytes),
    );
    registry.register(
        "memberbase_budget_limit_bytes",
        "Memory of a budget",
        each(|budget| budget.limit_bytes),
    );
    registry.register(
        "memberbase_budget_waiting_requests",
        "Requests that wait for memory of a budget",
        each(|budget| budget.waiting),
    );
    let cache = status.cache;
    for (name, help, value) in [
        ("memberbase_member_cache_size_bytes", "Members in the cache", cache.bytes),
        ("memberbase_member_cache_limit_bytes", "Most bytes of members in the cache", cache.capacity_bytes),
        ("memberbase_lookup_images_size_bytes", "Images of lookups in memory", cache.image_bytes),
    ] {
        registry.register(name, help, Readings::gauge(value));
    }
    registry.register(
        "memberbase_member_cache_hits",
        "Reads of a member that found it in the cache",
        Readings::counter(cache.hits),
    );
    registry.register(
        "memberbase_member_cache_misses",
        "Reads of a member that did not find it in the cache",
        Readings::counter(cache.misses),
    );
}

/// Lists the open bases. `label` returns the value of the label of a base.
pub fn list_bases(registry: &mut Registry, bases: &[BaseStatus], label: impl Fn(BaseNumber) -> String) {
    let open = u64::try_from(bases.len()).unwrap_or(u64::MAX);
    registry.register(
        "memberbase_open_bases",
        "Memberbases that are open, because they are or were in use",
        Readings::gauge(open),
    );
    let labelled: Vec<(String, &BaseStatus)> = bases.iter().map(|base| (label(base.number), base)).collect();
    let statuses = [Status::Invited, Status::Active, Status::Inactive];
    let members = labelled.iter().flat_map(|(label, base)| {
        statuses.map(|status| ([label.clone(), status.as_str().to_owned()], base.counts.get(status)))
    });
    registry.register(
        "memberbase_members",
        "Members of open memberbases, by status",
        Readings::gauges(&["base", "status"], summed(members)),
    );
    let each = |value: fn(&BaseStatus) -> u64| {
        let values = labelled.iter().map(|(label, base)| ([label.clone()], value(base)));
        Readings::gauges(&["base"], summed(values))
    };
    registry.register(
        "memberbase_lane_queue_requests",
        "Requests that wait in the queues of lanes",
        each(|base| u64::try_from(base.queue).unwrap_or(u64::MAX)),
    );
    registry.register(
        "memberbase_checkpoint_pending_entries",
        "Changes of lookups in memory that no checkpoint has begun to write",
        each(|base| u64::try_from(base.overlay_entries).unwrap_or(u64::MAX)),
    );
    registry.register(
        "memberbase_checkpoint_lag_commits",
        "Commits since the one up to which the stored indexes are written",
        each(|base| base.commits_behind),
    );
}

/// The sums of values with the same labels.
fn summed<const N: usize>(values: impl Iterator<Item = ([String; N], u64)>) -> BTreeMap<[String; N], u64> {
    let mut sums = BTreeMap::new();
    for (labels, value) in values {
        let sum: &mut u64 = sums.entry(labels).or_default();
        *sum = sum.saturating_add(value);
    }
    sums
}
