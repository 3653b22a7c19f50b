//! Changes of the base itself.

use std::sync::Arc;

use crate::model::limits::GUARD_FREE;
use crate::model::schema::AttributeSchema;
use crate::model::{MemberPatch, Reason, Refusal, Row, Tier, Violations, words};
use crate::stored::commit::Change;
use crate::table::index::published::Published;
use crate::table::index::sets::SetField;
use crate::table::plan::batch::{Moves, Plan};
use crate::table::read::summary::BaseSummary;
use crate::table::{SettingsRequest, TableError};

impl Plan<'_> {
    /// The base after what was planned so far.
    pub async fn summary(&self) -> BaseSummary {
        let published = self.open.published.read().await;
        BaseSummary::new(self.open.number, &self.layer.header, published.sets.unindexed())
    }

    /// Applies the request. Settings that are already as requested do not change. Refuses to restore a base
    /// that is not deleted, and to delete one with more than [`GUARD_FREE`] members unless the request
    /// expects their number.
    pub async fn change_settings(&mut self, request: &SettingsRequest) -> Result<(), TableError> {
        if request.deleted == Some(false) && self.layer.header.deleted_at.is_none() {
            return Err(Refusal::new(Reason::NotDeleted).into());
        }
        let members = self.layer.header.counts.total();
        if request.deleted == Some(true) && members > GUARD_FREE && request.expect_members != Some(members) {
            return Err(TableError::Guard(self.guard_state().held_base(members)));
        }
        if let Some(tiers) = request.tiers.as_deref().filter(|tiers| !tiers.is_empty()) {
            let open = self.open;
            self.check_tiers(&*open.published.read().await, tiers)?;
        }
        let schema = self.layer.header.schema.as_ref();
        let wanted = request.schema.as_ref().filter(|wanted| schema.is_none_or(|schema| !schema.is(wanted)));
        let revision = self.revision() + 1;
        let schema = wanted.map(|wanted| {
            AttributeSchema::following(schema.map(|schema| &**schema), wanted, revision, self.now)
        });
        if let Some(schema) = &schema {
            self.audiences.definitions().audiences().may_have_schema(schema)?;
        }
        let limits = self.layer.header.settings.tier_limits.changed(&request.tier_limits)?;
        let before = self.layer.header.clone();
        let now = self.now;
        let header = &mut self.layer.header;
        if let Some(name) = &request.name {
            header.settings.name = name.clone();
        }
        if let Some(status) = request.new_members {
            header.settings.new_members = Some(status);
        }
        if let Some(shared) = request.share_accounts {
            header.settings.share_accounts = shared;
        }
        if let Some(tiers) = &request.tiers {
            header.settings.tiers.clone_from(tiers);
        }
        header.settings.guard_limits = header.settings.guard_limits.changed(&request.guard_limits);
        // Another tier begins at nothing.
        header.window.forget_tiers(&header.settings.tier_limits.left_by(&limits));
        header.settings.tier_limits = limits;
        if header.settings != before.settings {
            header.updated_at = now;
        }
        if let Some(schema) = schema {
            header.schema = Some(Arc::new(schema));
            header.updated_at = now;
        }
        match request.deleted {
            Some(true) => header.deleted_at = Some(now),
            Some(false) => header.deleted_at = None,
            None => {}
        }
        if *header != before {
            header.settings_revision = header.revision + 1;
            self.note(Row(0), Change::Base, Some(&before.encode_settings()), &[], Moves::default());
        }
        Ok(())
    }

    /// Refuses tiers if a member is in one that is missing from them.
    fn check_tiers(&self, published: &Published, tiers: &[Tier]) -> Result<(), Refusal> {
        let Some(in_use) = published.sets.values(SetField::Tier) else {
            let description = "cannot be fixed while members are in more than 4,096 different tiers, or if \
                               they were since the memberbase was opened; restarting the server counts them \
                               again";
            return Err(Refusal::field(Reason::TierInUse, "tiers", description));
        };
        let mut names: Vec<&str> = in_use.collect();
        let moves = || self.moves_after(published).filter(|change| change.field == SetField::Tier);
        names.extend(moves().map(|change| &*change.value));
        names.sort_unstable();
        names.dedup();
        let mut faults = Violations::default();
        for name in names.into_iter().filter(|name| !tiers.iter().any(|tier| tier.as_str() == *name)) {
            let stored = published.sets.count(SetField::Tier, name).unwrap_or(0);
            let members = moves().filter(|change| &*change.value == name).fold(stored, |members, change| {
                if change.enters { members + 1 } else { members.saturating_sub(1) }
            });
            if members > 0 {
                let members = words::some(members, ["member is", "members are"]);
                let description = format!("must include {name:?}, because {members} in it");
                faults.add(Reason::TierInUse, "tiers", description);
            }
        }
        faults.finish(())
    }

    /// Refuses a tier that the base does not have.
    pub(super) fn check_tier(&self, patch: &MemberPatch) -> Result<(), Refusal> {
        patch.tier.as_set().map_or(Ok(()), |tier| self.check_one_tier(tier))
    }

    /// Refuses this tier if the base does not have it.
    pub(super) fn check_one_tier(&self, tier: &Tier) -> Result<(), Refusal> {
        let tiers = &self.layer.header.settings.tiers;
        if tiers.is_empty() || tiers.contains(tier) {
            return Ok(());
        }
        let description = "is not one of the tiers of the memberbase";
        Err(Refusal::field(Reason::TierInvalid, "tier", description))
    }
}
