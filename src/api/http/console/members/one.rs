//! One member: what is known about it, and what may be done to it.

use maud::{Markup, html};

use super::change::{actions, before_offboarding, just_done};
use super::history::history;
use super::list::status;
use super::records::records;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::fields::{Texts, fields, label, texts};
use crate::api::http::console::look::{Page, Place, Tab, hidden, number, person, pill, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::directory::{AudienceList, Key, RawPage, Selector};
use crate::model::{BaseNumber, Member, ProfileField, Reason};

/// Audiences that are looked through for the member.
const AUDIENCES: i64 = 100;

/// The page of a member.
pub async fn member(visit: Visit) -> Result<Answer, Failure> {
    let (base, row, member, _) =
        visit.directory.get_member(Selector::Id(visit.id("member").to_owned()), None).await?;
    let sealer = visit.directory.sealer();
    let (id, base_id) = (sealer.member_id(base, row), sealer.base_id(base));
    let summary = visit.directory.get_base(base).await?;
    let place = Place::Base(base_id.clone(), summary.settings.name.as_str().to_owned(), Tab::Members);
    let audiences = audiences(&visit, base, &id).await?;
    let records = records(&visit, &id).await?;
    let history = history(&visit, &id).await?;
    let texts = texts(&member);
    let before = before_offboarding(&visit, &member, &id).await?;
    let main = html! {
        (just_done(&visit, &member, &id))
        div.head {
            h1 { (person(&member)) }
            (status(member.status))
            div.actions { (actions(&visit, &member, &id, before)) }
        }
        (profile(&visit, &member, &texts, &id))
        (attributes(&texts))
        (audiences)
        (history)
        (records)
    };
    let title = member.profile.key().unwrap_or("A member").to_owned();
    Ok(Answer::Page(Page::new(title, place, main)))
}

fn profile(visit: &Visit, member: &Member, texts: &Texts, id: &str) -> Markup {
    let sees_pii = visit.directory.token().is_none_or(|token| token.pii);
    let is_hidden = |name| !sees_pii && matches!(name, ProfileField::Dob | ProfileField::AccountDetails);
    html! {
        section.card {
            h2 { "Profile" }
            dl.fields {
                @for name in fields() {
                    dt { (label(name)) }
                    dd {
                        @if is_hidden(name) { (hidden()) }
                        @else if let Some(text) = texts.get(name.as_str()) { (value(text)) }
                        @else { span.muted { "–" } }
                    }
                }
                dt { "Id" } dd { code { (id) } }
                dt { "Made" } dd { (time(member.created_at)) }
                dt { "Changed" } dd { (time(member.updated_at)) ", in revision " (number(member.revision)) }
                @if !member.aliases.is_empty() {
                    dt { "Former refs" }
                    dd { @for alias in &member.aliases { (value(alias.ref_.as_str())) " " } }
                }
            }
        }
    }
}

fn attributes(texts: &Texts) -> Markup {
    let attributes = texts.iter().filter_map(|(name, text)| Some((name.strip_prefix("attributes.")?, text)));
    let attributes: Vec<_> = attributes.collect();
    html! {
        section.card {
            h2 { "Attributes" }
            @if attributes.is_empty() { p.muted { "This member has no attributes." } }
            @else {
                dl.fields { @for (key, text) in &attributes { dt { bdi { (key) } } dd { (value(text)) } } }
            }
        }
    }
}

/// The audiences that the member is in. Those of which the person may not know who is in them are left out.
async fn audiences(visit: &Visit, base: BaseNumber, id: &str) -> Result<Markup, Failure> {
    let page = RawPage { limit: Some(AUDIENCES), ..RawPage::default() };
    let listed = visit.directory.list_audiences(base, AudienceList { include_archived: false, page }).await?;
    let mut of = Vec::new();
    for shown in &listed.audiences {
        let key = Key::Id(id.to_owned());
        match visit.directory.explain_membership(base, shown.audience.number, key).await {
            Ok(explained) if explained.explanation.is_in => of.push(&shown.audience),
            Ok(_) => {}
            Err(error) if error.reason() == Reason::PermissionDenied => {}
            Err(error) => return Err(error.into()),
        }
    }
    let address = |audience: &crate::model::Audience| {
        let id = visit.directory.sealer().audience_id(base, audience.number);
        format!("/console/audiences/{id}")
    };
    Ok(html! {
        section.card {
            h2 { "Audiences" }
            @if of.is_empty() { p.muted { "This member is in no audience." } }
            @else { p { @for audience in of { a href=(address(audience)) { (pill("", audience.name.as_str())) } " " } } }
            @if listed.cursor.is_some() { p.muted.small { "Only the first " (AUDIENCES) " audiences were looked through." } }
        }
    })
}
