//! What becomes of a member whose changes are taken back, from what the log says about it and how it is now.

use std::collections::HashMap;

use crate::engine::Direction;
use crate::model::{Member, Reason, RecordCounts, RecordKind, Refusal, Row, Status, Timestamp};
use crate::stored::job::{Reversal, Undo};
use crate::stored::member_record::decode_counts;
use crate::stored::{member, record_key};
use crate::table::TableError;
use crate::table::index::entries::match_keys;
use crate::table::index::resolve::Wanted;
use crate::table::open::OpenBase;
use crate::table::plan::{changed_since, is_same};
use crate::table::read::attached::last_change;
use crate::table::read::view::{View, holds};
use crate::table::revert::log::Trace;

/// A member that may go back.
#[derive(Debug)]
pub struct Candidate {
    /// What happens with it, as far as it alone is concerned.
    pub reversal: Reversal,
    /// The keys that it gets.
    pub needs: Vec<Wanted>,
    /// The keys that it gives up.
    pub frees: Vec<Wanted>,
}

/// Compares members with the present, which is one revision for all of them.
pub async fn compare(open: &OpenBase, slice: Vec<(Row, Trace)>) -> Result<Vec<Candidate>, TableError> {
    let rows: Vec<Row> = slice.iter().map(|(row, _)| *row).collect();
    let created: Vec<(Row, &Trace)> =
        slice.iter().filter(|(_, trace)| trace.before.is_none()).map(|(row, trace)| (*row, trace)).collect();
    let view = View::new(open, open.published.read().await);
    let present: HashMap<Row, Member> = view.members(&rows).await?.into_iter().collect();
    let now = view.now();
    drop(view);
    let records = records_of(open, &created).await?;
    slice
        .into_iter()
        .map(|(row, trace)| {
            let present = present.get(&row);
            let does = undo(&trace, present, records.get(&row).copied().unwrap_or_default(), now)?;
            let (needs, frees) = keys(open, &does, present, now)?;
            let seen = present.map_or(0, |member| member.revision);
            let reversal = Reversal { row: Some(row), seen, with_next: false, does };
            Ok(Candidate { reversal, needs, frees })
        })
        .collect()
}

/// The records of a member, and whether some of them were attached or changed since it was created or came
/// back.
#[derive(Debug, Clone, Copy, Default)]
struct Attached {
    counts: RecordCounts,
    since: bool,
}

fn undo(
    trace: &Trace,
    present: Option<&Member>,
    attached: Attached,
    now: Timestamp,
) -> Result<Undo, TableError> {
    // What is deleted has no revision. Then only the log says whether somebody else has changed it.
    let is_foreign = trace.is_foreign || present.is_some_and(|member| member.revision != trace.last);
    Ok(match (&trace.before, present) {
        (None, None) => Undo::Unchanged,
        (None, Some(member)) => {
            let why = match (is_foreign, attached.since) {
                (true, _) => changed_since(),
                (false, true) => Refusal::new(Reason::RecordsAttached),
                (false, false) => return Ok(Undo::Delete(attached.counts)),
            };
            if member.status == Status::Inactive { Undo::Stays(why) } else { Undo::Offboard(why) }
        }
        (Some(record), Some(member)) => {
            let mut before = member::decode(record)?;
            before.drop_aliases(now);
            let mut member = member.clone();
            member.drop_aliases(now);
            match is_foreign {
                _ if is_same(&before, &member) => Undo::Unchanged,
                true => Undo::Stays(changed_since()),
                false => Undo::Back { record: record.clone(), reactivates: false },
            }
        }
        (Some(record), None) => match trace.deleted_at {
            Some(deleted_at) if !is_foreign => Undo::Returns { deleted_at, record: record.clone() },
            Some(_) | None => Undo::Stays(changed_since()),
        },
    })
}

/// The keys that a member gets, and those that it gives up.
fn keys(
    open: &OpenBase,
    does: &Undo,
    present: Option<&Member>,
    now: Timestamp,
) -> Result<(Vec<Wanted>, Vec<Wanted>), TableError> {
    let after = match does {
        Undo::Back { record, .. } | Undo::Returns { record, .. } => {
            let mut after = member::decode(record)?;
            after.drop_aliases(now);
            Some(after)
        }
        Undo::Delete(_) => None,
        Undo::Stays(_) | Undo::Unchanged | Undo::Offboard(_) => return Ok((Vec::new(), Vec::new())),
    };
    let fold = open.parts.hashes.fold();
    let lacks = |one: Option<&Member>, other: Option<&Member>| -> Vec<Wanted> {
        let keys = one.map(|member| match_keys(&open.parts.hashes, member)).unwrap_or_default().into_iter();
        let is_lacking = |key| other.is_none_or(|other| !holds(other, key, fold, now));
        keys.filter(|(_, key)| is_lacking(*key)).map(|(wanted, _)| wanted).collect()
    };
    Ok((lacks(after.as_ref(), present), lacks(present, after.as_ref())))
}

/// The records of members that were created or came back by these changes.
async fn records_of(
    open: &OpenBase,
    created: &[(Row, &Trace)],
) -> Result<HashMap<Row, Attached>, TableError> {
    let base = open.number;
    let keys: Vec<_> = created.iter().map(|(row, _)| record_key::record_counts(base, *row)).collect();
    let mut attached = HashMap::new();
    for ((row, trace), value) in created.iter().zip(open.parts.engine.get_many(&keys).await?) {
        let Some(value) = value else { continue };
        let counts = decode_counts(&value)?;
        let mut since = false;
        for kind in RecordKind::ALL {
            let range = record_key::records_of(base, *row, kind, None, true);
            let newest = open.parts.engine.scan(range, Direction::Backward, 1).await?.pop();
            let place = newest.and_then(|(key, _)| record_key::record_place(&key));
            since |= place.is_some_and(|place| record_key::revision(place.sequence) >= trace.first);
        }
        if !since {
            // Those that came back with the member may have changed since.
            let last = last_change(&open.parts.engine, base, *row, |_| None).await?;
            since = last.is_some_and(|last| last >= trace.since);
        }
        attached.insert(*row, Attached { counts, since });
    }
    Ok(attached)
}
