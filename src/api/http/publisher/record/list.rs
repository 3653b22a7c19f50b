//! Lists of records.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::http::json::Object;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::publisher::list::{Listed, Pagination, Sort, page};
use crate::api::untaken;
use crate::directory::{Directory, Error, RecordList};
use crate::model::limits::SORTS_MAX;
use crate::model::{MemberRecord, RecordKind};

/// The request of every call that lists records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ListRequest {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    pagination: Option<Object<Pagination>>,
    #[schemars(length(max = SORTS_MAX))]
    sorts: Option<Vec<Object<Sort>>>,
}

/// How a record is shown: the id of its member, and the record.
pub type Render<T> = fn(String, MemberRecord) -> Result<T, Error>;

/// One page of the records of a kind.
pub async fn list<T>(
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
