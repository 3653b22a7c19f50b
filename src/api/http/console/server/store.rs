//! The store: its memory, its files, its jobs and its memberbases.

use maud::{Markup, html};

use crate::api::http::console::look::{Share, Stripe, bar, bytes, number, part, value};
use crate::api::http::console::visit::Visit;
use crate::directory::StoreState;

/// Memberbases that are shown.
const BASES: usize = 50;

/// A part of the memory or of the room for something: what it is, how much is taken, and how much there is.
fn gauge(label: &str, used: u64, limit: u64) -> Markup {
    html! {
        tr {
            th scope="row" { (label) }
            td.number { (bytes(used)) }
            td.number { (bytes(limit)) }
            td { (part(label, used, limit)) }
        }
    }
}

fn gauges(label: &str, lines: &Markup) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label=(label) {
            table.gauges {
                thead { tr { th scope="col" { "For" } th.number scope="col" { "Taken" } th.number scope="col" { "Of" } th scope="col" { "Share" } } }
                tbody { (lines) }
            }
        }
    }
}

/// The budgets of memory.
pub fn memory(state: &StoreState) -> Markup {
    let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    let cache = &state.table.cache;
    let waiting: usize = state.table.budgets.iter().map(|budget| budget.waiting).sum();
    let lines = html! {
        @for budget in &state.table.budgets { (gauge(purpose(budget.name), size(budget.used_bytes), size(budget.limit_bytes))) }
        (gauge("cache of members", cache.bytes, cache.capacity_bytes))
    };
    html! {
        section.card {
            h2 { "Budgets of memory" }
            (gauges("Budgets of memory", &lines))
            p.muted.small {
                "Requests that wait for memory: " (waiting) ". Images of lookups take " (bytes(cache.image_bytes))
                ". Of all reads of a member, " (share(cache.hits, cache.misses)) " found it in the cache."
            }
        }
    }
}

/// What people call a budget.
fn purpose(name: &'static str) -> &'static str {
    match name {
        "rows" => "rows that wait to be written",
        "requests" => "requests that are being read",
        "replies" => "large replies",
        other => other,
    }
}

/// A share, in percent.
fn share(of: u64, rest: u64) -> String {
    let all = u128::from(of) + u128::from(rest);
    let percent = (u128::from(of) * 100).checked_div(all);
    percent.map_or("none".to_owned(), |percent| format!("{percent} %"))
}

/// The files of the store.
pub fn disk(state: &StoreState) -> Markup {
    let files = &state.files;
    let shares = [
        Share { stripe: Stripe::New, label: "bytes of log", count: files.log_bytes },
        Share { stripe: Stripe::Back, label: "bytes of snapshots", count: files.snapshot_bytes },
        Share { stripe: Stripe::Changed, label: "bytes of the working copy", count: files.working_bytes },
    ];
    let sizes = [
        ("s-new", "log", files.log_bytes),
        ("s-back", "snapshots", files.snapshot_bytes),
        ("s-changed", "working copy", files.working_bytes),
    ];
    let (results, results_limit) = state.table.results;
    let jobs = &state.table.jobs;
    html! {
        section.card {
            h2 { "Disk" }
            dl.numbers.minor {
                @for (class, label, size) in sizes { div { dt { span class={ "key " (class) } {} (label) } dd { (bytes(size)) } } }
                div { dt { "free on this disk" } dd { (bytes(files.free_bytes)) } }
            }
            (bar(&shares))
            (gauges("Rooms in the store", &html! {
                (gauge("jobs", jobs.bytes, jobs.room_bytes))
                (gauge("results of requests", results, results_limit))
            }))
            @if files.pending_bytes > 0 {
                p.muted.small { "Of the log, " (bytes(files.pending_bytes)) " are not in the working copy yet." }
            }
        }
    }
}

/// The jobs of all memberbases, by state.
pub fn jobs(state: &StoreState) -> Markup {
    let jobs = &state.table.jobs;
    let word = |state: &str| state.to_ascii_lowercase();
    let is_empty = jobs.open.values().chain(jobs.ended.values()).all(|count| *count == 0);
    html! {
        section.card {
            h2 { "Jobs" }
            @if is_empty { p.muted { "There was no job since the start of the server." } }
            @else {
                dl.numbers.minor {
                    @for (state, count) in jobs.open.iter().chain(&jobs.ended).filter(|(_, count)| **count > 0) {
                        div { dt { (word(state)) } dd { (number(*count)) } }
                    }
                }
            }
        }
    }
}

/// The open memberbases, and what waits in them.
pub async fn bases(visit: &Visit, state: &StoreState) -> Markup {
    let mut lines = Vec::new();
    for base in state.table.bases.iter().take(BASES) {
        let id = visit.directory.sealer().base_id(base.number);
        // One that was deleted meanwhile has no page.
        let name = visit.directory.get_base(base.number).await.ok();
        let name = name.map(|summary| summary.settings.name.as_str().to_owned());
        lines.push((id, name, base));
    }
    let queued = |queue: usize| number(u64::try_from(queue).unwrap_or(u64::MAX));
    html! {
        section.card {
            h2 { "Open memberbases" }
            @if lines.is_empty() { p.muted { "None is in use." } }
            @else {
                div.table tabindex="0" role="region" aria-label="Open memberbases" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Memberbase" } th.number scope="col" { "Members" }
                                th.number scope="col" { "Requests that wait" } th.number scope="col" { "Commits since the checkpoint" }
                            }
                        }
                        tbody {
                            @for (id, name, base) in &lines {
                                tr {
                                    th scope="row" {
                                        @match name {
                                            Some(name) => a href={ "/console/bases/" (id) } { div.clip { (value(name)) } },
                                            None => code { (id) },
                                        }
                                    }
                                    td.number { (number(base.counts.total())) }
                                    td.number { (queued(base.queue)) }
                                    td.number { (number(base.commits_behind)) }
                                }
                            }
                        }
                    }
                }
            }
            @if state.table.bases.len() > BASES { p.muted.small { "Only the first " (BASES) " are shown." } }
        }
    }
}
