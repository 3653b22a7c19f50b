//! The members that a list does not name.
//!
//! Nothing is written while a plan is made. So a member that nobody has written since the plan began is now
//! as it was then, before the list is applied.

use roaring::RoaringTreemap;

use crate::compute::Stretch;
use crate::model::{ListOptions, Member, Row, Status, TierCounts, TierLimits, Timestamp};
use crate::table::TableError;
use crate::table::index::block::Stored;
use crate::table::index::sets::{CHUNK_ROWS, RowSet, SetField, union};
use crate::table::open::OpenBase;
use crate::table::plan::READ_TOGETHER;
use crate::table::sync::example::Examples;
use crate::table::sync::named::Named;
use crate::table::sync::request::Begun;
use crate::table::sync::scope::Scope;

/// A day, in microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// Reading and checking a member counts as this many steps of a [`Stretch`].
const MEMBER_STEPS: usize = 2;

/// The members that are missing from a list.
#[derive(Debug, Default)]
pub struct Missing {
    /// Those to be removed, in ascending order.
    pub rows: Vec<Row>,
    /// Those that are not in the scope of the list.
    pub out_of_scope: u64,
    /// Those that are younger than the list.
    pub newer: u64,
    /// Those that the list cannot name, because they have no value in the field by which it matches.
    pub not_judged: u64,
    /// Those to be removed that are younger than a day, and than a week.
    pub young: (u64, u64),
    /// Those to be removed of tiers that have a limit of their own.
    pub of_tiers: TierCounts,
}

/// By what members are found to be missing.
pub struct Criteria<'a> {
    pub begun: Begun,
    pub options: &'a ListOptions,
    /// When the list arrived.
    pub arrived_at: Timestamp,
    /// The members that were created since then, and that the list is newer than in spite of it.
    pub earlier: RoaringTreemap,
    pub named: &'a Named,
    /// The time by which their age is judged.
    pub now: Timestamp,
    /// The tiers that have a limit of their own.
    pub limits: &'a TierLimits,
}

/// Finds the members that no row names. `scope` says which it may remove at all.
pub async fn find(
    open: &OpenBase,
    criteria: &Criteria<'_>,
    scope: &mut Scope,
    examples: &mut Examples,
) -> Result<Missing, TableError> {
    let (chunks, present) = {
        let published = open.published.read().await;
        scope.see(&published);
        let of = |status: Status| published.sets.of_value(SetField::Status, status.as_str());
        (published.sets.living().chunks(), [of(Status::Active), of(Status::Invited)])
    };
    let present: Vec<RowSet> = present.into_iter().flatten().collect();
    let (mut missing, mut stretch) = (Missing::default(), Stretch::default());
    for chunk in chunks {
        let rows = union(present.iter().filter_map(|rows| rows.chunk(chunk)));
        let rows = rows.iter().map(|low| Row(chunk.saturating_mul(CHUNK_ROWS).saturating_add(low.into())));
        let unnamed = |row: &Row| row.0 < criteria.begun.next_row && !criteria.named.has(*row);
        let rows: Vec<Row> = rows.filter(unnamed).collect();
        for together in rows.chunks(READ_TOGETHER) {
            stretch.work(together.len().saturating_mul(MEMBER_STEPS)).await;
            let members = criteria.read(open, together).await?;
            let all = members.len();
            let members = scope.keep(members).await;
            missing.out_of_scope += u64::try_from(all - members.len()).unwrap_or(u64::MAX);
            for (row, member) in members {
                missing.add(row, member, criteria, examples);
            }
        }
    }
    Ok(missing)
}

impl Criteria<'_> {
    /// Whether the list is older than this member. A plan may be made long after its list arrived: the list
    /// waits for another job, or for an approval.
    fn is_older_than(&self, row: Row, member: &Member) -> bool {
        match self.options.as_of {
            Some(made_at) => member.created_at >= made_at,
            None => member.created_at > self.arrived_at && !self.earlier.contains(row.0),
        }
    }

    /// Those of the members that were there when the plan began and are unchanged since.
    async fn read(&self, open: &OpenBase, rows: &[Row]) -> Result<Vec<(Row, Member)>, TableError> {
        let stored = Stored::read(&open.parts.engine, open.number, rows.iter().copied()).await?;
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(record) = stored.record(*row)? else { continue };
            let member = crate::stored::member::decode(record)?;
            if member.revision <= self.begun.revision && member.status != Status::Inactive {
                members.push((*row, member));
            }
        }
        Ok(members)
    }
}

impl Missing {
    fn add(&mut self, row: Row, member: Member, criteria: &Criteria<'_>, examples: &mut Examples) {
        if criteria.is_older_than(row, &member) {
            self.newer += 1;
            return;
        }
        if !criteria.options.match_by.can_name(&member.profile) {
            self.not_judged += 1;
            return;
        }
        let age = criteria.now.micros().saturating_sub(member.created_at.micros());
        self.young.0 += u64::from(age < DAY);
        self.young.1 += u64::from(age < 7 * DAY);
        let slot = criteria.limits.slot(member.profile.tier.as_ref());
        slot.into_iter().for_each(|slot| self.of_tiers.add(slot, 1));
        self.rows.push(row);
        examples.add_removed(row, member);
    }
}
