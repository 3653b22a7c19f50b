//! Reads the recent level of a lookup, and checks it by itself.

use crate::stored::bucket;
use crate::stored::key::{self, Level};
use crate::table::TableError;
use crate::table::audit::lookups::form;
use crate::table::audit::state::{Audit, State, buckets_of};
use crate::table::index::damage::Damage;
use crate::table::index::image::row_op;
use crate::table::index::lookup::{LevelOf, LookupKind};
use crate::table::index::overlay::RowOp;
use crate::table::index::scan::for_each;

/// What the recent level says about the hashes that are `wanted`. What cannot be read is left out.
pub async fn ops(
    audit: &Audit<'_>,
    state: &State,
    kind: LookupKind,
    wanted: impl Fn(u64) -> bool,
) -> Result<Vec<(u64, RowOp)>, TableError> {
    let mut ops = Vec::new();
    if buckets_of(state, Level::Recent, kind) == 0 {
        return Ok(ops);
    }
    let range = key::buckets_from(state.number, Level::Recent, kind.number(), 0);
    for_each(audit.engine, range, |_, value| {
        let changes = bucket::decode(kind.width(), &value).unwrap_or_default();
        let wanted = changes.into_iter().filter(|change| wanted(change.hash));
        ops.extend(wanted.map(|change| (change.hash, row_op(change))));
        Ok(())
    })
    .await?;
    Ok(ops)
}

/// Checks the buckets of the recent level, and the number of its changes.
pub async fn check(audit: &mut Audit<'_>, state: &State, kind: LookupKind) -> Result<(), TableError> {
    let recent = state.stored.recent(kind.number());
    if recent.buckets == 0 {
        return Ok(());
    }
    let (findings, of) = (&mut audit.findings, LevelOf(Level::Recent, kind));
    let mut counted = 0_u64;
    let range = key::buckets_from(state.number, Level::Recent, kind.number(), 0);
    for_each(audit.engine, range, |key, value| {
        let Some((_, bucket)) = key::bucket_parts(Level::Recent, &key) else {
            findings.unknown_key(Some(state.number), &key);
            return Ok(());
        };
        // `form::check_surplus` reports it.
        if bucket >= recent.buckets {
            return Ok(());
        }
        match bucket::decode(kind.width(), &value) {
            Ok(changes) => {
                counted += u64::try_from(changes.len()).unwrap_or(u64::MAX);
                form::check(findings, state, of, bucket, &value, &changes);
            }
            Err(error) => findings.unreadable(state.number, &key, error),
        }
        Ok(())
    })
    .await?;
    if counted != recent.changes {
        let counter = recent.changes;
        findings.add(Some(state.number), Damage::EntryCount { of, counter, counted });
    }
    Ok(())
}
