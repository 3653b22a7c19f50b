//! The records of a member: clips, stamp collections and transactions.

use maud::{Markup, html};

use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{number, time, value};
use crate::api::http::console::visit::Visit;
use crate::directory::{RawPage, RecordList};
use crate::model::{MemberRecord, RawSort, RecordKind};

/// Records of each kind that are shown, the newest.
const SHOWN: i64 = 10;

/// The newest records of each kind.
pub async fn records(visit: &Visit, member_id: &str) -> Result<Markup, Failure> {
    let mut kinds = Vec::new();
    for (kind, label) in [
        (RecordKind::Clip, "Clips"),
        (RecordKind::StampCollection, "Stamp collections"),
        (RecordKind::Transaction, "Transactions"),
    ] {
        let sort = RawSort { key: "created_at".to_owned(), direction: Some("desc".to_owned()) };
        let page = RawPage { limit: Some(SHOWN), sorts: vec![sort], ..RawPage::default() };
        let list = RecordList { member_id: member_id.to_owned(), kind, page, min_revision: None };
        let found = visit.directory.list_records(list).await?;
        kinds.push((label, found.records, found.cursor.is_some()));
    }
    let is_empty = kinds.iter().all(|(_, records, _)| records.is_empty());
    Ok(html! {
        section.card {
            h2 { "Records" }
            @if is_empty { p.muted { "This member has no clips, stamp collections or transactions." } }
            @for (label, records, has_more) in kinds.iter().filter(|(_, records, _)| !records.is_empty()) {
                h3 { (label) }
                ul { @for record in records { li { (line(record)) } } }
                @if *has_more { p.muted.small { "And older ones." } }
            }
        }
    })
}

fn line(record: &MemberRecord) -> Markup {
    html! {
        @match record {
            MemberRecord::Clip(clip) => {
                (value(clip.creative_id.as_str())) ", saved " (time(clip.created_at))
                @if let Some(at) = clip.details.redeemed_at { ", redeemed " (time(at)) }
            }
            MemberRecord::StampCollection(stamps) => {
                (value(stamps.loyalty_program_id.as_str())) ": " (number(stamps.stamps)) " stamps, "
                (value(stamps.external_id.as_str())) ", last added " (time(stamps.updated_at))
            }
            MemberRecord::Transaction(transaction) => {
                (value(transaction.external_id.as_str())) ", " (transaction.network.as_str())
                @if let Some(descriptor) = &transaction.statement_descriptor { ", " (value(descriptor.as_str())) }
            }
        }
    }
}
