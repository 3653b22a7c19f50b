//! The page of the server.

use maud::{Markup, html};

use super::{hour, store};
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{Page, Place, number, pill, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::StoreState;
use crate::metrics::process;
use crate::metrics::recent::Recent;
use crate::model::Timestamp;

/// The page of the server. `recent` has what it counted in the last hour.
pub async fn server(visit: Visit, recent: Recent) -> Result<Answer, Failure> {
    let state = visit.directory.store_state().await?;
    let (now, samples) = (recent.now(), recent.samples());
    let bases = store::bases(&visit, &state).await;
    let main = html! {
        div.head { h1 { "Server" } }
        (health(&state))
        (hour::calls(&now, &samples))
        (hour::rows(&samples, &state.rows))
        (hour::memory(&now, &samples))
        (store::memory(&state))
        (store::disk(&state))
        (store::jobs(&state))
        (bases)
        p.muted.small { "All metrics of the server are at its admin address, under " code { "/metrics" } "." }
    };
    Ok(Answer::Page(Page::new("Server", Place::Server, main)))
}

fn health(state: &StoreState) -> Markup {
    let files = &state.files;
    html! {
        section.card {
            h2 { "Health" }
            dl.fields {
                dt { "Reads" } dd { (works(files.failing_reads.as_deref(), "fail")) }
                dt { "Writes" } dd { (works(files.refusing_writes.as_deref(), "are refused")) }
                dt { "Housekeeping" }
                dd {
                    @if state.is_untidy { (pill("off", "unfinished")) " The log says why; the next round goes on." }
                    @else { (pill("on", "done")) }
                }
                dt { "Version" } dd { (crate::VERSION) }
                @if let Some(at) = started() { dt { "Running since" } dd { (time(at)) } }
                dt { "Writes since the store was made" } dd { (number(files.durable)) }
            }
        }
    }
}

/// Whether something works; otherwise why not.
fn works(reason: Option<&str>, fault: &str) -> Markup {
    html! {
        @match reason {
            None => (pill("on", "work")),
            Some(reason) => { (pill("off", fault)) " " (value(reason)) }
        }
    }
}

/// When this process started, to the second.
#[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 are far below 2^63")]
fn started() -> Option<Timestamp> {
    let usage = process::usage(std::process::id())?;
    let seconds = process::machine_started()? + usage.started_seconds;
    Some(Timestamp::from_micros((seconds as i64).saturating_mul(1_000_000)))
}
