//! What hangs on members: `transaction/…`, `wallet.clip/…` and `stamp-collection/…`
//!
//! A record of another kind than its call is about cannot come from the directory; if it does, that is a fault of the
//! service and answered as one.

pub mod clip;
mod content;
pub mod stamps;
pub mod transaction;

use schemars::JsonSchema;
use serde::Deserialize;

use super::list::{Listed, Pagination, Sort, page};
use crate::api::http::failure::Failure;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::api::untaken;
use crate::directory::{Directory, Error, RecordList, Saved, SentTime};
use crate::model::limits::SORTS_MAX;
use crate::model::{MemberRecord, RecordKind, Timestamp};

/// The request of every call that lists records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ListRequest {
    #[schemars(with = "values::MemberId")]
    member_id: String,
    pagination: Option<Object<Pagination>>,
    #[schemars(length(max = SORTS_MAX))]
    sorts: Option<Vec<Object<Sort>>>,
}

/// How a record is shown: the id of its member, and the record.
type Render<T> = fn(String, MemberRecord) -> Result<T, Error>;

/// One page of the records of a kind.
async fn list<T>(
    directory: Directory,
    request: ListRequest,
    kind: RecordKind,
    render: Render<T>,
) -> Result<Listed<T>, Failure> {
    let ListRequest { member_id, pagination, sorts } = request;
    let list = RecordList { member_id, kind, page: page(pagination, sorts), min_revision: None };
    let found = directory.list_records(list).await?;
    untaken::keep(found.room);
    let member_id = directory.sealer().member_id(found.base, found.row);
    let records = found.records.into_iter().map(|record| render(member_id.clone(), record));
    Ok(Listed::new(records.collect::<Result<_, _>>()?, found.cursor, None))
}

/// A record that was saved, as it is now.
fn shown<T>(directory: &Directory, saved: Saved, render: Render<T>) -> Result<T, Failure> {
    Ok(render(directory.sealer().member_id(saved.base, saved.row), saved.record)?)
}

fn wrong_kind() -> Error {
    Error::Internal { private: "a record has another kind than its call".to_owned() }
}

/// The time of a field, if it is given.
fn time(sent: Option<String>) -> SentTime {
    sent.map(|text| Timestamp::parse(&text))
}
