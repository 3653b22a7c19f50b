//! The refusal of a request.

use std::fmt;

use crate::model::guard::counts::GuardKind;
use crate::model::guard::limits::GuardLimit;
use crate::model::limits::GUARD_FREE;
use crate::model::refusal::error::{Reason, Refusal};
use crate::model::value::text::Tier;
use crate::model::words::some;

/// What a refused request would have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Members of a memberbase, in this way.
    Members(GuardKind),
    /// A memberbase, deleted with all its members.
    Base,
}

/// Why the guard refuses a request. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it would have changed.
    pub what: Guarded,
    /// How many members it would have changed.
    pub would_change: u64,
    /// The number of members that the limit is a share of.
    pub of: u64,
    /// How many were changed in this way within 24 hours.
    pub window: u64,
    /// The limit.
    pub limit: GuardLimit,
    /// The tier whose limit it is, if it is one for a single tier.
    pub tier: Option<Tier>,
}

impl Held {
    /// The kind of change that is refused; `None` for a memberbase.
    #[must_use]
    pub fn kind(&self) -> Option<GuardKind> {
        match self.what {
            Guarded::Members(kind) => Some(kind),
            Guarded::Base => None,
        }
    }

    /// The reason as a stable word.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self.what {
            Guarded::Members(GuardKind::Removals) | Guarded::Base => Reason::RemovalGuard,
            Guarded::Members(
                GuardKind::Identities | GuardKind::Clears | GuardKind::Reactivations | GuardKind::Tiers,
            ) => Reason::ChangeGuard,
        }
    }

    /// Which members the limit is for, in words, if it is for those of one tier.
    fn of_tier(&self) -> String {
        self.tier.as_ref().map(|tier| format!(" of the tier {:?}", tier.as_str())).unwrap_or_default()
    }

    /// What is too much of a plan that waits for somebody to approve it, with all numbers.
    #[must_use]
    pub fn of_plan(&self) -> String {
        let Self { would_change, of, window, limit, .. } = self;
        let kind = self.kind().unwrap_or(GuardKind::Removals);
        let before = match window {
            0 => String::new(),
            window => format!(" after {} within 24 hours", some(*window, ["other", "others"])),
        };
        format!(
            "it would {} {would_change} of {of} members{}{before}; at most {} are allowed within 24 hours \
             ({limit}, or {GUARD_FREE} if that is more)",
            kind.action(),
            self.of_tier(),
            limit.most(*of)
        )
    }

    /// The refusal of one row of the request.
    #[must_use]
    pub fn of_row(&self) -> Refusal {
        let Self { would_change, of, window, limit, .. } = self;
        let (field, cannot, would) = match self.what {
            Guarded::Members(GuardKind::Identities) => {
                ("", "the row cannot make its member somebody else", "change the identity of")
            }
            Guarded::Members(GuardKind::Clears) => {
                ("", "the row cannot clear data of its member", "clear data of")
            }
            Guarded::Members(GuardKind::Reactivations) => ("status", "cannot come back", "bring back"),
            Guarded::Members(GuardKind::Tiers) => ("tier", "cannot change", "change the tier of"),
            Guarded::Members(GuardKind::Removals) | Guarded::Base => {
                ("status", "cannot become inactive", "remove")
            }
        };
        let expect = self.kind().unwrap_or(GuardKind::Removals).as_str();
        let text = format!(
            "{cannot}: the call would {would} {would_change} of {of} members{} ({window} others within 24 \
             hours), over the limit of {limit}; see expect_{expect}",
            self.of_tier()
        );
        Refusal::field(self.reason(), field, text)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { would_change, of, window, limit, .. } = self;
        let Guarded::Members(kind) = self.what else {
            return write!(
                f,
                "the memberbase has {would_change} members; nothing was deleted. If this is intended, repeat \
                 the request with expect_members = {would_change} (over HTTP the header x-expect-members)"
            );
        };
        let (would, expect, of_tier) = (kind.action(), kind.as_str(), self.of_tier());
        let (were, nobody) = match kind {
            GuardKind::Removals => ("removed", "removed"),
            GuardKind::Reactivations => ("brought back", "changed"),
            GuardKind::Identities | GuardKind::Clears | GuardKind::Tiers => ("changed so", "changed"),
        };
        write!(
            f,
            "the request would {would} {would_change} of {of} members{of_tier}, and {window} others were \
             {were} within 24 hours, which is over the limit of {limit}; nobody was {nobody}. If this is \
             intended, repeat it with expect_{expect} = {would_change} (over HTTP the header \
             x-expect-{expect}) and an admin token"
        )
    }
}
