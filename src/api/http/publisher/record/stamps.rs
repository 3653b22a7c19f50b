//! `stamp-collection/…`

use http::StatusCode;
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::list::{ListRequest, list};
use super::saved::{shown, wrong_kind};
use crate::api::http::integer::Integer;
use crate::api::http::openapi::{self, values};
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::publisher::list::Listed;
use crate::api::http::receive::Received;
use crate::directory::{Directory, Error, RecordSelector, StampCollectionInput, draw_record_id};
use crate::model::token::AccessLevel;
use crate::model::{self, MemberRecord, RecordKind};

/// The stamps of a member in one loyalty program.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StampCollection {
    #[schemars(with = "model::record::StampCollectionId")]
    id: String,
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "model::ForeignText")]
    loyalty_program_id: String,
    #[schemars(with = "model::ForeignText")]
    external_id: String,
    stamps: u64,
    #[schemars(with = "model::Timestamp")]
    created_at: String,
    #[schemars(with = "model::Timestamp")]
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct CreateRequest {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "model::ForeignText")]
    loyalty_program_id: String,
    #[schemars(with = "model::ForeignText")]
    external_id: String,
}

impl Call for Create {
    const PATH: &'static str = "stamp-collection/create";
    const SUMMARY: &'static str = "Enrols a member in a loyalty program, with no stamps yet.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    const REFUSALS: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT];
    type Request = CreateRequest;
    type Reply = StampCollection;

    async fn run(directory: Directory, body: Received) -> Result<StampCollection, Failure> {
        let CreateRequest { member_id, loyalty_program_id, external_id } = body.parse::<Self>().await?;
        let input = StampCollectionInput { loyalty_program_id, external_id };
        let saved = directory.create_stamp_collection(&member_id, input, draw_record_id()?, None).await?;
        shown(&directory, saved, render)
    }
}

/// `stamp-collection/list`
pub struct List;

impl Call for List {
    const PATH: &'static str = "stamp-collection/list";
    const SUMMARY: &'static str = "Lists the stamp collections of a member, the oldest first.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = ListRequest;
    type Reply = Listed<StampCollection>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<StampCollection>, Failure> {
        list(directory, body.parse::<Self>().await?, RecordKind::StampCollection, render).await
    }
}

/// `stamp-collection/add-stamps`
pub struct AddStamps;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = |schema: &mut Schema| openapi::one_of(schema, &["id", "external_id"]))]
pub struct AddStampsRequest {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "Option<model::record::StampCollectionId>")]
    id: Option<String>,
    #[schemars(with = "Option<model::ForeignText>")]
    external_id: Option<String>,
    #[schemars(with = "values::Stamps")]
    stamps: Integer,
}

impl Call for AddStamps {
    const PATH: &'static str = "stamp-collection/add-stamps";
    const SUMMARY: &'static str = "Adds stamps. Without a request id, a repeat adds them again.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Request = AddStampsRequest;
    type Reply = StampCollection;

    async fn run(directory: Directory, body: Received) -> Result<StampCollection, Failure> {
        let AddStampsRequest { member_id, id, external_id, stamps } = body.parse::<Self>().await?;
        let collection = RecordSelector { id, own: external_id };
        let saved = directory.add_stamps(&member_id, collection, stamps.0, None).await?;
        shown(&directory, saved, render)
    }
}
