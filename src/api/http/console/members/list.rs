//! Lists of members: searched, filtered, in the columns that a person wants, page by page.

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use maud::{Markup, html};

use crate::api::http::console::bases::at;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::fields::{Texts, fields, label, texts};
use crate::api::http::console::filters;
use crate::api::http::console::look::{Page, Tab, empty, headers, hidden, number, person, pill, time, value};
use crate::api::http::console::visit::{Answer, Visit};
use crate::api::untaken;
use crate::directory::{Directory, MemberList, MemberPage, RawPage};
use crate::lists::guarded;
use crate::model::{BaseNumber, Member, ProfileField, RawSort, Row, Status};

/// Members on one page.
const LIMIT: i64 = 50;
/// Members that an export reads at a time.
const EXPORTED: i64 = 1_000;
/// Columns that are shown unless a person chooses others.
const USUAL: [ProfileField; 4] =
    [ProfileField::Email, ProfileField::Ref, ProfileField::WorkerId, ProfileField::Tier];

/// What a person wants to see.
struct Wanted {
    search: String,
    filter: String,
    is_newest_first: bool,
    columns: Vec<ProfileField>,
    attributes: Vec<String>,
}

impl Wanted {
    fn of(visit: &Visit) -> Self {
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
    let wanted = Wanted::of(&visit);
    let id = visit.directory.sealer().base_id(base.number);
    let keys: Vec<String> = base.schema.iter().flat_map(|schema| schema.types.keys().cloned()).collect();
    let found = find(&visit.directory, base.number, &wanted, LIMIT, visit.given("cursor")).await;
    let status = found.as_ref().err().map_or(StatusCode::OK, Failure::status);
    let is_empty_base = base.counts.total() == 0;
    let main = html! {
        div.head {
            h1 { "Members" }
            div.actions { a.button.main href={ "/console/bases/" (id) "/lists/new" } { "Upload a list" } }
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

async fn find(
    directory: &Directory,
    base: BaseNumber,
    wanted: &Wanted,
    limit: i64,
    cursor: Option<String>,
) -> Result<MemberPage, Failure> {
    let direction = if wanted.is_newest_first { "desc" } else { "asc" };
    let sort = RawSort { key: "created_at".to_owned(), direction: Some(direction.to_owned()) };
    let page = RawPage { limit: Some(limit), cursor, sorts: vec![sort], ..RawPage::default() };
    let (filters, search) = (filters::read(&wanted.filter)?, wanted.search());
    let list =
        MemberList { base, filters, search, page, total: limit == LIMIT, ends: false, min_revision: None };
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
                    p #filter-hint .hint {
                        "One in each line, all must hold: " code { "tier=Gold" } ", " code { "status!=inactive" } ", "
                        code { "company^=Acme" } " (begins with), " code { "dob<1990-01-01" } ", " code { "attributes.team=Ops" }
                        ". Or JSON, as the API takes it: " code { "{\"key\": \"phone\", \"exists\": false}" } "."
                    }
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
    untaken::keep(found.room);
    let address = |more: &[(&str, &str)]| format!("/console/bases/{id}/members?{}", wanted.query(more));
    let is_first = visit.given("cursor").is_none();
    if found.members.is_empty() && found.cursor.is_none() {
        return if is_empty_base {
            empty(
                "Nobody is here yet.",
                html! { a.button href={ "/console/bases/" (id) "/lists/new" } { "Upload a list" } },
            )
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
    html! {
        div.head {
            p {
                @match found.total {
                    Some(total) => { @if found.total_is_minimum { "More than " } strong { (number(total)) } @if total == 1 { " member matches" } @else { " members match" } }
                    None => { "Members are checked one by one, so their number is not known." }
                }
            }
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
fn is_personal(field: ProfileField) -> bool {
    matches!(field, ProfileField::Dob | ProfileField::AccountDetails)
}

/// A status as a label.
pub(super) fn status(status: Status) -> Markup {
    pill(if status == Status::Inactive { "off" } else { "on" }, status.as_str())
}

/// What matches, as a CSV file with the columns of the page.
pub async fn export(visit: Visit) -> Result<Answer, Failure> {
    let (base, _) = at(&visit, Tab::Members).await?;
    let wanted = Wanted::of(&visit);
    let sees_pii = visit.directory.token().is_none_or(|token| token.pii);
    let columns = wanted.columns.iter().copied().filter(|field| sees_pii || !is_personal(*field));
    let columns: Vec<ProfileField> = columns.collect();
    let heading = ["first_name", "last_name", "status"].into_iter().map(str::to_owned);
    let heading = heading.chain(columns.iter().map(|field| field.as_str().to_owned()));
    let heading = heading.chain(wanted.attributes.iter().map(|key| format!("attributes.{key}")));
    let first = csv_line(heading);
    // The first part is read before the reply begins, so that a refusal is still a page.
    let part = find(&visit.directory, base.number, &wanted, EXPORTED, None).await?;
    let state = Some((visit.directory, base.number, wanted, columns, first, part));
    let body = Body::from_stream(stream::unfold(state, |state| async move {
        let (directory, base, wanted, columns, mut text, part) = state?;
        for (_, member) in &part.members {
            text.extend(csv_line(cells(member, &columns, &wanted.attributes)));
        }
        let bytes = Ok(Bytes::from(text));
        let Some(cursor) = part.cursor else { return Some((bytes, None)) };
        match find(&directory, base, &wanted, EXPORTED, Some(cursor)).await {
            Ok(part) => Some((bytes, Some((directory, base, wanted, columns, Vec::new(), part)))),
            Err(failure) => Some((Err(std::io::Error::other(format!("{failure:?}"))), None)),
        }
    }));
    Ok(Answer::Other(csv_file("members.csv", body)))
}

fn cells(member: &Member, columns: &[ProfileField], attributes: &[String]) -> Vec<String> {
    let mut texts = texts(member);
    let names = [ProfileField::FirstName, ProfileField::LastName].map(ProfileField::as_str);
    let names = names.into_iter().chain(["status"]).chain(columns.iter().map(|column| column.as_str()));
    let names = names.map(str::to_owned).chain(attributes.iter().map(|key| format!("attributes.{key}")));
    // A column may be wanted twice.
    names.map(|name| texts.entry(name).or_default().clone()).collect()
}

/// A line of CSV whose cells no spreadsheet program runs as a formula.
fn csv_line(cells: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(cells.into_iter().map(|cell| guarded(&cell).into_owned()));
    writer.into_inner().unwrap_or_default()
}

/// A reply that a browser saves as a file.
pub fn csv_file(name: &str, body: Body) -> axum::response::Response {
    let mut response = body.into_response();
    headers(response.headers_mut());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let place = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    response.headers_mut().extend(place.map(|place| (CONTENT_DISPOSITION, place)));
    response
}
