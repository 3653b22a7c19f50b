//! Memberbases on the wire.

use super::{guard, timestamp};
use crate::api::grpc::v1;
use crate::directory::BaseSummary;
use crate::model::{Sealer, StatusCounts, Tier};

/// A memberbase on the wire.
pub fn to_wire(base: BaseSummary, sealer: &Sealer) -> v1::MemberBase {
    v1::MemberBase {
        id: sealer.base_id(base.number),
        new_members: base.settings.new_members.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        name: base.settings.name.into_string(),
        share_accounts: base.settings.share_accounts,
        tiers: base.settings.tiers.into_iter().map(Tier::into_string).collect(),
        removal_limit_percent: base.settings.guard_limits.removals.percent().into(),
        guard_limits: Some(guard::to_wire(&base.settings.guard_limits, &base.settings.tier_limits)),
        counts: Some(counts(base.counts)),
        unindexed_fields: base.unindexed,
        created_at: Some(timestamp(base.created_at)),
        updated_at: Some(timestamp(base.updated_at)),
        deleted_at: base.deleted_at.map(timestamp),
        revision: base.revision,
    }
}

fn counts(counts: StatusCounts) -> v1::MemberCounts {
    v1::MemberCounts {
        active: counts.active,
        invited: counts.invited,
        inactive: counts.inactive,
        total: counts.total(),
    }
}
