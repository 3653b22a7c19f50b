//! Limits and expectations of the guard on the wire.

use crate::api::grpc::v1;
use crate::directory::{Expected, RawLimit, RawTierLimit};
use crate::model::{
    GuardCounts, GuardExpectation, GuardLimit, GuardLimits, PerKind, Reason, Refusal, Tier, TierLimits,
};

/// The limits of a memberbase.
pub fn to_wire(limits: &GuardLimits, tiers: &TierLimits) -> v1::GuardLimits {
    let limit = |limit: GuardLimit| {
        Some(v1::GuardLimit { percent: Some(limit.percent().into()), count: Some(limit.count()) })
    };
    v1::GuardLimits {
        removals: limit(limits.removals),
        identities: limit(limits.identities),
        clears: limit(limits.clears),
        reactivations: limit(limits.reactivations),
        tiers: limit(limits.tiers),
        removals_of_tiers: tiers
            .list()
            .into_iter()
            .map(|(tier, limit)| v1::GuardTierLimit {
                tier: tier.as_str().to_owned(),
                percent: Some(limit.percent().into()),
                count: Some(limit.count()),
            })
            .collect(),
    }
}

/// The limits of single tiers that a request sets.
pub fn tier_limits(sent: Option<&v1::GuardLimits>) -> Vec<RawTierLimit> {
    let sent = sent.map(|sent| sent.removals_of_tiers.as_slice()).unwrap_or_default();
    let limit = |limit: &v1::GuardTierLimit| RawTierLimit {
        tier: limit.tier.clone(),
        limit: RawLimit { percent: limit.percent.map(u64::from), count: limit.count },
    };
    sent.iter().map(limit).collect()
}

/// How many members of single tiers are removed.
pub fn tier_counts(counts: &[(Tier, u64)]) -> Vec<v1::GuardTierCount> {
    let count = |(tier, removals): &(Tier, u64)| v1::GuardTierCount {
        tier: tier.as_str().to_owned(),
        removals: *removals,
    };
    counts.iter().map(count).collect()
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
    let GuardCounts { removals, identities, clears, reactivations, tiers, of_tiers: _ } = *counts;
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
