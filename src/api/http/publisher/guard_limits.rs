//! The limits of the guard, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::http::integer::Integer;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::directory::{RawLimit, RawTierLimit};
use crate::model::limits::GUARD_TIERS_MAX;
use crate::model::{GuardLimit, GuardLimits, PerKind, Tier, TierLimits};

/// How many members may be changed in each way within 24 hours.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GuardLimits")]
pub struct Limits {
    removals: Limit,
    identities: Limit,
    clears: Limit,
    reactivations: Limit,
    tiers: Limit,
    /// Limits of the removals of members of single tiers; left out if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = GUARD_TIERS_MAX))]
    removals_of_tiers: Vec<TierLimit>,
}

/// How many members of a tier may be removed within 24 hours.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GuardTierLimit")]
struct TierLimit {
    #[schemars(with = "Tier")]
    tier: String,
    #[schemars(range(max = 100))]
    percent: u8,
    count: u64,
}

/// A share of the members, and a number of members; 0 for no number.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GuardLimit")]
struct Limit {
    #[schemars(range(max = 100))]
    percent: u8,
    count: u64,
}

impl Limits {
    /// These limits.
    pub fn of(limits: &GuardLimits, tiers: &TierLimits) -> Self {
        let limit = |limit: GuardLimit| Limit { percent: limit.percent(), count: limit.count() };
        Self {
            removals: limit(limits.removals),
            identities: limit(limits.identities),
            clears: limit(limits.clears),
            reactivations: limit(limits.reactivations),
            tiers: limit(limits.tiers),
            removals_of_tiers: tiers
                .list()
                .into_iter()
                .map(|(tier, limit)| TierLimit {
                    tier: tier.as_str().to_owned(),
                    percent: limit.percent(),
                    count: limit.count(),
                })
                .collect(),
        }
    }
}

/// New limits; those that are left out stay.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardLimitsChange")]
pub struct LimitsChange {
    removals: Option<Object<LimitChange>>,
    identities: Option<Object<LimitChange>>,
    clears: Option<Object<LimitChange>>,
    reactivations: Option<Object<LimitChange>>,
    tiers: Option<Object<LimitChange>>,
    /// Limits of the removals of members of single tiers; those of other tiers stay. 100 percent and no
    /// number remove the limit of a tier.
    #[schemars(length(max = GUARD_TIERS_MAX))]
    removals_of_tiers: Option<Vec<Object<TierLimitChange>>>,
}

/// A new limit for a tier; what is left out stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardTierLimitChange")]
struct TierLimitChange {
    #[schemars(with = "Tier")]
    tier: String,
    #[schemars(with = "Option<values::Percent>")]
    percent: Option<Integer>,
    #[schemars(with = "Option<u64>")]
    count: Option<Integer>,
}

/// A new limit; what is left out stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardLimitChange")]
struct LimitChange {
    #[schemars(with = "Option<values::Percent>")]
    percent: Option<Integer>,
    #[schemars(with = "Option<u64>")]
    count: Option<Integer>,
}

/// The limits that a request sets, also those for single tiers; the directory refuses those that are out of
/// range.
pub fn limits(sent: Option<Object<LimitsChange>>) -> (PerKind<RawLimit>, Vec<RawTierLimit>) {
    let sent = sent.map(|sent| sent.0).unwrap_or_default();
    let of_tier = |Object(sent): Object<TierLimitChange>| RawTierLimit {
        tier: sent.tier,
        limit: RawLimit { percent: sent.percent.map(number), count: sent.count.map(number) },
    };
    let of_tiers = sent.removals_of_tiers.unwrap_or_default().into_iter().map(of_tier).collect();
    let limit = |sent: Option<Object<LimitChange>>| {
        let LimitChange { percent, count } = sent.map(|sent| sent.0).unwrap_or_default();
        RawLimit { percent: percent.map(number), count: count.map(number) }
    };
    let limits = PerKind {
        removals: limit(sent.removals),
        identities: limit(sent.identities),
        clears: limit(sent.clears),
        reactivations: limit(sent.reactivations),
        tiers: limit(sent.tiers),
    };
    (limits, of_tiers)
}

/// A number of a request; one that is out of range is too large.
pub fn number(sent: Integer) -> u64 {
    u64::try_from(sent.0).unwrap_or(u64::MAX)
}
