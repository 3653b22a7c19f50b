//! The history of a member: each change, when it was made, by whom, and what changed from what to what.

use maud::{Markup, html};

use crate::api::http::console::failure::Failure;
use crate::api::http::console::fields::{change, label_of};
use crate::api::http::console::look::{number, pill, time, value};
use crate::api::http::console::visit::Visit;
use crate::api::untaken;
use crate::directory::{
    ChangeOrigin, HistoryEnd, HistoryKind, MemberChange, MemberChangePage, MemberChanges, RawPage, Selector,
};
use crate::model::origin::{Actor, Door};

/// Changes on one page.
const LIMIT: i64 = 20;

/// The changes of a member, newest first. `older` in the address goes back further.
pub async fn history(visit: &Visit, member_id: &str) -> Result<Markup, Failure> {
    let page = RawPage { limit: Some(LIMIT), cursor: visit.given("older"), ..RawPage::default() };
    let selector = Selector::Id(member_id.to_owned());
    let found =
        visit.directory.list_member_changes(MemberChanges { selector, page, min_revision: None }).await?;
    Ok(shown(visit, found, member_id))
}

fn shown(visit: &Visit, found: MemberChangePage, member_id: &str) -> Markup {
    untaken::keep(found.room);
    html! {
        section #history .card {
            h2 { "History" }
            @if found.changes.is_empty() && found.cursor.is_none() { p.muted { "No change is kept." } }
            @if !found.changes.is_empty() {
                div.table tabindex="0" role="region" aria-label="History" {
                    table.wide {
                        thead { tr { th scope="col" { "When" } th scope="col" { "By" } th scope="col" { "What changed" } } }
                        tbody { @for change in &found.changes { (line(visit, found.base, change)) } }
                    }
                }
            }
            @if let Some(cursor) = &found.cursor {
                p.pages { a.button href={ "/console/members/" (member_id) "?older=" (cursor) "#history" } { "Older changes" } }
            }
            @match found.end {
                Some(HistoryEnd::Creation) => p.muted.small { "This is all since the member was made." },
                Some(HistoryEnd::Retention) => p.muted.small { "Older changes are not kept." },
                None => {}
            }
        }
    }
}

fn line(visit: &Visit, base: crate::model::BaseNumber, change_: &MemberChange) -> Markup {
    let kind = match change_.kind {
        HistoryKind::Created => "made",
        HistoryKind::Updated => "changed",
        HistoryKind::Reactivated => "brought back",
        HistoryKind::Deleted => "deleted",
        HistoryKind::Restored => "restored",
    };
    let sealer = visit.directory.sealer();
    html! {
        tr {
            td { (time(change_.at)) div.small.muted { "revision " (number(change_.revision)) } }
            td {
                @match &change_.origin {
                    None => span.muted { "not known" },
                    Some(origin) => {
                        (by(origin))
                        @if let Some(job) = origin.job {
                            div.small { a href={ "/console/jobs/" (sealer.job_id(base, job)) } { "by a job" } }
                        }
                    }
                }
            }
            td {
                (pill("", kind))
                @for field in &change_.fields {
                    div.change-line {
                        span.muted { bdi { (label_of(&field.field)) } ": " }
                        (change(field.before.as_deref(), field.after.as_deref()))
                    }
                }
                @for moved in &change_.audiences {
                    div.change-line {
                        @if moved.entered { "entered " } @else { "left " }
                        a href={ "/console/audiences/" (sealer.audience_id(base, moved.audience)) } { (value(&moved.name)) }
                    }
                }
            }
        }
    }
}

fn by(origin: &ChangeOrigin) -> Markup {
    let through = match origin.door {
        Door::System => "",
        Door::Grpc => "over gRPC",
        Door::Publisher | Door::Onsi | Door::Orbiit => "over HTTP",
        Door::CommandLine => "on the command line",
        Door::Console => "in the console",
    };
    html! {
        @match origin.actor {
            Actor::Nobody => "somebody without a token",
            Actor::Owner => "somebody with access to the data directory",
            Actor::System => "the server",
            Actor::Token(id) => {
                @match &origin.token { Some(text) => (value(text.as_str())), None => { "the token " code { (id) } } }
            }
        }
        @if !through.is_empty() { div.small.muted { (through) } }
    }
}
