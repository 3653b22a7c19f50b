//! Members as a CSV file.

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::list::{Wanted, find, is_personal};
use crate::api::http::console::bases::at;
use crate::api::http::console::failure::Failure;
use crate::api::http::console::fields::texts;
use crate::api::http::console::look::{Tab, headers};
use crate::api::http::console::visit::{Answer, Visit};
use crate::lists::guarded;
use crate::model::{Member, ProfileField};

/// Members that are read at a time.
const EXPORTED: i64 = 1_000;

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
    let part = find(&visit.directory, base.number, &wanted, (EXPORTED, false), None).await?;
    let state = Some((visit.directory, base.number, wanted, columns, first, part));
    let body = Body::from_stream(stream::unfold(state, |state| async move {
        let (directory, base, wanted, columns, mut text, part) = state?;
        for (_, member) in &part.members {
            text.extend(csv_line(cells(member, &columns, &wanted.attributes)));
        }
        let bytes = Ok(Bytes::from(text));
        let Some(cursor) = part.cursor else { return Some((bytes, None)) };
        match find(&directory, base, &wanted, (EXPORTED, false), Some(cursor)).await {
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
