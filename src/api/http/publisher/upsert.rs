//! `member/bulk-upsert`: all rows or none.
//!
//! The body is parsed into rows one at a time, never into a tree, and is dropped before the rows are applied.
//! The memory for the rows is taken before the body is parsed.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::row::Row;
use crate::api::http::expected::{self, Expects};
use crate::api::http::json::{Name, Object, parse_with};
use crate::api::http::openapi::values;
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::{BadRow, Failure};
use crate::api::http::receive::Received;
use crate::api::http::structure;
use crate::api::untaken;
use crate::compute::{self, Size};
use crate::directory::{Directory, RowOutcome};
use crate::model::limits::{FAILURE_DETAILS_MAX_ROWS, REF_MAX_BYTES};
use crate::model::token::AccessLevel;
use crate::model::{Date, MemberRow, Reason, Row as Place, RowError, RowErrors, words};

/// The memory of a row, in bytes, whether it can be applied or not: itself, its ref for the report, and its
/// faults.
const ROW_BYTES: usize = size_of::<Result<MemberRow, RowError>>() + size_of::<Option<String>>() + 256;
/// The memory of an id in the reply, in bytes: as a text, and as it is sent.
const ID_BYTES: usize = size_of::<String>() + 80;
/// The fields of the request.
const FIELDS: [&str; 2] = ["member_base_id", "members"];

/// `member/bulk-upsert`
pub struct BulkUpsert;

// Only for the document: the body is read row by row, and never exists in this form.
/// Rows, all of which are applied or none.
#[derive(JsonSchema)]
#[schemars(inline, deny_unknown_fields)]
pub struct BulkUpsertRequest {
    #[schemars(with = "values::MemberBaseId", rename = "member_base_id")]
    _member_base_id: String,
    #[schemars(rename = "members")]
    _members: Vec<Row>,
}

impl Call for BulkUpsert {
    const PATH: &'static str = "member/bulk-upsert";
    const SUMMARY: &'static str =
        "Creates and changes members, all or none. Returns their ids in the order of the request.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const EXPECTS: &'static [Expects] = expected::FIELDS;
    const OBJECT_BYTES: usize = ROW_BYTES;
    type Request = BulkUpsertRequest;
    type Reply = Vec<String>;

    async fn run(directory: Directory, mut body: Received) -> Result<Vec<String>, Failure> {
        let today = directory.now().date();
        let arrival = body.take_arrival();
        let Request { member_base_id, rows, refs } = match body.size {
            Size::Large => compute::run(move || read(body, today)).await?,
            size => compute::here(size, || read(body, today)).await?,
        };
        let base = directory.base_number(&member_base_id, "member_base_id")?;
        untaken::reserve(rows.len().saturating_mul(ID_BYTES), arrival.is_some()).await?;
        // The table counts the rows from here on.
        drop(arrival);
        let reply = directory.upsert_all(base, rows).await?;
        if reply.outcomes.iter().any(RowOutcome::is_failed) {
            let name = |row| directory.sealer().member_id(base, row);
            return Err(refuse(&reply.outcomes, &refs, name));
        }
        let id = |outcome: &RowOutcome| outcome.row.map(|row| directory.sealer().member_id(base, row));
        let size = Size::of_items(reply.outcomes.len());
        Ok(compute::here(size, || reply.outcomes.iter().filter_map(id).collect()).await)
    }
}

/// The failure that lists the first rows that cannot be applied, with their faults. A caller that may write
/// may also read, so the message may name the member that already has a value.
fn refuse(outcomes: &[RowOutcome], refs: &[Option<String>], name: impl Fn(Place) -> String) -> Failure {
    let bad = outcomes.iter().zip(refs).enumerate().filter_map(|(index, (outcome, text))| {
        let error = outcome.error.as_deref().filter(|error| error.reason != Reason::AtomicAborted)?;
        Some((index, text, error))
    });
    let rows: Vec<BadRow> = bad
        .clone()
        .take(FAILURE_DETAILS_MAX_ROWS)
        .map(|(index, text, error)| row(index, text, error, error.taken_by.map(&name)))
        .collect();
    let number = bad.count();
    let written = outcomes.iter().filter(|outcome| !outcome.is_failed()).count();
    let what = match written {
        0 => "nothing was written".to_owned(),
        _ => {
            let written = words::count(written, "row");
            format!("only {written} were written before the service was interrupted")
        }
    };
    let text = format!("{number} of {} cannot be applied, so {what}", words::count(outcomes.len(), "row"));
    Failure::rows(text, rows, number)
}

fn row(index: usize, text: &Option<String>, error: &RowError, holder: Option<String>) -> BadRow {
    let field = error.violations.first().map(|fault| fault.field.as_str()).unwrap_or_default();
    let separator = if field.is_empty() { "" } else { "." };
    BadRow {
        index,
        r#ref: text.clone(),
        code: error.reason.as_str(),
        path: format!("members[{index}]{separator}{field}"),
        message: match holder {
            Some(holder) => format!("{} ({holder})", error.message()),
            None => error.message(),
        },
    }
}

/// The request, its rows parsed.
struct Request {
    member_base_id: String,
    rows: Vec<Result<MemberRow, RowError>>,
    /// The refs, for the report on bad rows.
    refs: Vec<Option<String>>,
}

/// Reads the request. The memory of the body is given back at the end.
fn read(body: Received, today: Date) -> Result<Request, Failure> {
    let explain = |refusal| structure::explain::<BulkUpsertRequest>(&body.bytes, refusal);
    Ok(parse_with(&body.bytes, Seed { today }).map_err(explain)?)
}

#[derive(Clone, Copy)]
struct Seed {
    today: Date,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Request;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Request, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Request;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let (mut member_base_id, mut rows) = (None, None);
        while let Some(key) = map.next_key::<Name<'de>>()? {
            match key.as_ref() {
                "member_base_id" if member_base_id.is_none() => member_base_id = Some(map.next_value()?),
                "members" if rows.is_none() => {
                    rows = Some(map.next_value_seed(Members { today: self.today })?);
                }
                "member_base_id" => return Err(A::Error::duplicate_field("member_base_id")),
                "members" => return Err(A::Error::duplicate_field("members")),
                other => return Err(A::Error::unknown_field(other, &FIELDS)),
            }
        }
        let member_base_id = member_base_id.ok_or_else(|| A::Error::missing_field("member_base_id"))?;
        let (rows, refs) = rows.ok_or_else(|| A::Error::missing_field("members"))?;
        Ok(Request { member_base_id, rows, refs })
    }
}

struct Members {
    today: Date,
}

type Rows = (Vec<Result<MemberRow, RowError>>, Vec<Option<String>>);

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Rows;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Rows, D::Error> {
        // Of any kind, so that its own words say what it wants.
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let (mut rows, mut refs, mut errors) = (Vec::new(), Vec::new(), RowErrors::default());
        while let Some(Object(row)) = list.next_element::<Object<Row>>()? {
            refs.push(row.r#ref.clone().filter(|text| text.len() <= REF_MAX_BYTES));
            rows.push(row.parse(self.today).map_err(|error| errors.keep(error)));
        }
        Ok((rows, refs))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::Body;
    use axum::response::Response;
    use futures_util::FutureExt;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;
    use crate::api::http::{Bodies, Door, publisher};
    use crate::directory::{Gate, Incoming};
    use crate::engine::memory::MemoryEngine;
    use crate::model::{Timestamp, origin};
    use crate::table::{Table, TableConfig};

    async fn call(router: &axum::Router, rows: usize) -> Response {
        let rows = vec!["{}"; rows].join(",");
        let body = format!(r#"{{"member_base_id":"mb_unknown","members":[{rows}]}}"#);
        let request =
            Request::post("/publisher.v1/member/bulk-upsert").header("content-type", "application/json");
        router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_short_body_of_many_rows_waits_for_its_turn() {
        let clock = Arc::new(|| Timestamp::from_micros(1_700_000_000_000_000));
        let table = Table::open(Arc::new(MemoryEngine::new()), clock, TableConfig::default()).await.unwrap();
        let bodies = Arc::new(Bodies::new(1 << 20, Incoming::new(1 << 24, Duration::from_secs(30))));
        let door = Door { gate: Gate::new(table, origin::Door::Publisher), bodies };
        let router = publisher::routes(door);
        let all = compute::every_permit().await;
        // It is rejected at once because its memberbase id is invalid.
        assert_eq!(call(&router, 1).now_or_never().unwrap().status(), StatusCode::BAD_REQUEST);
        let mut many = Box::pin(call(&router, 1_300));
        assert!(many.as_mut().now_or_never().is_none());
        drop(all);
        assert_eq!(many.await.status(), StatusCode::BAD_REQUEST);
    }
}
