//! Memberbases themselves: create, read, list, change, delete and bring back.

use std::time::Instant;

use super::access::view;
use super::handle::result_of_another_call;
use super::list::check::{self, Check, Checked};
use super::list::{Page, RawPage};
use super::{Directory, Error, REPLY_BYTES};
use crate::model::base::{parse_new_members, parse_tiers};
use crate::model::limits::PAGE_LIMIT_MAX;
use crate::model::origin::Call;
use crate::model::token::AccessLevel;
use crate::model::{
    BaseName, BaseNumber, BaseSettings, BaseView, Direction, Effort, Filter, GuardKind, GuardLimitsChange,
    LimitChange, Origin, PerKind, RawFilter, Reason, Tier, TierLimitChange, Violations,
};
use crate::table::{BaseSummary, CreatedBase, RequestResult, SetField, SettingsRequest};

/// What a memberbase takes in a reply besides its name, in bytes.
const FIXED_BYTES: usize = 256;
/// Cursors of this list are bound to a number that no memberbase has.
const NO_BASE: BaseNumber = BaseNumber(u32::MAX);

/// Name and settings of a memberbase as a caller sent them.
#[derive(Debug, Clone, Default)]
pub struct BaseChange {
    /// The name.
    pub name: Option<String>,
    /// The status of new members.
    pub new_members: Option<String>,
    /// Whether accounts are shared.
    pub share_accounts: Option<bool>,
    /// The tiers that members may have; empty: any.
    pub tiers: Option<Vec<String>>,
    /// The share of the members that may be removed within 24 hours, in percent; the older way to set it.
    pub removal_limit: Option<u64>,
    /// The limits of the guard.
    pub guard_limits: PerKind<RawLimit>,
    /// The limits of removals of single tiers.
    pub tier_limits: Vec<RawTierLimit>,
}

/// A limit of removals of members of one tier as a caller sent it.
#[derive(Debug, Clone, Default)]
pub struct RawTierLimit {
    /// The name of the tier.
    pub tier: String,
    /// The limit.
    pub limit: RawLimit,
}

/// A limit of the guard as a caller sent it; `None` leaves a part of it as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawLimit {
    /// In percent of the members.
    pub percent: Option<u64>,
    /// In members; 0 for no limit.
    pub count: Option<u64>,
}

/// The tiers of a memberbase.
#[derive(Debug)]
pub struct TierList {
    /// Names, each with its exact number of members where that is known without looking at all of them.
    pub tiers: Vec<(String, Option<u64>)>,
    /// Whether these are the only ones that members may have.
    pub is_fixed: bool,
    /// The revision that the list shows.
    pub revision: u64,
}

/// Which memberbases to list.
#[derive(Debug, Default)]
pub struct BaseList {
    /// All of these hold.
    pub filters: Vec<RawFilter>,
    /// Which page.
    pub page: RawPage,
    /// Whether to list deleted ones as well.
    pub include_deleted: bool,
}

/// A part of a list of memberbases.
#[derive(Debug)]
pub struct BasePage {
    /// The memberbases, in the order asked for.
    pub bases: Vec<BaseSummary>,
    /// Where the next page starts; `None` at the end.
    pub cursor: Option<String>,
}

impl Directory {
    /// Creates a memberbase without members. Its new members start as `active` unless `change` says
    /// otherwise.
    pub async fn create_base(&self, change: BaseChange) -> Result<BaseSummary, Error> {
        Ok(self.make_base(change, false).await?.base)
    }

    /// Returns the memberbase with that name, its settings unchanged, or else creates one as
    /// [`Directory::create_base`] does. Deleted memberbases do not count.
    pub async fn find_or_create_base(&self, change: BaseChange) -> Result<CreatedBase, Error> {
        self.make_base(change, true).await
    }

    /// Only the table decides whether the name exists already, because an earlier check could be outdated.
    async fn make_base(&self, change: BaseChange, unless_named: bool) -> Result<CreatedBase, Error> {
        let change = BaseChange { name: Some(change.name.unwrap_or_default()), ..change };
        let request = parse(change, self.origin(Call::CREATE_BASE))?;
        let mut settings =
            BaseSettings::named(request.name.ok_or(Error::Internal { private: String::new() })?);
        settings.new_members = request.new_members;
        settings.share_accounts = request.share_accounts.unwrap_or(settings.share_accounts);
        settings.tiers = request.tiers.unwrap_or_default();
        settings.guard_limits = settings.guard_limits.changed(&request.guard_limits);
        settings.tier_limits = settings.tier_limits.changed(&request.tier_limits)?;
        let table = self.guarded.store(AccessLevel::Admin).await?;
        if let Some(stored) = self.stored_result() {
            let RequestResult::Base(number) = stored.result else { return Err(result_of_another_call()) };
            let base = table.base(number).await?.view().await.summary();
            // The stored result has a revision only if the memberbase was found.
            return Ok(CreatedBase { base, is_new: stored.revision.is_none() });
        }
        if unless_named {
            return Ok(table.find_or_create_base(settings, self.claim()).await?);
        }
        Ok(CreatedBase { base: table.create_base(settings, self.claim()).await?, is_new: true })
    }

    /// A memberbase with its exact counts.
    pub async fn get_base(&self, number: BaseNumber) -> Result<BaseSummary, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        Ok(view(&base, None).await?.summary())
    }

    /// Changes the given settings, and leaves the others.
    pub async fn update_base(
        &self,
        number: BaseNumber,
        change: BaseChange,
        deadline: Option<Instant>,
    ) -> Result<BaseSummary, Error> {
        let request = SettingsRequest { deadline, ..parse(change, self.origin(Call::UPDATE_BASE))? };
        self.change(number, false, request).await
    }

    /// The tiers of a memberbase, with the number of members in each: the fixed tiers if the memberbase has
    /// any, or else those in use.
    pub async fn tiers(&self, number: BaseNumber) -> Result<TierList, Error> {
        let base = self.guarded.base(AccessLevel::Read, number).await?;
        let view = view(&base, None).await?;
        let fixed = view.summary().settings.tiers;
        let is_fixed = !fixed.is_empty();
        let names: Vec<String> = if is_fixed {
            fixed.into_iter().map(Tier::into_string).collect()
        } else {
            let in_use = view.sets().values(SetField::Tier).ok_or(Error::TooManyTiers)?;
            in_use.map(str::to_owned).collect()
        };
        let count = |name: String| {
            let members = view.sets().count(SetField::Tier, &name);
            (name, members)
        };
        Ok(TierList { tiers: names.into_iter().map(count).collect(), is_fixed, revision: view.revision() })
    }

    /// Hides a memberbase and its members. If it has more than a few members, the caller must have said how
    /// many ([`Directory::expecting`]).
    pub async fn delete_base(
        &self,
        number: BaseNumber,
        deadline: Option<Instant>,
    ) -> Result<BaseSummary, Error> {
        let origin = self.origin(Call::DELETE_BASE);
        let expect_members = self.expected_members();
        let deleted = Some(true);
        let request = SettingsRequest { deleted, expect_members, deadline, ..SettingsRequest::new(origin) };
        self.change(number, false, request).await
    }

    /// Brings a deleted memberbase back.
    pub async fn undelete_base(
        &self,
        number: BaseNumber,
        deadline: Option<Instant>,
    ) -> Result<BaseSummary, Error> {
        let origin = self.origin(Call::UNDELETE_BASE);
        let request = SettingsRequest { deleted: Some(false), deadline, ..SettingsRequest::new(origin) };
        self.change(number, true, request).await
    }

    /// One page of the memberbases.
    pub async fn list_bases(&self, list: BaseList) -> Result<BasePage, Error> {
        let key = self.guarded.cursor_key();
        let parse = |filters| Filter::parse_bases(filters, self.sealer());
        let filter = check::parse(list.filters, parse).await;
        let page = Page::parse(list.page, filter, key, NO_BASE)?;
        page.check_skip()?;
        let mut after = page.after.map(|number| BaseNumber(u32::try_from(number).unwrap_or(u32::MAX)));
        let mut skip = page.skip;
        let mut bases = Vec::new();
        let mut check = Check::new(&page.filter);
        let mut bytes = 0;
        loop {
            let read = self.read_bases(after, page.direction).await?;
            if read.is_empty() {
                return Ok(BasePage { bases, cursor: None });
            }
            let Checked { items, is_over } = check.check(read, matches).await;
            for (base, is_match) in items {
                let shown = (list.include_deleted || base.deleted_at.is_none())
                    && self.guarded.sees_base(base.number);
                let matches = shown && is_match;
                let is_full = bases.len() == page.limit || bytes > REPLY_BYTES;
                if matches && skip == 0 && is_full {
                    let last = after.map_or(0, |number| u64::from(number.0));
                    return Ok(BasePage { bases, cursor: Some(page.cursor(key, last, 0)) });
                }
                after = Some(base.number);
                if matches && skip > 0 {
                    skip -= 1;
                } else if matches {
                    bytes += FIXED_BYTES + base.settings.name.as_str().len();
                    bases.push(base);
                }
            }
            if is_over {
                let last = after.map_or(0, |number| u64::from(number.0));
                return Ok(BasePage { bases, cursor: Some(page.cursor(key, last, skip)) });
            }
        }
    }

    async fn read_bases(&self, after: Option<BaseNumber>, way: Direction) -> Result<Vec<BaseSummary>, Error> {
        let limit = usize::try_from(PAGE_LIMIT_MAX).unwrap_or(usize::MAX);
        Ok(self
            .guarded
            .bases(AccessLevel::Read)
            .await?
            .list_bases(after, way == Direction::Descending, limit)
            .await?)
    }

    /// Changes a memberbase; `deleted` says whether it must be a deleted one.
    async fn change(
        &self,
        number: BaseNumber,
        deleted: bool,
        request: SettingsRequest,
    ) -> Result<BaseSummary, Error> {
        let base = self.guarded.base(AccessLevel::Admin, number).await?;
        let summary = base.view().await.summary();
        if self.stored_result().is_some() {
            // Only the repeat of a delete sees a deleted memberbase.
            let is_hidden = summary.deleted_at.is_some() && request.deleted != Some(true);
            return if is_hidden { Err(Error::MemberBaseNotFound) } else { Ok(summary) };
        }
        let request = SettingsRequest { claim: self.claim(), ..request };
        // The lane checks this again, because other requests may come first.
        let is_deleted = summary.deleted_at.is_some();
        match (deleted, is_deleted) {
            (true, false) => Err(Error::NotDeleted),
            (false, true) => Err(Error::MemberBaseNotFound),
            (true, true) | (false, false) => Ok(base.change_settings(request).await?),
        }
    }
}

fn parse(change: BaseChange, origin: Origin) -> Result<SettingsRequest, Error> {
    let mut faults = Violations::default();
    let request = SettingsRequest {
        name: change.name.and_then(|name| faults.check("name", BaseName::parse(name))),
        new_members: change
            .new_members
            .and_then(|word| faults.check("new_members", parse_new_members(&word))),
        share_accounts: change.share_accounts,
        guard_limits: parse_limits(change.removal_limit, &change.guard_limits, &mut faults),
        tier_limits: parse_tier_limits(change.tier_limits, &mut faults),
        tiers: match change.tiers.map(parse_tiers).transpose() {
            Ok(tiers) => tiers,
            Err(refusal) => {
                faults.extend(refusal);
                None
            }
        },
        ..SettingsRequest::new(origin)
    };
    Ok(faults.finish(request)?)
}

/// Parses the limits of the guard. The share of removals has two names.
fn parse_limits(
    removals: Option<u64>,
    sent: &PerKind<RawLimit>,
    faults: &mut Violations,
) -> GuardLimitsChange {
    let again = sent.removals.percent;
    if removals.is_some() && again.is_some() && removals != again {
        let text = "differs from guard_limits.removals.percent";
        faults.add(Reason::FieldConflict, "removal_limit_percent", text);
    }
    GuardLimitsChange::of(|kind| {
        let RawLimit { percent, count } = sent.get(kind);
        let older = removals.filter(|_| kind == GuardKind::Removals);
        let (percent, field) = match (percent, older) {
            (None, Some(older)) => (Some(older), "removal_limit_percent".to_owned()),
            (percent, _) => (percent, format!("guard_limits.{}.percent", kind.as_str())),
        };
        let percent = percent.and_then(|percent| faults.check(field, LimitChange::of_percent(percent)));
        let field = format!("guard_limits.{}.count", kind.as_str());
        let count = count.and_then(|count| faults.check(field, LimitChange::of_count(count)));
        percent.unwrap_or_default().and(count.unwrap_or_default())
    })
}

/// Parses the limits of single tiers, each tier at most once.
fn parse_tier_limits(sent: Vec<RawTierLimit>, faults: &mut Violations) -> Vec<TierLimitChange> {
    let mut changes: Vec<TierLimitChange> = Vec::with_capacity(sent.len());
    for (index, RawTierLimit { tier, limit }) in sent.into_iter().enumerate() {
        let field = |name: &str| format!("guard_limits.removals_of_tiers[{index}].{name}");
        let tier = faults.check(field("tier"), Tier::parse(tier));
        let percent = limit
            .percent
            .and_then(|percent| faults.check(field("percent"), LimitChange::of_percent(percent)));
        let count = limit.count.and_then(|count| faults.check(field("count"), LimitChange::of_count(count)));
        let Some(tier) = tier else { continue };
        if changes.iter().any(|other| other.tier == tier) {
            faults.add(Reason::FieldInvalid, field("tier"), "must not be listed twice");
        }
        let change = percent.unwrap_or_default().and(count.unwrap_or_default());
        changes.push(TierLimitChange { tier, change });
    }
    changes
}

fn matches(filter: &Filter, base: &BaseSummary, effort: &mut Effort) -> bool {
    let view = BaseView {
        number: base.number,
        name: base.settings.name.as_str(),
        created_at: base.created_at,
        updated_at: base.updated_at,
    };
    filter.matches_base(&view, effort)
}
