//! `wallet.clip/save`, `wallet.clip/list-with-creative` and `wallet.clip/delete`

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::content::Content;
use super::{Listed, list, shown, time, wrong_kind};
use crate::api::http::body::Received;
use crate::api::http::call::{Call, Failure};
use crate::directory::{ClipInput, Directory, Error, RecordSelector, draw_record_id};
use crate::model::token::AccessLevel;
use crate::model::{ForeignText, MemberRecord, RecordKind, Violations};

/// A deal that a member saved. Everything that was never told of it is `null`.
#[derive(Debug, Serialize)]
pub struct Clip {
    id: String,
    member_id: String,
    creative_id: String,
    deal_id: Option<String>,
    variant_id: Option<String>,
    deal_creative_format: Option<String>,
    deal_creative_content: Option<Map<String, Value>>,
    created_at: String,
    updated_at: String,
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
        // What was stored is an object.
        deal_creative_content: details.content.and_then(|object| serde_json::from_str(object.as_str()).ok()),
        created_at: clip.created_at.to_string(),
        updated_at: clip.updated_at.to_string(),
        redeemed_at: details.redeemed_at.map(|at| at.to_string()),
    })
}

/// `wallet.clip/save`
pub struct Save;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaveRequest {
    member_id: String,
    creative_id: String,
    deal_id: Option<String>,
    variant_id: Option<String>,
    deal_creative_format: Option<String>,
    deal_creative_content: Option<Content>,
    redeemed_at: Option<String>,
}

impl Call for Save {
    const PATH: &'static str = "wallet.clip/save";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = Clip;

    async fn run(directory: Directory, body: Received) -> Result<Clip, Failure> {
        let request: SaveRequest = body.parse()?;
        let mut faults = Violations::default();
        let redeemed_at = time(&mut faults, "redeemed_at", request.redeemed_at);
        faults.finish(())?;
        let input = ClipInput {
            creative_id: request.creative_id,
            deal_id: request.deal_id,
            variant_id: request.variant_id,
            deal_creative_format: request.deal_creative_format,
            deal_creative_content: request.deal_creative_content.map(Content::into_text),
            redeemed_at,
        };
        let saved = directory.save_clip(&request.member_id, input, draw_record_id()?, None).await?;
        shown(&directory, saved, render)
    }
}

/// `wallet.clip/list-with-creative`
pub struct ListWithCreative;

impl Call for ListWithCreative {
    const PATH: &'static str = "wallet.clip/list-with-creative";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Reply = Listed<Clip>;

    async fn run(directory: Directory, body: Received) -> Result<Listed<Clip>, Failure> {
        list(directory, body, RecordKind::Clip, render).await
    }
}

/// `wallet.clip/delete`
pub struct Delete;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeleteRequest {
    member_id: String,
    id: Option<String>,
    creative_id: Option<String>,
}

/// How many clips were deleted: always one, because a clip that is not there is an error.
#[derive(Debug, Serialize)]
pub struct Deleted {
    deleted: u64,
}

impl Call for Delete {
    const PATH: &'static str = "wallet.clip/delete";
    const NEEDS: AccessLevel = AccessLevel::Write;
    type Reply = Deleted;

    async fn run(directory: Directory, body: Received) -> Result<Deleted, Failure> {
        let DeleteRequest { member_id, id, creative_id } = body.parse()?;
        directory.delete_clip(&member_id, RecordSelector { id, own: creative_id }, None).await?;
        Ok(Deleted { deleted: 1 })
    }
}
