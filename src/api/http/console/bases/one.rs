//! One memberbase in numbers.

use maud::{Markup, html};

use super::activity::activity;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::look::{
    Page, Place, Share, Stripe, Tab, bar, empty, length, number, pill, progress, time, value,
};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{BaseSummary, Error, MemberCount, MemberGroup};
use crate::model::token::AccessLevel;
use crate::model::{AttributeValue, BaseNumber, GuardKind, GuardLimit, Status};

/// Tiers that are shown, those with the most members.
const TIERS: usize = 50;

/// The memberbase whose id is in the address, and where a part of it belongs.
pub async fn at(visit: &Visit, tab: Tab) -> Result<(BaseSummary, Place), Failure> {
    let number = visit.directory.base_number(visit.id("base"), "member_base_id")?;
    let base = visit.directory.get_base(number).await?;
    let id = visit.directory.sealer().base_id(number);
    let place = Place::Base(id, base.settings.name.as_str().to_owned(), tab);
    Ok((base, place))
}

/// The numbers and the rules of a memberbase.
pub async fn overview(visit: Visit) -> Result<Answer, Failure> {
    let (base, place) = at(&visit, Tab::Overview).await?;
    let id = visit.directory.sealer().base_id(base.number);
    let tiers = tiers(&visit, base.number).await?;
    let activity = activity(&visit, base.number).await?;
    let counts = base.counts;
    let main = html! {
        div.head {
            h1 { (value(base.settings.name.as_str())) }
            @if visit.frame.who.may(AccessLevel::Write) {
                div.actions { a.button.main href={ "/console/bases/" (id) "/lists/new" } { "Upload a list" } }
            }
        }
        section.card {
            h2 { "Members by status" }
            dl.numbers {
                div { dt { "in all" } dd { (number(counts.total())) } }
                @for (status, stripe) in [(Status::Active, "s-new"), (Status::Invited, "s-changed"), (Status::Inactive, "s-same")] {
                    div.zero[counts.get(status) == 0] {
                        dt { span class={ "key " (stripe) } {} (status.as_str()) }
                        dd { a href={ "/console/bases/" (id) "/members?filter=status%3D" (status.as_str()) } { (number(counts.get(status))) } }
                    }
                }
            }
            (bar(&[
                Share { stripe: Stripe::New, label: "active", count: counts.active },
                Share { stripe: Stripe::Changed, label: "invited", count: counts.invited },
                Share { stripe: Stripe::Same, label: "inactive", count: counts.inactive },
            ]))
        }
        (tier_table(&visit, &tiers, &id, counts.total()))
        (activity)
        (rules(&base, &id))
    };
    Ok(Answer::Page(Page::new(base.settings.name.as_str(), place, main)))
}

/// The members of each tier, most first; `Err` with the reason if they cannot be told apart.
async fn tiers(visit: &Visit, base: BaseNumber) -> Result<Result<Vec<MemberGroup>, Error>, Failure> {
    let group_by = Some("tier".to_owned());
    let count = MemberCount { base, filters: Vec::new(), group_by, min_revision: None };
    match visit.directory.count_members(count).await {
        Ok(mut counted) => {
            counted.groups.sort_by_key(|group| std::cmp::Reverse(group.members));
            Ok(Ok(counted.groups))
        }
        Err(error @ Error::Refused(_)) => Ok(Err(error)),
        Err(error) => Err(error.into()),
    }
}

fn tier_table(visit: &Visit, tiers: &Result<Vec<MemberGroup>, Error>, id: &str, total: u64) -> Markup {
    let groups = match tiers {
        Err(error) => {
            return html! { section.card { h2 { "Members by tier" } (Failure::from(error.clone()).shown()) } };
        }
        Ok(groups) => groups,
    };
    if groups.is_empty() {
        return nobody_yet(visit, id);
    }
    html! {
        section.card {
            h2 { "Members by tier" }
            div.table tabindex="0" role="region" aria-label="Members by tier" {
                table {
                    thead { tr { th scope="col" { "Tier" } th.number scope="col" { "Members" } th scope="col" { "Share" } } }
                    tbody {
                        @for group in groups.iter().take(TIERS) {
                            tr {
                                th scope="row" { (tier(group)) }
                                td.number { (number(group.members)) }
                                td { (progress(group.members, total)) }
                            }
                        }
                    }
                }
            }
            @if groups.len() > TIERS { p.muted { "And " (length(groups.len() - TIERS)) " more tiers." } }
        }
    }
}

/// What stands where the members of an empty memberbase would be.
pub fn nobody_yet(visit: &Visit, id: &str) -> Markup {
    let next = html! {
        @if visit.frame.who.may(AccessLevel::Write) {
            p { "Upload a list, or send members with " code { "memberbase import FILE --base " (id) } "." }
            a.button href={ "/console/bases/" (id) "/lists/new" } { "Upload a list" }
        } @else { p { "Somebody with a token that may write uploads a list." } }
    };
    empty("Nobody is here yet.", next)
}

fn tier(group: &MemberGroup) -> Markup {
    match &group.value {
        Some(AttributeValue::Text(text)) => value(text),
        Some(_) | None => html! { span.muted { "without a tier" } },
    }
}

fn rules(base: &BaseSummary, id: &str) -> Markup {
    let settings = &base.settings;
    html! {
        section.card {
            h2 { "Rules" }
            dl.fields {
                dt { "Id" } dd { code { (id) } }
                dt { "Revision" } dd { (number(base.revision)) }
                dt { "Made" } dd { (time(base.created_at)) }
                dt { "New members are" } dd { (settings.new_members.map_or("as each door makes them", Status::as_str)) }
                dt { "Tiers" }
                dd {
                    @if settings.tiers.is_empty() { "any" }
                    @for tier in &settings.tiers { (pill("", tier.as_str())) " " }
                }
                dt { "Attributes" }
                dd {
                    @match &base.schema {
                        None => { span.muted { "none defined" } }
                        Some(schema) => { @for (key, kind) in &schema.types { (pill("", &format!("{key}: {}", kind.as_str()))) " " } }
                    }
                }
                @for kind in GuardKind::ALL {
                    dt { "May " (kind.action()) }
                    dd { (limit(base, kind)) }
                }
            }
        }
    }
}

/// How many changes of a kind the guard allows, in words.
fn limit(base: &BaseSummary, kind: GuardKind) -> String {
    let limit = base.settings.guard_limits.get(kind);
    if limit == GuardLimit::OFF {
        return "any number of members within 24 hours".to_owned();
    }
    format!("up to {limit} within 24 hours, without an approval")
}
