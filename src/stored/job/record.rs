//! The stored form of a job.
//!
//! ```text
//! job    = version 4, state u8, flags u8 (1 dry run, 2 asks first, 4 by an admin, 8 without pii),
//!          origin (as in commits), name text, task, input, planned rows varint,
//!          cursor (row, removal and step varints), done counts, revisions option (first, last varints),
//!          created at time, changed at time, planned at option time,
//!          plan option plan, approved option (hash 16 bytes, origin of the decision), end option (reason and
//!          message text)
//! counts = created, updated, reactivated, unchanged, failed, removed, not judged, spared, out of scope,
//!          newer varints
//! plan   = counts, unreadable, younger than a day, younger than a week, first revision, last revision,
//!          next row, removals, changed identities, lost data, reactivations, tiers varints,
//!          removals of single tiers: count varint, that many: tier text, removals varint;
//!          hash 16 bytes, hash of the rows 16 bytes, holds u16
//! ```
//!
//! In version 1 a plan has only the number of removals. It is read with the most that the others can be: a
//! row counts at most once for each kind. Up to version 2 the counts end with those that were spared, and an
//! input has no columns. Up to version 3 a plan has no removals of single tiers,
//! and a batch no expected numbers.
//!
//! Bit `n` of the holds is set for the `n`-th of [`Hold::ALL`].

use super::task;
use crate::model::origin::{Call, Cause, Door};
use crate::model::{
    BaseNumber, GuardCounts, Hold, Job, JobCursor, JobEnd, JobNumber, JobState, ListCounts, Origin, PlanHash,
    PlanSummary, RowTally, Sight, Tier,
};
use crate::stored::bytes::{Reader, Writer};
use crate::stored::decode::versioned;
use crate::stored::{DecodeError, origin};

const VALUE: &str = "job";
const VERSION: u8 = 4;
/// The first version with the removals of single tiers.
const WITH_TIERS: u8 = 4;
/// The first version with all counts, and with columns of the input.
const WITH_STAYING: u8 = 3;
/// The first version with numbers for every kind of change.
const WITH_KINDS: u8 = task::WITH_KINDS;

const DRY_RUN: u8 = 1;
const ASKS_FIRST: u8 = 2;
const BY_ADMIN: u8 = 4;
const WITHOUT_PII: u8 = 8;

/// The stored form. Base and number are in the key.
#[must_use]
pub fn encode(job: &Job) -> Vec<u8> {
    encode_as(VERSION, job)
}

/// Whether this is the form of an older version.
#[must_use]
pub fn is_older(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|version| *version < VERSION)
}

/// Whether this is the form of a version that had no numbers of changes other than removals.
#[must_use]
pub fn lacks_kinds(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|version| *version < WITH_KINDS)
}

/// The form of a version.
pub fn encode_as(version: u8, job: &Job) -> Vec<u8> {
    let mut w = Writer(Vec::with_capacity(256));
    w.u8(version);
    w.u8(job.state.number());
    let flag = |is, flag| if is { flag } else { 0 };
    w.u8(flag(job.is_dry_run, DRY_RUN)
        | flag(job.asks_first, ASKS_FIRST)
        | flag(job.by_admin, BY_ADMIN)
        | flag(job.sight == Sight::WithoutPii, WITHOUT_PII));
    origin::write(&mut w, job.origin);
    w.slice(job.name.as_bytes());
    task::write(&mut w, version, &job.task);
    task::write_input(&mut w, version, &job.input);
    let JobCursor { row, removal, step } = job.cursor;
    [job.planned_rows, row, removal, step].into_iter().for_each(|number| w.varint(number));
    write_counts(&mut w, version, &job.done);
    w.u8(u8::from(job.revisions.is_some()));
    job.revisions.iter().flat_map(|(first, last)| [first, last]).for_each(|revision| w.varint(*revision));
    w.time(job.created_at);
    w.time(job.changed_at);
    w.optional_time(job.planned_at);
    w.u8(u8::from(job.plan.is_some()));
    job.plan.iter().for_each(|plan| write_plan(&mut w, version, plan));
    w.u8(u8::from(job.approved.is_some()));
    if let Some((hash, actor)) = &job.approved {
        w.0.extend_from_slice(&hash.0);
        let by = Origin { actor: *actor, door: Door::System, call: Call::NONE, cause: Cause::None };
        origin::write(&mut w, by);
    }
    w.u8(u8::from(job.end.is_some()));
    if let Some(JobEnd { reason, message }) = &job.end {
        w.slice(reason.as_bytes());
        w.slice(message.as_bytes());
    }
    w.0
}

/// Reads the stored form of the job with this base and number.
pub fn decode(base: BaseNumber, number: JobNumber, bytes: &[u8]) -> Result<Job, DecodeError> {
    let version = bytes.first().copied().unwrap_or_default();
    let mut r = Reader::new(VALUE, versioned(VALUE, VERSION, bytes)?);
    let state = JobState::from_number(r.u8()?).ok_or_else(|| r.damaged("its state is unknown"))?;
    let flags = r.u8()?;
    let from = origin::read(&mut r)?;
    let name = r.text()?.to_owned();
    let task = task::read(&mut r, version)?;
    let input = task::read_input(&mut r, version)?;
    let planned_rows = r.varint()?;
    let cursor = JobCursor { row: r.varint()?, removal: r.varint()?, step: r.varint()? };
    let done = read_counts(&mut r, version)?;
    let revisions = if r.u8()? == 0 { None } else { Some((r.varint()?, r.varint()?)) };
    let (created_at, changed_at, planned_at) = (r.time()?, r.time()?, r.optional_time()?);
    let plan = if r.u8()? == 0 { None } else { Some(read_plan(&mut r, version)?) };
    let approved = if r.u8()? == 0 { None } else { Some((hash(&mut r)?, origin::read(&mut r)?.actor)) };
    let end = if r.u8()? == 0 {
        None
    } else {
        Some(JobEnd { reason: r.text()?.to_owned(), message: r.text()?.to_owned() })
    };
    r.end()?;
    Ok(Job {
        base,
        number,
        task,
        name,
        is_dry_run: flags & DRY_RUN != 0,
        asks_first: flags & ASKS_FIRST != 0,
        origin: from,
        sight: if flags & WITHOUT_PII == 0 { Sight::Whole } else { Sight::WithoutPii },
        by_admin: flags & BY_ADMIN != 0,
        state,
        input,
        plan,
        approved,
        planned_rows,
        cursor,
        done,
        revisions,
        created_at,
        changed_at,
        planned_at,
        end,
    })
}

fn write_counts(w: &mut Writer, version: u8, counts: &ListCounts) {
    let RowTally { created, updated, reactivated, unchanged, failed } = counts.rows;
    let ListCounts { rows: _, removed, not_judged, out_of_scope, newer, spared } = *counts;
    let all = [created, updated, reactivated, unchanged, failed, removed, not_judged, spared];
    let staying = [out_of_scope, newer].into_iter().filter(|_| version >= WITH_STAYING);
    all.into_iter().chain(staying).for_each(|count| w.varint(count));
}

fn read_counts(r: &mut Reader<'_>, version: u8) -> Result<ListCounts, DecodeError> {
    let rows = RowTally {
        created: r.varint()?,
        updated: r.varint()?,
        reactivated: r.varint()?,
        unchanged: r.varint()?,
        failed: r.varint()?,
    };
    let (removed, not_judged, spared) = (r.varint()?, r.varint()?, r.varint()?);
    let (out_of_scope, newer) = if version >= WITH_STAYING { (r.varint()?, r.varint()?) } else { (0, 0) };
    Ok(ListCounts { rows, removed, not_judged, out_of_scope, newer, spared })
}

fn write_plan(w: &mut Writer, version: u8, plan: &PlanSummary) {
    write_counts(w, version, &plan.counts);
    let (day, week) = plan.removed_young;
    let (first, last) = plan.revisions;
    let numbers = [plan.unreadable, day, week, first, last, plan.next_row];
    let counted = task::guard_kinds(version).iter().map(|kind| plan.counted.get(*kind));
    numbers.into_iter().chain(counted).for_each(|number| w.varint(number));
    if version >= WITH_TIERS {
        w.varint(u64::try_from(plan.of_tiers.len()).unwrap_or(u64::MAX));
        for (tier, removals) in &plan.of_tiers {
            w.slice(tier.as_str().as_bytes());
            w.varint(*removals);
        }
    }
    w.0.extend_from_slice(&plan.hash.0);
    w.0.extend_from_slice(&plan.rows_hash.0);
    let holds = Hold::ALL.iter().enumerate().filter(|(_, hold)| plan.holds.contains(hold));
    let holds: u16 = holds.map(|(bit, _)| 1 << bit).sum();
    w.0.extend_from_slice(&holds.to_le_bytes());
}

fn read_plan(r: &mut Reader<'_>, version: u8) -> Result<PlanSummary, DecodeError> {
    let counts = read_counts(r, version)?;
    let unreadable = r.varint()?;
    let removed_young = (r.varint()?, r.varint()?);
    let revisions = (r.varint()?, r.varint()?);
    let next_row = r.varint()?;
    let RowTally { updated, reactivated, .. } = counts.rows;
    let changed = updated.saturating_add(reactivated);
    let mut counted = GuardCounts {
        removals: 0,
        identities: changed,
        clears: changed,
        reactivations: reactivated,
        tiers: changed,
        ..GuardCounts::default()
    };
    for kind in task::guard_kinds(version) {
        *counted.get_mut(*kind) = r.varint()?;
    }
    let mut of_tiers = Vec::new();
    for _ in 0..if version >= WITH_TIERS { r.varint()? } else { 0 } {
        of_tiers.push((Tier::from_stored(r.text()?.to_owned()), r.varint()?));
    }
    let (hash, rows_hash) = (hash(r)?, hash(r)?);
    let bits = u16::from_le_bytes([r.u8()?, r.u8()?]);
    if usize::try_from(u16::BITS - bits.leading_zeros()).unwrap_or(usize::MAX) > Hold::ALL.len() {
        return Err(r.damaged("its plan is held for an unknown reason"));
    }
    let holds = Hold::ALL.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    let holds = holds.map(|(_, hold)| hold).collect();
    Ok(PlanSummary {
        counts,
        unreadable,
        removed_young,
        revisions,
        next_row,
        counted,
        of_tiers,
        hash,
        rows_hash,
        holds,
    })
}

fn hash(r: &mut Reader<'_>) -> Result<PlanHash, DecodeError> {
    let bytes = r.take(16)?.try_into().map_err(|_| r.damaged("a hash is not 16 bytes long"))?;
    Ok(PlanHash(bytes))
}
