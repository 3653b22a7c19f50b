//! The settings of a memberbase, and its counts of members.

use crate::model::access::origin::Door;
use crate::model::guard::limits::GuardLimits;
use crate::model::guard::tiers::TierLimits;
use crate::model::limits::TIERS_MAX;
use crate::model::membership::member::Status;
use crate::model::refusal::error::{Reason, Refusal, Violations};
use crate::model::refusal::violation::Rule;
use crate::model::value::text::{BaseName, Tier};

/// The settings that the owner of a memberbase chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSettings {
    /// Its name, which need not be unique.
    pub name: BaseName,
    /// The status of members that are created or come back: active or invited, see [`parse_new_members`].
    /// Without it, each door has its own default.
    pub new_members: Option<Status>,
    /// Whether a new member starts active if the same address has an active account in another memberbase.
    pub share_accounts: bool,
    /// The tiers that members may have, in the owner's order of display. An empty list allows any tier.
    pub tiers: Vec<Tier>,
    /// How many of its members may be changed in each way within 24 hours.
    pub guard_limits: GuardLimits,
    /// How many members of single tiers may be removed within 24 hours.
    pub tier_limits: TierLimits,
}

impl BaseSettings {
    /// The settings of a new memberbase for which only a name was given.
    pub fn named(name: BaseName) -> Self {
        let (tiers, guard_limits, tier_limits) = (Vec::new(), GuardLimits::default(), TierLimits::default());
        Self { name, new_members: None, share_accounts: false, tiers, guard_limits, tier_limits }
    }

    /// The status of members that are created, or come back, through `door`.
    #[must_use]
    pub fn first_status(&self, door: Door) -> Status {
        self.new_members.unwrap_or(door.first_status())
    }
}

/// Parses the setting `tiers`: up to [`TIERS_MAX`] valid names, each at most once.
pub fn parse_tiers(names: Vec<String>) -> Result<Vec<Tier>, Refusal> {
    let mut faults = Violations::default();
    if names.len() > TIERS_MAX {
        let description = format!("must have at most {TIERS_MAX} items, not {}", names.len());
        return Err(Refusal::field(Reason::TierInvalid, "tiers", description));
    }
    let mut tiers = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let Some(tier) = faults.check(format!("tiers[{index}]"), Tier::parse(name)) else { continue };
        if tiers.contains(&tier) {
            faults.add(Reason::TierInvalid, format!("tiers[{index}]"), "must not be listed twice");
        }
        tiers.push(tier);
    }
    faults.finish(tiers)
}

/// Parses the setting `new_members`. A member never starts inactive.
pub fn parse_new_members(text: &str) -> Result<Status, Rule> {
    match Status::parse(text) {
        Ok(status @ (Status::Active | Status::Invited)) => Ok(status),
        Ok(Status::Inactive) | Err(_) => Err(Rule::must_be(Reason::StatusInvalid, "active or invited")),
    }
}

/// The exact number of members in each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusCounts {
    /// Invited members.
    pub invited: u64,
    /// Active members.
    pub active: u64,
    /// Inactive members.
    pub inactive: u64,
}

impl StatusCounts {
    /// The number of all members.
    pub fn total(&self) -> u64 {
        self.invited + self.active + self.inactive
    }

    /// The number of members in a status.
    pub fn get(&self, status: Status) -> u64 {
        match status {
            Status::Invited => self.invited,
            Status::Active => self.active,
            Status::Inactive => self.inactive,
        }
    }

    /// The number of members in a status, mutable.
    pub fn get_mut(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Invited => &mut self.invited,
            Status::Active => &mut self.active,
            Status::Inactive => &mut self.inactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_members_start_active_or_invited() {
        assert_eq!(parse_new_members("active"), Ok(Status::Active));
        assert_eq!(parse_new_members("invited"), Ok(Status::Invited));
        for text in ["inactive", "", "Active"] {
            assert_eq!(parse_new_members(text).unwrap_err().describe(), "must be active or invited");
        }
    }

    #[test]
    fn tiers_are_valid_names_each_once() {
        let parse = |names: &[&str]| parse_tiers(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(parse(&["Gold", "gold"]).unwrap().len(), 2);
        let faults: Vec<_> = parse(&["Gold", "", "Gold"]).unwrap_err().violations;
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["tiers[1]", "tiers[2]"]);
        assert!(parse_tiers(vec!["a".to_owned(); TIERS_MAX + 1]).is_err());
    }

    #[test]
    fn counts_add_up_over_every_status() {
        let mut counts = StatusCounts::default();
        for (status, number) in Status::ALL.into_iter().zip([1, 20, 300]) {
            *counts.get_mut(status) += number;
            assert_eq!(counts.get(status), number);
        }
        assert_eq!(counts, StatusCounts { invited: 1, active: 20, inactive: 300 });
        assert_eq!(counts.total(), 321);
    }
}
