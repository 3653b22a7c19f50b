//! The history of a member on the wire.

use super::timestamp;
use crate::api::grpc::v1;
use crate::directory::{AudienceMove, ChangeOrigin, HistoryEnd, HistoryKind, MemberChange};
use crate::model::origin::Actor;
use crate::model::{BaseNumber, FieldChange, Sealer};

/// A change on the wire.
pub fn change(change: MemberChange, base: BaseNumber, sealer: &Sealer) -> v1::MemberChange {
    let MemberChange { revision, at, kind, origin, fields, audiences } = change;
    let field = |FieldChange { field, before, after }| v1::MemberFieldChange { field, before, after };
    let moved = |AudienceMove { audience, name, entered }| v1::AudienceMove {
        audience_id: sealer.audience_id(base, audience),
        name,
        entered,
    };
    v1::MemberChange {
        revision,
        changed_at: Some(timestamp(at)),
        kind: kind_to_wire(kind).into(),
        fields: fields.into_iter().map(field).collect(),
        audiences: audiences.into_iter().map(moved).collect(),
        origin: origin.map(|origin| origin_to_wire(origin, base, sealer)),
    }
}

/// Where a history ends, on the wire.
pub fn end(end: Option<HistoryEnd>) -> v1::HistoryEnd {
    match end {
        None => v1::HistoryEnd::Unspecified,
        Some(HistoryEnd::Creation) => v1::HistoryEnd::Creation,
        Some(HistoryEnd::Retention) => v1::HistoryEnd::Retention,
    }
}

fn kind_to_wire(kind: HistoryKind) -> v1::MemberChangeKind {
    match kind {
        HistoryKind::Created => v1::MemberChangeKind::Created,
        HistoryKind::Updated => v1::MemberChangeKind::Updated,
        HistoryKind::Reactivated => v1::MemberChangeKind::Reactivated,
        HistoryKind::Deleted => v1::MemberChangeKind::Deleted,
        HistoryKind::Restored => v1::MemberChangeKind::Restored,
    }
}

fn origin_to_wire(origin: ChangeOrigin, base: BaseNumber, sealer: &Sealer) -> v1::ChangeOrigin {
    let ChangeOrigin { actor, token, door, call, job, import } = origin;
    let (actor, token_id) = match actor {
        Actor::Nobody => (v1::ChangeActor::Anybody, String::new()),
        Actor::Owner => (v1::ChangeActor::Operator, String::new()),
        Actor::Token(id) => (v1::ChangeActor::Token, id.to_string()),
        Actor::System => (v1::ChangeActor::System, String::new()),
    };
    v1::ChangeOrigin {
        actor: actor.into(),
        token_id,
        token_description: token.map(|text| text.as_str().to_owned()).unwrap_or_default(),
        door: door.as_str().to_owned(),
        call: call.unwrap_or_default().to_owned(),
        job_id: job.map(|number| sealer.job_id(base, number)).unwrap_or_default(),
        import_id: import.map(|id| id.to_string()).unwrap_or_default(),
    }
}
