//! `member/list-changes`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list::{Page, Pagination, page};
use super::member::{one_key, selector};
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::api::http::publisher::call::Call;
use crate::api::http::publisher::failure::Failure;
use crate::api::http::publisher::ids;
use crate::api::http::receive::Received;
use crate::api::untaken;
use crate::directory::{
    AudienceMove, ChangeOrigin, Directory, HistoryEnd, HistoryKind, MemberChange, MemberChanges, RawKeys,
};
use crate::model::origin::Actor;
use crate::model::token::{AccessLevel, TokenDescription};
use crate::model::{self, BaseNumber, FieldChange, Sealer};

/// A part of the history of a member.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MemberChangePage")]
pub struct ChangePage {
    data: Vec<Change>,
    page: Page,
    /// Where the history ends; `null` unless this is the last page.
    end: Option<End>,
    #[schemars(with = "ids::MemberId")]
    member_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum End {
    Creation,
    Retention,
}

/// What one revision of the memberbase changed of the member.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MemberChange")]
struct Change {
    revision: u64,
    #[schemars(with = "model::Timestamp")]
    changed_at: String,
    kind: Kind,
    fields: Vec<Field>,
    audiences: Vec<Move>,
    origin: Option<Origin>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Kind {
    Created,
    Updated,
    Reactivated,
    Deleted,
    Restored,
}

/// A field that changed. Its values are texts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FieldChange")]
struct Field {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// An audience that the member entered or left.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AudienceMove")]
struct Move {
    audience_id: String,
    name: String,
    entered: bool,
}

/// Where a change came from.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ChangeOrigin")]
struct Origin {
    actor: Who,
    #[schemars(with = "Option<model::token::TokenId>")]
    token_id: Option<String>,
    token_description: Option<String>,
    door: &'static str,
    call: Option<&'static str>,
    job_id: Option<String>,
    import_id: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Who {
    Anybody,
    Operator,
    Token,
    System,
}

/// `member/list-changes`
pub struct ListChanges;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, transform = one_key)]
pub struct ListRequest {
    #[schemars(with = "Option<ids::MemberId>")]
    id: Option<String>,
    #[schemars(with = "Option<values::MemberBaseId>")]
    member_base_id: Option<String>,
    #[schemars(with = "Option<model::Ref>")]
    r#ref: Option<String>,
    #[schemars(with = "Option<model::Email>")]
    email: Option<String>,
    #[schemars(with = "Option<model::WorkerId>")]
    worker_id: Option<String>,
    pagination: Option<Object<Pagination>>,
}

impl Call for ListChanges {
    const PATH: &'static str = "member/list-changes";
    const SUMMARY: &'static str = "Lists what happened to a member, newest first.";
    const NEEDS: AccessLevel = AccessLevel::Read;
    type Request = ListRequest;
    type Reply = ChangePage;

    async fn run(directory: Directory, body: Received) -> Result<ChangePage, Failure> {
        let request: ListRequest = body.parse::<Self>().await?;
        let ListRequest { id, member_base_id, r#ref, email, worker_id, pagination } = request;
        let selector = selector(&directory, RawKeys { id, ref_: r#ref, email, worker_id }, member_base_id)?;
        let wanted = MemberChanges { selector, page: page(pagination, None), min_revision: None };
        let found = directory.list_member_changes(wanted).await?;
        untaken::keep(found.room);
        let (base, sealer) = (found.base, directory.sealer());
        let changes = found.changes.into_iter().map(|change| render(change, base, sealer));
        let data: Vec<Change> = changes.collect();
        Ok(ChangePage {
            page: Page::new(data.len(), found.cursor),
            data,
            end: found.end.map(|end| match end {
                HistoryEnd::Creation => End::Creation,
                HistoryEnd::Retention => End::Retention,
            }),
            member_id: sealer.member_id(base, found.row),
        })
    }
}

fn render(change: MemberChange, base: BaseNumber, sealer: &Sealer) -> Change {
    let MemberChange { revision, at, kind, origin, fields, audiences } = change;
    let moved = |AudienceMove { audience, name, entered }| Move {
        audience_id: sealer.audience_id(base, audience),
        name,
        entered,
    };
    Change {
        revision,
        changed_at: at.to_string(),
        kind: match kind {
            HistoryKind::Created => Kind::Created,
            HistoryKind::Updated => Kind::Updated,
            HistoryKind::Reactivated => Kind::Reactivated,
            HistoryKind::Deleted => Kind::Deleted,
            HistoryKind::Restored => Kind::Restored,
        },
        fields: fields
            .into_iter()
            .map(|FieldChange { field, before, after }| Field { field, before, after })
            .collect(),
        audiences: audiences.into_iter().map(moved).collect(),
        origin: origin.map(|origin| render_origin(origin, base, sealer)),
    }
}

fn render_origin(origin: ChangeOrigin, base: BaseNumber, sealer: &Sealer) -> Origin {
    let ChangeOrigin { actor, token, door, call, job, import } = origin;
    let (actor, token_id) = match actor {
        Actor::Nobody => (Who::Anybody, None),
        Actor::Owner => (Who::Operator, None),
        Actor::Token(id) => (Who::Token, Some(id.to_string())),
        Actor::System => (Who::System, None),
    };
    Origin {
        actor,
        token_id,
        token_description: token.map(TokenDescription::into_string),
        door: door.as_str(),
        call,
        job_id: job.map(|number| sealer.job_id(base, number)),
        import_id: import.map(|id| id.to_string()),
    }
}
