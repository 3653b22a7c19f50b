//! `wallet.clip/save`, `wallet.clip/list-with-creative` and `wallet.clip/delete`

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::content::Content;
use super::list::{ListRequest, list};
use super::saved::{shown, time, wrong_kind};
use crate::api::http::openapi::{self};
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::deleted::Deleted;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::publisher::list::Listed;
use crate::api::http::receive::Received;
use crate::directory::{ClipInput, Directory, Error, RecordSelector, draw_record_id};
use crate::model::token::AccessLevel;
use crate::model::{self, ForeignText, MemberRecord, RecordKind};

/// A deal that a member saved. Fields that were never sent are `null`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Clip {
    #[schemars(with = "model::record::ClipId")]
    id: String,
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "model::ForeignText")]
    creative_id: String,
    #[schemars(with = "Option<model::ForeignText>")]
    deal_id: Option<String>,
    #[schemars(with = "Option<model::ForeignText>")]
    variant_id: Option<String>,
    #[schemars(with = "Option<model::ForeignText>")]
    deal_creative_format: Option<String>,
    deal_creative_content: Option<Map<String, Value>>,
    #[schemars(with = "model::Timestamp")]
    created_at: String,
    #[schemars(with = "model::Timestamp")]
    updated_at: String,
    #[schemars(with = "Option<model::Timestamp>")]
    redeemed_at: Option<String>,
}

fn render(member_id: String, record: MemberRecord) -> Result<Clip, Error> {
    let MemberRecord::Clip(clip) = record else { return Err(wrong_kind()) };
    let details = clip.details;
    Ok(Clip {
        id: clip.id.to_string(),
        member_id,
        creative_id: clip.creative_id.into_string(),
        deal_id: details.deal_id.map(ForeignText::into_string),
        variant_id: details.variant_id.map(ForeignText::into_string),
        deal_creative_format: details.format.map(ForeignText::into_string),
        // The stored text is always an object.
        deal_creative_content: details.content.and_then(|object| serde_json::from_str(object.as_str()).ok()),
        created_at: clip.created_at.to_string(),
        updated_at: clip.updated_at.to_string(),
        redeemed_at: details.redeemed_at.map(|at| at.to_string()),
    })
}

/// `wallet.clip/save`
pub struct Save;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct SaveRequest {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "model::ForeignText")]
    creative_id: String,
    #[schemars(with = "Option<model::ForeignText>")]
    deal_id: Option<String>,
    #[schemars(with = "Option<model::ForeignText>")]
    variant_id: Option<String>,
    #[schemars(with = "Option<model::ForeignText>")]
    deal_creative_format: Option<String>,
    deal_creative_content: Option<Content>,
    #[schemars(with = "Option<model::Timestamp>")]
    redeemed_at: Option<String>,
}

impl Call for Save {
    const PATH: &'static str = "wallet.clip/save";
    const SUMMARY: &'static str = "Saves a deal for a member, once per creative.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Request = SaveRequest;
    type Reply = Clip;

    async fn run(directory: Directory, body: Received) -> Result<Clip, Failure> {
        let request: SaveRequest = body.parse::<Self>().await?;
        let input = ClipInput {
            creative_id: request.creative_id,
            deal_id: request.deal_id,
            variant_id: request.variant_id,
            deal_creative_format: request.deal_creative_format,
            deal_creative_content: request.deal_creative_content.map(Content::into_text),
            redeemed_at: time(request.redeemed_at),
        };
        let saved = directory.save_clip(&request.member_id, input, draw_record_id()?, None).await?;
        shown(&directory, saved, render)
    }
}

/// `wallet.clip/list-with-creative`
pub struct ListWithCreative;

impl Call for ListWithCreative {
    const PATH: &'static str = "wallet.clip/list-with-creative";
    const SUMMARY: &'static str = "Lists the clips of a member, the oldest first.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = ListRequest;
    type Reply = Listed<Clip>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<Clip>, Failure> {
        list(directory, body.parse::<Self>().await?, RecordKind::Clip, render).await
    }
}

/// `wallet.clip/delete`
pub struct Delete;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = |schema: &mut Schema| openapi::one_of(schema, &["id", "creative_id"]))]
pub struct DeleteRequest {
    #[schemars(with = "ids::MemberId")]
    member_id: String,
    #[schemars(with = "Option<model::record::ClipId>")]
    id: Option<String>,
    #[schemars(with = "Option<model::ForeignText>")]
    creative_id: Option<String>,
}

impl Call for Delete {
    const PATH: &'static str = "wallet.clip/delete";
    const SUMMARY: &'static str = "Removes a clip.";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Request = DeleteRequest;
    type Reply = Deleted;

    async fn run(directory: Directory, body: Received) -> Result<Deleted, Failure> {
        let DeleteRequest { member_id, id, creative_id } = body.parse::<Self>().await?;
        directory.delete_clip(&member_id, RecordSelector { id, own: creative_id }, None).await?;
        Ok(Deleted { deleted: 1 })
    }
}
