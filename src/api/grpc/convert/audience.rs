//! Audiences, and why a member is in one, on the wire.

use prost_types::{ListValue, Value, value::Kind};

use super::timestamp;
use super::value::filters_to_wire;
use crate::api::grpc::v1;
use crate::directory::{ExplainedMember, HandCounts, ShownAudience};
use crate::model::audience::{AudienceState, Seen, SeenCondition};
use crate::model::{BaseNumber, Explanation, Hand, Row, Sealer};

/// An audience on the wire.
pub fn to_wire(shown: &ShownAudience, sealer: &Sealer) -> v1::Audience {
    let ShownAudience { base, audience, is_pii, members, built } = shown;
    let state = match audience.state {
        AudienceState::Ready => v1::AudienceState::Ready,
        AudienceState::Building { .. } => v1::AudienceState::Building,
    };
    v1::Audience {
        id: sealer.audience_id(*base, audience.number),
        member_base_id: sealer.base_id(*base),
        name: audience.name.as_str().to_owned(),
        filters: filters_to_wire(audience.filter.raw()),
        state: state.into(),
        progress: built.map(|(done, total)| v1::AudienceProgress { done, total }),
        member_count: *members,
        pii: *is_pii,
        created_at: Some(timestamp(audience.created_at)),
        updated_at: Some(timestamp(audience.updated_at)),
        archived_at: audience.archived_at.map(timestamp),
        revision: audience.revision,
    }
}

/// What an add or a remove by hand did.
pub fn counts(counts: HandCounts) -> v1::HandCounts {
    let HandCounts { changed, unchanged, unknown, revision } = counts;
    v1::HandCounts { changed, unchanged, unknown, revision }
}

/// An explanation on the wire.
pub fn explained(
    explained: ExplainedMember,
    sealer: &Sealer,
    base: BaseNumber,
) -> v1::ExplainMembershipResponse {
    let ExplainedMember { row, explanation, revision } = explained;
    let Explanation { is_in, is_matched, hand, conditions } = explanation;
    let hand = match hand {
        Hand::None => v1::Hand::Unspecified,
        Hand::Picked => v1::Hand::Picked,
        Hand::Removed => v1::Hand::Removed,
    };
    let condition = |condition: SeenCondition| v1::ExplainedCondition {
        path: condition.path,
        key: condition.key,
        operator: condition.operator.to_owned(),
        holds: condition.holds,
        decided: condition.decided,
        value: seen(condition.seen, sealer, base, row).map(|kind| Value { kind: Some(kind) }),
    };
    v1::ExplainMembershipResponse {
        member: is_in,
        member_id: sealer.member_id(base, row),
        hand: hand.into(),
        matched: is_matched,
        conditions: conditions.into_iter().map(condition).collect(),
        revision,
    }
}

/// A value that a condition saw; `None` if the member has none.
fn seen(seen: Seen, sealer: &Sealer, base: BaseNumber, row: Row) -> Option<Kind> {
    let list = |texts: Vec<String>| {
        let values = texts.into_iter().map(|text| Value { kind: Some(Kind::StringValue(text)) });
        Kind::ListValue(ListValue { values: values.collect() })
    };
    Some(match seen {
        Seen::Absent => return None,
        Seen::Text(text) => Kind::StringValue(text),
        Seen::Number(number) => Kind::NumberValue(number),
        Seen::Bool(value) => Kind::BoolValue(value),
        Seen::Date(date) => Kind::StringValue(date.to_text()),
        Seen::Instant(at) => Kind::StringValue(at.to_string()),
        Seen::List(texts) => list(texts),
        Seen::Member => Kind::StringValue(sealer.member_id(base, row)),
        Seen::Present => Kind::BoolValue(true),
        Seen::Audiences(audiences) => {
            list(audiences.into_iter().map(|audience| sealer.audience_id(base, audience)).collect())
        }
    })
}
