//! `member/bulk-upsert`: all rows or none.
//!
//! The body is parsed into rows one at a time, never into a tree, and is dropped before the rows are applied.
//! The memory for the rows is taken before the body is parsed.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};

use super::row::Row;
use crate::api::http::expected::{self, Expects};
use crate::api::http::json::{Name, parse_with};
use crate::api::http::openapi::values;
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::{self, Failure};
use crate::api::http::receive::Received;
use crate::api::http::rows::{BadRow, NoneApplied, ROW_BYTES, Reader, Rows, none_applied};
use crate::api::http::structure;
use crate::api::untaken;
use crate::compute::{self, Size};
use crate::directory::{Directory, RowOutcome};
use crate::model::Date;
use crate::model::token::AccessLevel;

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
        let read = body.read(move |bytes| {
            let explain = |refusal| structure::explain::<BulkUpsertRequest>(bytes, refusal);
            parse_with(bytes, Seed { today }).map_err(explain)
        });
        let Request { member_base_id, rows: Rows { rows, names: refs } } = read.await?;
        let base = directory.base_number(&member_base_id, "member_base_id")?;
        untaken::reserve(rows.len().saturating_mul(ID_BYTES), arrival.is_some()).await?;
        // The table counts the rows from here on.
        drop(arrival);
        let reply = directory.upsert_all(base, rows).await?;
        let name = |row| directory.sealer().member_id(base, row);
        if let Some(refused) = none_applied(&reply.outcomes, name) {
            return Err(refuse(refused, &refs));
        }
        let id = |outcome: &RowOutcome| outcome.row.map(|row| directory.sealer().member_id(base, row));
        let size = Size::of_items(reply.outcomes.len());
        Ok(compute::here(size, || reply.outcomes.iter().filter_map(id).collect()).await)
    }
}

/// The failure that lists the first rows that cannot be applied, with their faults.
fn refuse(refused: NoneApplied<'_>, refs: &[Option<String>]) -> Failure {
    let row = |bad: BadRow<'_>| {
        let field = bad.error.violations.first().map(|fault| fault.field.as_str()).unwrap_or_default();
        let separator = if field.is_empty() { "" } else { "." };
        failure::BadRow {
            index: bad.index,
            r#ref: refs.get(bad.index).cloned().flatten(),
            code: bad.error.reason.as_str(),
            path: format!("members[{}]{separator}{field}", bad.index),
            message: bad.message,
        }
    };
    Failure::rows(refused.message, refused.rows.into_iter().map(row).collect(), refused.failed)
}

/// The request, its rows parsed.
struct Request {
    member_base_id: String,
    /// The rows, with their refs for the report on bad rows.
    rows: Rows,
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
                    rows = Some(map.next_value_seed(Reader::<Row>::new(self.today))?);
                }
                "member_base_id" => return Err(A::Error::duplicate_field("member_base_id")),
                "members" => return Err(A::Error::duplicate_field("members")),
                other => return Err(A::Error::unknown_field(other, &FIELDS)),
            }
        }
        let member_base_id = member_base_id.ok_or_else(|| A::Error::missing_field("member_base_id"))?;
        let rows = rows.ok_or_else(|| A::Error::missing_field("members"))?;
        Ok(Request { member_base_id, rows })
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
