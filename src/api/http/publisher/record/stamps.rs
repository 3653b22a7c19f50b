//! `stamp-collection/…`

use serde::{Deserialize, Serialize};

use super::{Listed, list, shown, wrong_kind};
use crate::api::http::body::Received;
use crate::api::http::call::{Call, Failure};
use crate::directory::{Directory, Error, RecordSelector, StampCollectionInput, draw_record_id};
use crate::model::token::AccessLevel;
use crate::model::{MemberRecord, RecordKind};

/// The stamps of a member in one loyalty program.
#[derive(Debug, Serialize)]
pub struct StampCollection {
    id: String,
    member_id: String,
    loyalty_program_id: String,
    external_id: String,
    stamps: u64,
    created_at: String,
    updated_at: String,
}

fn render(member_id: String, record: MemberRecord) -> Result<StampCollection, Error> {
    let MemberRecord::StampCollection(stamps) = record else { return Err(wrong_kind()) };
    Ok(StampCollection {
        id: stamps.id.to_string(),
        member_id,
        loyalty_program_id: stamps.loyalty_program_id.into_string(),
        external_id: stamps.external_id.into_string(),
        stamps: stamps.stamps,
        created_at: stamps.created_at.to_string(),
        updated_at: stamps.updated_at.to_string(),
    })
}

/// `stamp-collection/create`
pub struct Create;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    member_id: String,
    loyalty_program_id: String,
    external_id: String,
}

impl Call for Create {
    const PATH: &'static str = "stamp-collection/create";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = StampCollection;

    async fn run(directory: Directory, body: Received) -> Result<StampCollection, Failure> {
        let CreateRequest { member_id, loyalty_program_id, external_id } = body.parse()?;
        let input = StampCollectionInput { loyalty_program_id, external_id };
        let saved = directory.create_stamp_collection(&member_id, input, draw_record_id()?, None).await?;
        shown(&directory, saved, render)
    }
}

/// `stamp-collection/list`
pub struct List;

impl Call for List {
    const PATH: &'static str = "stamp-collection/list";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Reply = Listed<StampCollection>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<StampCollection>, Failure> {
        list(directory, body, RecordKind::StampCollection, render).await
    }
}

/// `stamp-collection/add-stamps`
pub struct AddStamps;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddStampsRequest {
    member_id: String,
    id: Option<String>,
    external_id: Option<String>,
    stamps: i64,
}

impl Call for AddStamps {
    const PATH: &'static str = "stamp-collection/add-stamps";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = StampCollection;

    async fn run(directory: Directory, body: Received) -> Result<StampCollection, Failure> {
        let AddStampsRequest { member_id, id, external_id, stamps } = body.parse()?;
        let collection = RecordSelector { id, own: external_id };
        let saved = directory.add_stamps(&member_id, collection, stamps, None).await?;
        shown(&directory, saved, render)
    }
}
