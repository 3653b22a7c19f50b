//! The limits of the guard, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::http::integer::Integer;
use crate::api::http::json::Object;
use crate::api::http::openapi::values;
use crate::directory::RawLimit;
use crate::model::{GuardLimit, GuardLimits, PerKind};

/// How many members may be changed in each way within 24 hours.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "GuardLimits")]
pub struct Limits {
    removals: Limit,
    identities: Limit,
    clears: Limit,
    reactivations: Limit,
    tiers: Limit,
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
    pub fn of(limits: &GuardLimits) -> Self {
        let limit = |limit: GuardLimit| Limit { percent: limit.percent(), count: limit.count() };
        Self {
            removals: limit(limits.removals),
            identities: limit(limits.identities),
            clears: limit(limits.clears),
            reactivations: limit(limits.reactivations),
            tiers: limit(limits.tiers),
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

/// The limits that a request sets; the directory refuses those that are out of range.
pub fn limits(sent: Option<Object<LimitsChange>>) -> PerKind<RawLimit> {
    let sent = sent.map(|sent| sent.0).unwrap_or_default();
    let limit = |sent: Option<Object<LimitChange>>| {
        let LimitChange { percent, count } = sent.map(|sent| sent.0).unwrap_or_default();
        RawLimit { percent: percent.map(number), count: count.map(number) }
    };
    PerKind {
        removals: limit(sent.removals),
        identities: limit(sent.identities),
        clears: limit(sent.clears),
        reactivations: limit(sent.reactivations),
        tiers: limit(sent.tiers),
    }
}

/// A number of a request; one that is out of range is too large.
pub fn number(sent: Integer) -> u64 {
    u64::try_from(sent.0).unwrap_or(u64::MAX)
}
