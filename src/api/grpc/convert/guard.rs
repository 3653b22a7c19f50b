//! Limits and expectations of the guard on the wire.

use crate::api::grpc::v1;
use crate::directory::{Expected, RawLimit};
use crate::model::{GuardCounts, GuardExpectation, GuardLimit, GuardLimits, PerKind, Reason, Refusal};

/// The limits of a memberbase.
pub fn to_wire(limits: &GuardLimits) -> v1::GuardLimits {
    let limit = |limit: GuardLimit| {
        Some(v1::GuardLimit { percent: Some(limit.percent().into()), count: Some(limit.count()) })
    };
    v1::GuardLimits {
        removals: limit(limits.removals),
        identities: limit(limits.identities),
        clears: limit(limits.clears),
        reactivations: limit(limits.reactivations),
        tiers: limit(limits.tiers),
    }
}

/// The limits that a request sets.
pub fn limits(sent: Option<v1::GuardLimits>) -> PerKind<RawLimit> {
    let sent = sent.unwrap_or_default();
    let limit = |limit: Option<v1::GuardLimit>| {
        let v1::GuardLimit { percent, count } = limit.unwrap_or_default();
        RawLimit { percent: percent.map(u64::from), count }
    };
    PerKind {
        removals: limit(sent.removals),
        identities: limit(sent.identities),
        clears: limit(sent.clears),
        reactivations: limit(sent.reactivations),
        tiers: limit(sent.tiers),
    }
}

/// What the guard counts.
pub fn counts(counts: &GuardCounts) -> v1::GuardCounts {
    let GuardCounts { removals, identities, clears, reactivations, tiers } = *counts;
    v1::GuardCounts { removals, identities, clears, reactivations, tiers }
}

/// What a request is meant to change. Removals have two names.
pub fn expected(sent: Option<v1::GuardExpectation>, removals: Option<u64>) -> Result<Expected, Refusal> {
    let sent = sent.unwrap_or_default();
    if removals.is_some() && sent.removals.is_some() && removals != sent.removals {
        let text = "differs from expect.removals";
        return Err(Refusal::field(Reason::FieldConflict, "expect_removals", text));
    }
    Ok(Expected::changes(GuardExpectation {
        removals: removals.or(sent.removals),
        identities: sent.identities,
        clears: sent.clears,
        reactivations: sent.reactivations,
        tiers: sent.tiers,
    }))
}
