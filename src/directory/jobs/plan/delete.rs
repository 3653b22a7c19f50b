//! The plan of a delete by filter: which members match.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::decide::Made;
use super::filter;
use super::written::stored;
use crate::directory::jobs::work::{Halt, Work};
use crate::model::{
    Effort, GuardCounts, GuardExpectation, Hold, Job, ListCounts, MemberView, Parsed, PlanHash, PlanSummary,
    RawFilter, Row, Tier,
};
use crate::table::{AudienceMembers, Base, Causes, Examples, PlannedExample};

/// Members read under one view.
const READ_AT_ONCE: usize = 500;

/// Finds the members that match. The guard accepts exactly the expected number of them.
pub async fn plan(
    work: &Work,
    base: &Arc<Base>,
    job: &Job,
    filters: &[RawFilter],
    expected: GuardExpectation,
) -> Result<Made, Halt> {
    let Parsed { filter: wanted, named } = filter::parse(&work.table, work.base, filters)?;
    let view = base.view().await;
    filter::check(job, &named, &view)?;
    let (first, next_row, living) = (view.revision(), view.next_row(), view.sets().living());
    drop(view);
    let (mut rows, mut examples) = (Vec::new(), Examples::new(job.sight));
    let mut of_tiers: HashMap<Tier, u64> = HashMap::new();
    let mut last = first;
    for number in living.chunks() {
        let chunk = living.chunk(number);
        let all: Vec<Row> = chunk.iter().map(|low| Row(number << 16 | u64::from(low))).collect();
        for some in all.chunks(READ_AT_ONCE) {
            work.check()?;
            let view = base.view().await;
            last = view.revision();
            // An audience may have been archived since.
            filter::check(job, &named, &view)?;
            let memberships =
                if named.audiences.is_empty() { AudienceMembers::default() } else { view.memberships() };
            for (row, member) in view.members(some).await? {
                let (fold, audiences) = (work.table.fold(), &memberships);
                let view = MemberView { row, member: &member, fold, audiences };
                if wanted.matches(&view, &mut Effort::default()) {
                    rows.push(row);
                    if let Some(tier) = &member.profile.tier {
                        *of_tiers.entry(tier.clone()).or_default() += 1;
                    }
                    examples.add_removed(row, member);
                }
            }
        }
    }
    let examples: Vec<PlannedExample> = examples.finish().into_iter().map(stored).collect();
    work.jobs().put_examples(work.base, work.number, &examples).await?;
    let removed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let hash = digest(&rows);
    let state = base.guard_state().await;
    let mut counted = GuardCounts::of_removals(removed);
    for (tier, members) in &of_tiers {
        state.tiers.slot(Some(tier)).into_iter().for_each(|slot| counted.of_tiers.add(slot, *members));
    }
    let held = state.judge(&counted, &expected).err();
    let summary = PlanSummary {
        counts: ListCounts { removed, ..ListCounts::default() },
        unreadable: 0,
        removed_young: (0, 0),
        revisions: (first, last),
        next_row: next_row.0,
        counted,
        of_tiers: state.tiers.named(&counted.of_tiers),
        hash,
        rows_hash: PlanHash::default(),
        holds: held.iter().map(|_| Hold::Removals).collect(),
    };
    let causes = Causes { over: held.into_iter().collect(), ..Causes::default() };
    Ok(Made { summary, removals: rows, causes })
}

/// The digest of the members that a plan removes: the first half of the SHA-256 of their rows, eight
/// little-endian bytes each.
fn digest(rows: &[Row]) -> PlanHash {
    let mut hash = Sha256::new();
    rows.iter().for_each(|row| hash.update(row.0.to_le_bytes()));
    let bytes: [u8; 32] = hash.finalize().into();
    PlanHash(*bytes.first_chunk().unwrap_or(&[0; 16]))
}
