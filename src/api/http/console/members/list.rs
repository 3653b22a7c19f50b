//! Lists of members: searched, filtered, in the columns that a person wants, page by page.

use http::StatusCode;
use maud::{Markup, html};

use crate::api::http::console::bases::{at, nobody_yet};
use crate::api::http::console::failure::Failure;
use crate::api::http::console::fields::{Texts, fields, label, texts};
use crate::api::http::console::filters::{self, HINT, builder};
use crate::api::http::console::look::{Page, Tab, empty, hidden, number, person, pill, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::api::untaken;
use crate::directory::{Directory, MemberList, MemberPage, RawPage};
use crate::model::token::AccessLevel;
use crate::model::{BaseNumber, Member, ProfileField, RawSort, Row, Status};

/// Members on one page.
const LIMIT: i64 = 50;
/// Columns that are shown unless a person chooses others.
const USUAL: [ProfileField; 4] =
    [ProfileField::Email, ProfileField::Ref, ProfileField::WorkerId, ProfileField::Tier];

/// What a person wants to see.
pub(super) struct Wanted {
    search: String,
    filter: String,
    is_newest_first: bool,
    /// The fields that are shown.
    pub columns: Vec<ProfileField>,
    /// The keys of the attributes that are shown.
    pub attributes: Vec<String>,
}

impl Wanted {
    /// What the address says.
    pub fn of(visit: &Visit) -> Self {
        let chosen: Vec<&str> = visit.all("column").collect();
        let columns: Vec<ProfileField> = fields().filter(|field| chosen.contains(&field.as_str())).collect();
        let keys = chosen.iter().filter_map(|name| name.strip_prefix("attributes."));
        let attributes: Vec<String> = keys.filter(|key| !key.is_empty()).map(str::to_owned).collect();
        let is_usual = columns.is_empty() && attributes.is_empty();
        Self {
            search: visit.sent("search").trim().to_owned(),
            filter: visit.sent("filter").trim().to_owned(),
            is_newest_first: visit.sent("sort") == "newest",
            columns: if is_usual { USUAL.to_vec() } else { columns },
            attributes,
        }
    }

    /// What is searched for, if anything is.
    fn search(&self) -> Option<String> {
        Some(self.search.clone()).filter(|text| !text.is_empty())
    }

    /// The query of an address that shows the same, and what else it has.
    fn query(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let columns = self.columns.iter().map(|field| field.as_str().to_owned());
        let attributes = self.attributes.iter().map(|key| format!("attributes.{key}"));
        let is_usual = self.columns == USUAL && self.attributes.is_empty();
        for column in columns.chain(attributes).filter(|_| !is_usual) {
            query.append_pair("column", &column);
        }
        for (name, text) in [("search", &*self.search), ("filter", &*self.filter)] {
            if !text.is_empty() {
                query.append_pair(name, text);
            }
        }
        if self.is_newest_first {
            query.append_pair("sort", "newest");
        }
        query.extend_pairs(more).finish()
    }
}

/// A page of members.
pub async fn members(visit: Visit) -> Result<Answer, Failure> {
    let (base, place) = at(&visit, Tab::Members).await?;
    let mut wanted = Wanted::of(&visit);
    let id = visit.directory.sealer().base_id(base.number);
    if let Some(filter) = filters::chosen(&visit, &base) {
        wanted.filter = filter;
        return Ok(Answer::See(format!("/console/bases/{id}/members?{}", wanted.query(&[]))));
    }
    let keys: Vec<String> = base.schema.iter().flat_map(|schema| schema.types.keys().cloned()).collect();
    // A search is shown before all that match are counted: that can take several times as long.
    let counts = wanted.search.is_empty() || visit.sent("count") == "yes";
    let found = find(&visit.directory, base.number, &wanted, (LIMIT, counts), visit.given("cursor")).await;
    let status = found.as_ref().err().map_or(StatusCode::OK, Failure::status);
    let is_empty_base = base.counts.total() == 0;
    let main = html! {
        div.head {
            h1 { "Members" }
            @if visit.frame.who.may(AccessLevel::Write) {
                div.actions { a.button.main href={ "/console/bases/" (id) "/lists/new" } { "Upload a list" } }
            }
        }
        (form(&wanted, &id, &keys))
        div #results .stack aria-live="polite" {
            @match found {
                Err(failure) => (failure.shown()),
                Ok(found) => (results(&visit, &wanted, (base.number, &id), found, is_empty_base)),
            }
        }
    };
    let page = Page::new("Members", place, main);
    Ok(if status.is_success() { Answer::Page(page) } else { Answer::Refused(status, page) })
}

/// Up to `limit` of the members that match; says how many there are in all if `total`.
pub(super) async fn find(
    directory: &Directory,
    base: BaseNumber,
    wanted: &Wanted,
    (limit, total): (i64, bool),
    cursor: Option<String>,
) -> Result<MemberPage, Failure> {
    let direction = if wanted.is_newest_first { "desc" } else { "asc" };
    let sort = RawSort { key: "created_at".to_owned(), direction: Some(direction.to_owned()) };
    let page = RawPage { limit: Some(limit), cursor, sorts: vec![sort], ..RawPage::default() };
    let (filters, search) = (filters::read(&wanted.filter)?, wanted.search());
    let list = MemberList { base, filters, search, page, total, ends: false, min_revision: None };
    Ok(directory.list_members(list).await?)
}

fn form(wanted: &Wanted, id: &str, keys: &[String]) -> Markup {
    let has = |field: ProfileField| wanted.columns.contains(&field);
    html! {
        form.card method="get" action={ "/console/bases/" (id) "/members" } data-search role="search" {
            div.row {
                div.grow {
                    label for="search" { "Search" }
                    input #search type="search" name="search" value=(wanted.search)
                        placeholder="Beginnings of names, refs, e-mail addresses, worker ids";
                }
                div.fixed {
                    label for="sort" { "Order" }
                    select #sort name="sort" {
                        option value="" selected[!wanted.is_newest_first] { "Oldest first" }
                        option value="newest" selected[wanted.is_newest_first] { "Newest first" }
                    }
                }
                button type="submit" { "Show" }
            }
            details open[!wanted.filter.is_empty()] {
                summary { "Filter" }
                div.stack {
                    label for="filter" { "Conditions" }
                    textarea #filter name="filter" rows="3" spellcheck="false" aria-describedby="filter-hint" { (wanted.filter) }
                    p #filter-hint .hint { (HINT) }
                    (builder(keys.iter()))
                }
            }
            details {
                summary { "Columns" }
                fieldset {
                    legend { "What the table shows" }
                    div.choices {
                        @for field in fields() {
                            label.choice { input type="checkbox" name="column" value=(field.as_str()) checked[has(field)]; (label(field)) }
                        }
                        @for key in keys {
                            label.choice {
                                input type="checkbox" name="column" value={ "attributes." (key) } checked[wanted.attributes.contains(key)];
                                bdi { (key) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn results(
    visit: &Visit,
    wanted: &Wanted,
    (base, id): (BaseNumber, &str),
    found: MemberPage,
    is_empty_base: bool,
) -> Markup {
    let address = |more: &[(&str, &str)]| format!("/console/bases/{id}/members?{}", wanted.query(more));
    let is_first = visit.given("cursor").is_none();
    if found.members.is_empty() && found.cursor.is_none() {
        return if is_empty_base {
            nobody_yet(visit, id)
        } else {
            empty(
                "Nobody matches.",
                html! {
                    p { "Search for less, or leave out a condition." }
                    a.button href={ "/console/bases/" (id) "/members" } { "Show all members" }
                },
            )
        };
    }
    let sees_pii = visit.directory.token().is_none_or(|token| token.pii);
    let count = (!wanted.search.is_empty()).then(|| address(&[("count", "yes")]));
    let how_many = how_many(&found, is_first, count);
    untaken::keep(found.room);
    html! {
        div.head {
            p { (how_many) }
            div.actions { a href={ "/console/bases/" (id) "/members.csv?" (wanted.query(&[])) } { "Download what matches (CSV)" } }
        }
        div.table tabindex="0" role="region" aria-label="Members" {
            table {
                thead {
                    tr {
                        th scope="col" { "Name" } th scope="col" { "Status" }
                        @for field in &wanted.columns { th scope="col" { (label(*field)) } }
                        @for key in &wanted.attributes { th scope="col" { bdi { (key) } } }
                        th scope="col" { "Changed" }
                    }
                }
                tbody { @for (row, member) in &found.members { (line(visit, wanted, (base, *row), member, sees_pii)) } }
            }
        }
        p.pages {
            @if !is_first { a.button href=(address(&[])) { "First page" } }
            @if let Some(cursor) = &found.cursor { a.button href=(address(&[("cursor", cursor.as_str())])) rel="next" { "Next page" } }
        }
    }
}

/// How many members match. `count` is the address of a search that is counted.
fn how_many(found: &MemberPage, is_first: bool, count: Option<String>) -> Markup {
    let shown = found.members.len();
    let is_all = is_first && found.cursor.is_none();
    let whole = found.total.or_else(|| u64::try_from(shown).ok().filter(|_| is_all));
    html! {
        @match (whole, count) {
            (Some(total), _) => {
                @if found.total_is_minimum { "More than " }
                strong { (number(total)) } @if total == 1 { " member matches" } @else { " members match" }
            }
            (None, Some(_)) if shown == 0 => "Nobody matches among those who were looked through so far.",
            (None, Some(count)) => { "These are some of the members that match. " a href=(count) { "Count all" } }
            (None, None) => "Members are checked one by one, so their number is not known.",
        }
    }
}

fn line(
    visit: &Visit,
    wanted: &Wanted,
    (base, row): (BaseNumber, Row),
    member: &Member,
    sees_pii: bool,
) -> Markup {
    let texts: Texts = texts(member);
    html! {
        tr {
            th scope="row" {
                a href={ "/console/members/" (visit.directory.sealer().member_id(base, row)) } { div.clip { (person(member)) } }
            }
            td { (status(member.status)) }
            @for name in &wanted.columns {
                td {
                    @if is_personal(*name) && !sees_pii { (hidden()) }
                    @else if let Some(text) = texts.get(name.as_str()) { div.clip { (value(text)) } }
                }
            }
            @for key in &wanted.attributes {
                td { @if let Some(text) = texts.get(&format!("attributes.{key}")) { div.clip { (value(text)) } } }
            }
            td { (time(member.updated_at)) }
        }
    }
}

/// Whether only tokens with the right to personal data see a field.
pub(super) fn is_personal(field: ProfileField) -> bool {
    matches!(field, ProfileField::Dob | ProfileField::AccountDetails)
}

/// A status as a label.
pub(super) fn status(status: Status) -> Markup {
    pill(if status == Status::Inactive { "off" } else { "on" }, status.as_str())
}
